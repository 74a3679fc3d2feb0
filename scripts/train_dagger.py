"""Learn from an expert that labels what the imitator visits: `python scripts/train_dagger.py --env Ant-v4`."""

from __future__ import annotations

from command_line import parse_env_kwargs, run

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fit_display import FitDisplay
from policy_source import find_policy, known_expert_return
from pydantic import TypeAdapter
from stable_baselines3.common import logger as sb3_logger

from agents import DAgger, DAggerConfig, DAggerRound
from experts import load_expert
from genrl.evaluation import (
    draw_learning_curve,
    evaluate_policy,
    print_evaluation,
    random_return,
    write_evaluation,
)
from genrl.policies import load_policy
from genrl.protocols import Policy
from genrl.stop_signals import StopSignals, stop_requested
from genrl.training.fit import FitEpoch
from genrl.training.run_directory import RunDirectory

DEFAULTS = DAggerConfig()


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


def main(config: TrainConfig) -> None:
    """Learn from an expert that is asked for labels in the states that the imitator visits (DAgger)."""
    print(f"DAgger on {config.env}: preparing", flush=True)
    env_kwargs = parse_env_kwargs(config.env_kwargs)
    expert = load_expert(config.env, config.tier) if config.expert is None else find_policy(config.expert).policy
    cloning = replace(
        DEFAULTS.cloning, epochs=config.epochs, batch_size=config.batch_size, learning_rate=config.learning_rate
    )
    agent = DAgger(
        config.env,
        expert,
        num_envs=config.num_envs,
        env_kwargs=env_kwargs,
        seed=config.seed,
        device=config.device,
        config=DAggerConfig(
            rounds=config.rounds,
            steps_per_round=config.steps_per_round,
            beta_decay=config.beta_decay,
            cloning=cloning,
        ),
    )
    floor, ceiling = random_return(config.env, env_kwargs=env_kwargs), expert_return(config, expert)
    directory = RunDirectory.create(
        config.log_folder,
        "dagger",
        config.env,
        config.seed,
        {
            "env_kwargs": env_kwargs,
            "expert_return": ceiling,
            "random_return": floor,
            "settings": TypeAdapter(TrainConfig).dump_python(config, mode="json"),
        },
    )
    print(
        f"expert return {ceiling:,.0f}; random return {floor:,.0f}\nrun directory: {directory.path}",
        flush=True,
    )
    train(agent, directory, config.round_episodes)
    if not stop_requested():
        report(directory, config.eval_episodes)


def expert_return(config: TrainConfig, expert: Policy) -> float:
    """What the catalogue says of a shipped expert on the task as it comes; measured otherwise."""
    known = None
    if config.expert is None and config.tier == "expert" and not config.env_kwargs:
        known = known_expert_return(config.env)
    if known is not None:
        return known
    env_kwargs = parse_env_kwargs(config.env_kwargs)
    return float(evaluate_policy(expert, config.env, config.eval_episodes, env_kwargs=env_kwargs).returns.mean())


def train(agent: DAgger, directory: RunDirectory, episodes: int) -> None:
    """All rounds, each evaluated, logged and, if it is the best so far, kept in `best/`; a signal ends it."""
    logger = sb3_logger.configure(str(directory.path), ["csv", "tensorboard"])
    best = float("-inf")
    with StopSignals() as stop, FitDisplay() as display:

        def after_round(done: DAggerRound) -> bool:
            nonlocal best
            evaluation = evaluate_policy(
                agent, directory.config["env"], episodes, env_kwargs=agent.env_kwargs, seed=1000
            )
            mean = float(evaluation.returns.mean())
            if mean > best:
                best = mean
                state = agent.state()
                directory.save_best(tensors=state.tensors, documents=state.documents)
            logger.record("time/total_timesteps", done.labels)
            logger.record("eval/mean_reward", mean)
            logger.record("eval/mean_ep_length", float(evaluation.lengths.mean()))
            logger.record("dagger/round", done.number)
            logger.record("dagger/beta", done.beta)
            logger.record("dagger/epochs", len(done.history.epochs))
            for name, value in kept_metrics(done).items():
                logger.record(f"dagger/{name}", value)
            logger.dump(done.labels)
            fraction = f", {mean / ceiling:.0%} of the expert" if ceiling > 0 else ""
            print(f"round {done.number}: {done.labels:,} labels, return {mean:,.0f}{fraction}", flush=True)
            return not stop.requested

        def after_epoch(epoch: FitEpoch) -> bool:
            display.show(epoch)
            return not stop.requested

        ceiling = directory.config["expert_return"]
        agent.learn(on_round=after_round, progress=after_epoch)
    logger.close()


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
