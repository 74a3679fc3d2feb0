"""Learn in dreams of a world model, with few real steps: `python scripts/train_in_dream.py --env Pendulum-v1`."""

from __future__ import annotations

from command_line import parse_env_kwargs, run, when_stopped

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from fit_display import FitDisplay
from policy_source import known_expert_return
from pydantic import TypeAdapter
from stable_baselines3.common import logger as sb3_logger
from stable_baselines3.common.logger import Logger
from stopped_run import stopped_run

from agents import Dreaming, DreamingConfig, DreamRound
from genrl.errors import InputError
from genrl.evaluation import (
    draw_learning_curve,
    evaluate_policy,
    print_evaluation,
    random_return,
    write_evaluation,
)
from genrl.policies import load_policy
from genrl.stop_signals import StopSignals
from genrl.training.atomic_files import read_json
from genrl.training.reading import validate
from genrl.training.run_directory import RunDirectory

AGENT = "dreaming"
NEWEST_ROUND = "newest_round"  # document of a checkpoint
TIMES_THE_FIRST = 5  # real steps by default


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What `train_in_dream.py` can be told."""

    env: str = "Pendulum-v1"
    """Gymnasium id of the task."""
    real_steps: int | None = None
    """Steps in the task itself; by default five times as many as the first ones, which are random (5,000 of
    Pendulum-v1), or what a resumed run was to take."""
    env_kwargs: tuple[str, ...] = ()
    """Constructor keywords of the task, as key=value."""
    seed: int = 0
    """Of everything random."""
    device: str = "cpu"
    """Where model and networks live."""
    round_episodes: int = 10
    """Real episodes of the evaluation after each round; the best policy is kept by them."""
    eval_episodes: int = 50
    """Real episodes of the table at the end."""
    log_folder: Path = Path("runs")
    """Parent of the run directories."""
    resume: Path | None = None
    """A run directory to go on with: it ends bit for bit as if it had not been stopped, also within a round. Everything
    but --real-steps is taken from it; more of them equal a run of that length from the start if the last round was not
    cut short by their number."""
    trust: bool = False
    """With --resume: accept a run whose environment imports a module or reads a file when it is made."""
    agent: Annotated[DreamingConfig, tyro.conf.arg(name="")] = field(default_factory=DreamingConfig)
    """The algorithm."""

    def __post_init__(self) -> None:
        for name in ("real_steps", "round_episodes", "eval_episodes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} must be 1 or more, not {value}")


def main(config: TrainConfig) -> None:
    """Learn in dreams of a world model that is fitted to few real steps, and report the true return."""
    agent, directory, config = resume(config) if config.resume else start(config)
    real_steps = config.real_steps or directory.config["real_steps"]
    when_stopped(lambda: stopped_run(directory, of=real_steps, unit="real steps", policy=agent.rounds_done > 0))
    with StopSignals() as stop:
        train(agent, directory, real_steps, config.round_episodes, stop)
    if not stop.requested:
        report(directory, config.eval_episodes)


def start(config: TrainConfig) -> tuple[Dreaming, RunDirectory, TrainConfig]:
    """A fresh run. Everything that can be wrong is found before its directory is made."""
    print(f"learning in dreams of {config.env} with {config.agent.learner.upper()}: preparing", flush=True)
    env_kwargs = parse_env_kwargs(config.env_kwargs)
    agent = Dreaming(config.env, env_kwargs=env_kwargs, seed=config.seed, device=config.device, config=config.agent)
    floor = random_return(config.env, env_kwargs=env_kwargs)
    about = {
        "env_kwargs": env_kwargs,
        "real_steps": config.real_steps or TIMES_THE_FIRST * agent.first_steps,
        "expert_return": None if env_kwargs else known_expert_return(config.env),
        "random_return": floor,
        "settings": TypeAdapter(TrainConfig).dump_python(config, mode="json"),
    }
    directory = RunDirectory.create(config.log_folder, AGENT, config.env, config.seed, about)
    print(f"random return {floor:,.0f}\nrun directory: {directory.path}", flush=True)
    return agent, directory, config


def resume(config: TrainConfig) -> tuple[Dreaming, RunDirectory, TrainConfig]:
    """The run as its latest checkpoint left it."""
    assert config.resume is not None
    directory = RunDirectory.resume(config.resume)
    told = replace(directory.settings(TrainConfig, (AGENT,), trust=config.trust), real_steps=config.real_steps)
    directory.check_versions()
    agent = Dreaming.load(directory.latest_checkpoint().folder, device=told.device, trust=config.trust)
    print(f"resuming {directory.path} at {agent.real_steps:,} real steps", flush=True)
    return agent, directory, told


def train(agent: Dreaming, directory: RunDirectory, real_steps: int, episodes: int, stop: StopSignals) -> None:
    """All rounds, each evaluated, logged and saved; a signal ends it at once, and a round is gone on with later."""
    overdue = round_to_evaluate(directory) if agent.rounds_done and not agent.in_round else None
    if agent.real_steps >= real_steps and not agent.in_round and overdue is None:
        return
    directory.set_aside_progress()
    logger = sb3_logger.configure(str(directory.path), ["csv", "tensorboard"])
    best = best_so_far(directory)

    def save(done: DreamRound | None = None) -> None:
        state = agent.state()
        documents = {**state.documents, **({} if done is None else {NEWEST_ROUND: done.to_document()})}
        directory.save(agent.real_steps, tensors=state.tensors, documents=documents, arrays=state.arrays)

    def after_round(done: DreamRound) -> bool:
        nonlocal best
        save(done)
        try:
            with stop.interruptible():
                evaluation = evaluate_policy(
                    agent, directory.config["env"], episodes, env_kwargs=agent.env_kwargs, seed=1000
                )
        except KeyboardInterrupt:
            if not stop.requested:
                raise
            return False
        mean = float(evaluation.returns.mean())
        if mean > best:
            best, state = mean, agent.state()
            summary = evaluation.summary(directory.config["expert_return"], directory.config["random_return"])
            directory.save_best(tensors=state.tensors, documents={**state.documents, "evaluation": summary})
        record(logger, done, mean, float(evaluation.lengths.mean()))
        directory.update_config(rounds_evaluated=done.number)
        print(
            f"round {done.number}: {done.real_steps:,}/{real_steps:,} real steps, {done.dreamt_steps:,} dreamt, "
            f"true return {mean:,.0f}, best {best:,.0f}",
            flush=True,
        )
        return not stop.requested

    with FitDisplay() as display:
        if overdue is None or after_round(overdue):
            agent.learn(real_steps, on_round=after_round, progress=display.show, save=save, stop=lambda: stop.requested)
    logger.close()


def round_to_evaluate(directory: RunDirectory) -> DreamRound | None:
    """The round that the latest checkpoint was written after, if its evaluation was interrupted."""
    document = directory.latest_checkpoint().documents.get(NEWEST_ROUND)
    done: DreamRound | None = validate(DreamRound | None, document, directory.checkpoints, NEWEST_ROUND)
    return done if done is not None and done.number > directory.config.get("rounds_evaluated", 0) else None


def record(logger: Logger, done: DreamRound, mean_return: float, mean_length: float) -> None:
    """Write a round's line of the log."""
    logger.record("time/total_timesteps", done.real_steps)
    logger.record("time/dreamt_steps", done.dreamt_steps)
    logger.record("eval/mean_reward", mean_return)
    logger.record("eval/mean_ep_length", mean_length)
    if done.episode_returns:
        logger.record("rollout/ep_rew_mean", float(np.mean(done.episode_returns)))
    for name, value in kept_metrics(done).items():
        logger.record(f"model/{name}", value)
    logger.dump(done.real_steps)


def kept_metrics(done: DreamRound) -> dict[str, float]:
    """What the kept weights of the model reached on the steps held out."""
    history = done.history
    return history.epochs[history.kept - 1].validation if history.kept else {}


def best_so_far(directory: RunDirectory) -> float:
    """Of the evaluations of a run that goes on."""
    path = directory.best / "evaluation.json"
    return float(read_json(path)["mean"]) if path.is_file() else float("-inf")


def report(directory: RunDirectory, episodes: int) -> dict[str, Any]:
    """Evaluate the best policy, print the table, write `evaluation.json` and `learning_curve.png`."""
    policy = directory.read_policy(load_policy)
    env_kwargs = directory.config["env_kwargs"]
    evaluation = evaluate_policy(policy, directory.config["env"], episodes, env_kwargs=env_kwargs)
    summary = evaluation.summary(directory.config["expert_return"], directory.config["random_return"])
    print_evaluation(summary)
    write_evaluation(directory.path / "evaluation.json", summary)
    curve = draw_learning_curve([directory.path], directory.path / "learning_curve.png")
    print(f"run: {directory.path}\ncurve: {curve}")
    return summary


if __name__ == "__main__":
    run(main, TrainConfig)
