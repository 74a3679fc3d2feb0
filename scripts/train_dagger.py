"""Learn from an expert that labels what the imitator visits: `python scripts/train_dagger.py --env Ant-v4`."""

from __future__ import annotations

from command_line import parse_env_kwargs, run, when_stopped

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from fit_display import FitDisplay
from policy_source import find_policy, known_expert_return
from pydantic import TypeAdapter
from resumed_run import finished, resumed_run
from stable_baselines3.common import logger as sb3_logger
from stopped_run import stopped_run

from agents import DAgger, DAggerConfig, DAggerRound
from experts import load_expert
from genrl.data_digest import data_digest
from genrl.errors import InputError, NotFiniteError
from genrl.evaluation import (
    draw_learning_curve,
    evaluate_policy,
    print_evaluation,
    random_return,
    write_evaluation,
)
from genrl.policies import load_policy
from genrl.protocols import Policy
from genrl.stop_signals import StopSignals
from genrl.training.checkpoint import Checkpoint, CheckpointParts
from genrl.training.fit import FitEpoch
from genrl.training.fit_checkpoints import FitCheckpoints
from genrl.training.reading import validate
from genrl.training.run_directory import RunDirectory

DEFAULTS = DAggerConfig()
ASKED = 64  # observations by whose labels an expert is recognised
LABELS, RETURN = "time/total_timesteps", "eval/mean_reward"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What `train_dagger.py` can be told."""

    env: str = "Ant-v4"
    """Gymnasium id of the task."""
    expert: Path | None = None
    """A run directory or a policy's folder; by default the shipped expert of the task."""
    tier: str = "expert"
    """Which of the shipped experts."""
    rounds: int = DEFAULTS.rounds
    """How often states are collected and the policy is fitted again."""
    steps_per_round: int = DEFAULTS.steps_per_round
    """States that the expert labels in a round."""
    beta_decay: float = DEFAULTS.beta_decay
    """The expert acts in round i, from 0, with this to the power of i as its probability."""
    epochs: int | None = None
    """Passes over all labels in a round, at most; by default as many as make 2,000 gradient steps."""
    batch_size: int = DEFAULTS.cloning.batch_size
    """Rows of a minibatch."""
    learning_rate: float = DEFAULTS.cloning.learning_rate
    """Adam's step size."""
    num_envs: int = 8
    """Environments side by side."""
    env_kwargs: tuple[str, ...] = ()
    """Constructor keywords of the task, as key=value."""
    seed: int = 0
    """Of everything random."""
    device: str = "cpu"
    """Where the network lives; one of this size is fastest on the CPU."""
    round_episodes: int = 20
    """Episodes of the evaluation after each round; the best policy is kept by them."""
    eval_episodes: int = 50
    """Episodes of the table at the end."""
    log_folder: Path = Path("runs")
    """Parent of the run directories."""
    resume: Path | None = None
    """A run directory to go on with, also within a round: it ends bit for bit as if it had never been interrupted. All
    settings but --rounds and --eval-episodes are taken from it; --rounds may ask for more of them."""
    allow_changed_data: bool = False
    """With --resume: go on although the expert answers differently than when the run was begun."""
    trust: bool = False
    """With --resume: accept a run whose environment imports a module or reads a file when it is made."""


def main(config: TrainConfig) -> None:
    """Learn from an expert that is asked for labels in the states that the imitator visits (DAgger)."""
    directory = None
    if config.resume is not None:
        directory, saved_config = resumed_run(config, ("dagger",), free=("rounds", "eval_episodes"))
        config = replace(saved_config, trust=config.trust, allow_changed_data=config.allow_changed_data)
    print(f"DAgger on {config.env}: preparing", flush=True)
    expert = load_expert(config.env, config.tier) if config.expert is None else find_policy(config.expert).policy
    saved = None if directory is None or not directory.has_checkpoint else directory.latest_checkpoint()
    agent = new_agent(config, expert) if saved is None else saved_agent(config, expert, saved)
    digest = digest_of_answers(expert, agent)
    if directory is None:
        directory = new_run(config, expert, digest)
    else:
        source = f"the {config.tier} of {config.env}" if config.expert is None else f"--expert {config.expert}"
        directory.check_data(digest, source, allow_changed=config.allow_changed_data)
        settings = {**directory.config["settings"], "rounds": config.rounds}
        directory.update_config(settings=settings, finished=False)
    floor, ceiling = directory.config["random_return"], directory.config["expert_return"]
    print(
        f"expert return {ceiling:,.0f}; random return {floor:,.0f}\nrun directory: {directory.path}",
        flush=True,
    )
    if train(agent, directory, config, saved):
        report(directory, config.eval_episodes)
        finished(directory)


def new_agent(config: TrainConfig, expert: Policy) -> DAgger:
    """Which has learned nothing yet."""
    cloning = replace(
        DEFAULTS.cloning, epochs=config.epochs, batch_size=config.batch_size, learning_rate=config.learning_rate
    )
    return DAgger(
        config.env,
        expert,
        num_envs=config.num_envs,
        env_kwargs=parse_env_kwargs(config.env_kwargs),
        seed=config.seed,
        device=config.device,
        config=DAggerConfig(
            rounds=config.rounds,
            steps_per_round=config.steps_per_round,
            beta_decay=config.beta_decay,
            cloning=cloning,
        ),
    )


def saved_agent(config: TrainConfig, expert: Policy, saved: Checkpoint) -> DAgger:
    """The agent as a checkpoint has it.

    Raises:
        InputError: it has done more rounds than it is to do.
    """
    agent = DAgger.load(saved.folder, expert=expert, device=config.device, trust=config.trust)
    if agent.rounds_done > config.rounds:
        raise InputError(f"{config.resume} has done {agent.rounds_done} rounds: give more with --rounds")
    agent.config = replace(agent.config, rounds=config.rounds)
    print(f"resuming {config.resume} after {agent.rounds_done} rounds", flush=True)
    return agent


def digest_of_answers(expert: Policy, agent: DAgger) -> str:
    """A digest of what the expert does in some observations that are always the same.

    Of three digits: another processor may round the others differently.
    """
    shape = agent.env.observation_space.shape
    assert shape is not None
    observations = np.random.default_rng(0).normal(size=(ASKED, *shape)).astype(np.float32)
    actions, _ = expert.predict(observations, deterministic=True)
    return data_digest({"actions": np.round(np.asarray(actions, dtype=np.float64), 3) + 0.0})


def new_run(config: TrainConfig, expert: Policy, digest: str) -> RunDirectory:
    """A run directory that knows its settings, and the returns of the expert and of random actions."""
    env_kwargs = parse_env_kwargs(config.env_kwargs)
    about = {
        "env_kwargs": env_kwargs,
        "expert_return": expert_return(config, expert),
        "random_return": random_return(config.env, env_kwargs=env_kwargs),
        "settings": TypeAdapter(TrainConfig).dump_python(config, mode="json"),
    }
    return RunDirectory.create(config.log_folder, "dagger", config.env, config.seed, about, data_digest=digest)


def expert_return(config: TrainConfig, expert: Policy) -> float:
    """What the catalogue says of a shipped expert on the task as it comes; measured otherwise."""
    known = None
    if config.expert is None and config.tier == "expert" and not config.env_kwargs:
        known = known_expert_return(config.env)
    if known is not None:
        return known
    env_kwargs = parse_env_kwargs(config.env_kwargs)
    return float(evaluate_policy(expert, config.env, config.eval_episodes, env_kwargs=env_kwargs).returns.mean())


def train(agent: DAgger, directory: RunDirectory, config: TrainConfig, saved: Checkpoint | None) -> bool:
    """The rounds that are left, each evaluated, logged and, if it is the best, kept in `best/`; whether all are done.

    A checkpoint is written when states are labelled, now and then within a fit, when a signal ends it, and after each
    round; its number is that of the rounds done.
    """
    when_stopped(lambda: stopped_run(directory, of=config.rounds, unit="rounds"))
    logger = sb3_logger.configure(str(directory.path), ["csv", "tensorboard"])
    rows: list[dict[str, float]] = []
    if saved is not None:
        rows = validate(list[dict[str, int | float]], saved.documents.get("rounds"), saved.folder / "rounds.json")
    for row in rows:
        log(logger, row)
    agent_before_fit = None if saved is None else agent.state()

    def save(fit: CheckpointParts) -> None:
        if agent_before_fit is not None:
            directory.save(
                agent.rounds_done,
                tensors={**agent_before_fit.tensors, **fit.tensors},
                documents={**agent_before_fit.documents, **fit.documents, "rounds": rows},
                arrays={**agent_before_fit.arrays, **fit.arrays},
            )

    with StopSignals() as stop, FitDisplay() as display, FitCheckpoints(saved, save=save) as checkpoints:

        def save_agent() -> None:
            nonlocal agent_before_fit
            agent_before_fit = agent.state()
            checkpoints.restart()
            checkpoints.write()

        def after_round(done: DAggerRound) -> bool:
            with stop.interruptible():
                row = evaluated(agent, done, directory, config.round_episodes)
            rows.append(row)
            log(logger, row)
            if row[RETURN] == max(each[RETURN] for each in rows):
                keep_best(agent, directory)
            save_agent()
            ceiling = directory.config["expert_return"]
            fraction = f", {row[RETURN] / ceiling:.0%} of the expert" if ceiling > 0 else ""
            print(f"round {done.number}: {done.labels:,} labels, return {row[RETURN]:,.0f}{fraction}", flush=True)
            return not stop.requested

        def after_epoch(epoch: FitEpoch) -> bool:
            if not checkpoints.replaying:
                display.show(epoch)
            return not stop.requested

        try:
            agent.learn(on_round=after_round, on_labels=save_agent, progress=after_epoch)
        except NotFiniteError:
            if not rows and agent_before_fit is not None:
                keep_best(agent, directory)  # the weights before those that were not finite
            raise
    logger.close()
    if not rows and agent_before_fit is not None:
        keep_best(agent, directory)  # the first round was stopped, and so was what could be learned in it
    return agent.rounds_done >= config.rounds


def keep_best(agent: DAgger, directory: RunDirectory) -> None:
    """Write `best/`."""
    state = agent.state()
    directory.save_best(tensors=state.tensors, documents=state.documents)


def evaluated(agent: DAgger, done: DAggerRound, directory: RunDirectory, episodes: int) -> dict[str, float]:
    """What there is to log of a round."""
    evaluation = evaluate_policy(agent, directory.config["env"], episodes, env_kwargs=agent.env_kwargs, seed=1000)
    return {
        LABELS: done.labels,
        RETURN: float(evaluation.returns.mean()),
        "eval/mean_ep_length": float(evaluation.lengths.mean()),
        "dagger/round": done.number,
        "dagger/beta": done.beta,
        "dagger/epochs": len(done.history.epochs),
        **{f"dagger/{name}": value for name, value in kept_metrics(done).items()},
    }


def log(logger: sb3_logger.Logger, row: dict[str, float]) -> None:
    """One row of `progress.csv`."""
    for name, value in row.items():
        logger.record(name, value)
    logger.dump(int(row[LABELS]))


def kept_metrics(done: DAggerRound) -> dict[str, float]:
    """What the kept weights of a round reached on the episodes held out."""
    history = done.history
    return history.epochs[history.kept - 1].validation if history.kept else {}


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
