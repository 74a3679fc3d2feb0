"""How many real steps until a return: learning in dreams of a world model beside the same task without one.

Dreams are those of `train_in_dream.py` with its defaults, learned from with SAC or PPO; without a model there are PPO
as `train_expert.py` has it, on 64 environments, and SAC with one environment and an update for each step. Each is
judged without noise every so many real steps, over the same episodes, which are not counted; a run ends with the first
evaluation that reaches the return, or with its steps. A row of the CSV file for each run is written as soon as it is
finished; a stopped benchmark goes on with what is missing, a stopped dreamer from its last evaluation.

    python benchmarks/dreaming.py --env HalfCheetah-v4 --seeds 0 1 2
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import tyro
from resumable_csv import append_row, read_rows
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from agents import Dreaming, DreamingConfig, DreamRound
from experts.export import export_actor
from experts.hyperparameters import expert_settings
from experts.learner import build_learner
from genrl.evaluation import evaluate_policy
from genrl.evaluation.callback import KeepBest
from genrl.protocols import Policy
from genrl.training.atomic_files import read_json, write_json
from genrl.training.seeding import seed_everything
from genrl.training.torch_threads import one_torch_thread

Contender = Literal["dream-sac", "dream-ppo", "ppo", "sac"]
FIELDS = ("env", "contender", "seed", "target", "reached_after", "real_steps", "best", "dreamt_steps", "minutes")
JUDGED_BY = 10  # episodes
SELECTION_SEED = 10_000


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be reached, and what may be spent on it."""

    target: float
    most: int
    """Real steps in dreams, and of SAC without."""
    most_of_ppo: int
    """Its simulated steps are cheap."""
    every: int
    """Real steps between two evaluations."""


TASKS = {
    "Pendulum-v1": Task(target=-250.0, most=5000, most_of_ppo=500_000, every=250),
    "HalfCheetah-v4": Task(target=3000.0, most=200_000, most_of_ppo=5_000_000, every=2500),
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is compared."""

    env: tuple[Literal["Pendulum-v1", "HalfCheetah-v4"], ...] = ("Pendulum-v1", "HalfCheetah-v4")
    """Tasks."""
    contenders: tuple[Contender, ...] = get_args(Contender)
    """Learners, in dreams or without a model."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of everything random."""
    out: Path = Path("benchmarks/dreaming.csv")
    """The table, of which only missing rows are computed."""
    runs: Path = Path("runs/dreaming")
    """Where unfinished dreamers are kept."""


@dataclass
class Judge:
    """Evaluates now and then, and knows how many real steps the target took.

    Attributes:
        env: the task's id.
        task: what is to be reached.
        best: of the evaluations so far.
        reached_after: real steps, None as long as the target is not reached.
        seconds: until the last evaluation, over all sittings.
    """

    env: str
    task: Task
    best: float = float("-inf")
    reached_after: int | None = None
    seconds: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    def judge(self, policy: Policy, steps: int) -> Any:
        """An evaluation without noise."""
        evaluation = evaluate_policy(policy, self.env, JUDGED_BY, seed=SELECTION_SEED)
        mean = float(evaluation.returns.mean())
        self.best = max(self.best, mean)
        if mean >= self.task.target and self.reached_after is None:
            self.reached_after = steps
        now = time.monotonic()
        self.seconds, self._since = self.seconds + now - self._since, now
        print(f"  {self.seconds / 60:.1f} min, {steps:,} real steps: {mean:,.0f}", flush=True)
        return evaluation


class UntilReached(BaseCallback):
    """Ends a training when the judge has seen enough."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self._judge = judge

    def _on_step(self) -> bool:
        return self._judge.reached_after is None


def dream(judge: Judge, learner: Literal["sac", "ppo"], seed: int, folder: Path) -> tuple[int, int]:
    """Learn in dreams, from the last evaluation if there was one; real steps and dreamt ones."""
    if (folder / "judge.json").is_file():
        agent = Dreaming.load(folder / "agent", device="cpu")
        found = read_json(folder / "judge.json")
        judge.best, judge.seconds = found["best"], found["seconds"]
    else:
        agent = Dreaming(judge.env, seed=seed, device="cpu", config=DreamingConfig(learner=learner))

    def after_round(done: DreamRound) -> bool:
        if done.real_steps % judge.task.every == 0:
            judge.judge(agent, done.real_steps)
            agent.save(folder / "agent")
            write_json(folder / "judge.json", {"best": judge.best, "seconds": judge.seconds})
        return judge.reached_after is None

    agent.learn(judge.task.most, on_round=after_round)
    shutil.rmtree(folder, ignore_errors=True)
    return agent.real_steps, agent.learner.num_timesteps


def wake(judge: Judge, algorithm: Literal["sac", "ppo"], seed: int, folder: Path) -> tuple[int, int]:
    """Learn without a model, always from the beginning; real steps, and no dreamt ones."""
    settings = expert_settings(algorithm, judge.env)
    most = judge.task.most if algorithm == "sac" else judge.task.most_of_ppo
    if algorithm == "sac":
        once = {**settings.arguments, "gradient_steps": 1, "learning_starts": min(10_000, most // 10)}
        settings = replace(settings, num_envs=1, arguments=once)
    learner = build_learner(algorithm, judge.env, settings, seed=seed)
    learner.set_logger(Logger(None, []))

    def evaluate() -> Any:
        return judge.judge(export_actor(learner, judge.env), learner.num_timesteps)

    every = max(judge.task.every, settings.num_envs * settings.arguments.get("n_steps", 1))
    with one_torch_thread():
        learner.learn(most, [KeepBest(evaluate, lambda evaluation: None, every=every), UntilReached(judge)])
    return learner.num_timesteps, 0


RUNS: dict[Contender, Callable[[Judge, int, Path], tuple[int, int]]] = {
    "dream-sac": lambda judge, *given: dream(judge, "sac", *given),
    "dream-ppo": lambda judge, *given: dream(judge, "ppo", *given),
    "ppo": lambda judge, *given: wake(judge, "ppo", *given),
    "sac": lambda judge, *given: wake(judge, "sac", *given),
}


def missing(config: Config) -> Iterator[tuple[str, Contender, int]]:
    """The first seed of everything before the second of anything."""
    done = {(row["env"], row["contender"], row["seed"]) for row in read_rows(config.out)}
    for seed in config.seeds:
        for env in config.env:
            for contender in config.contenders:
                if (env, contender, str(seed)) not in done:
                    yield env, contender, seed


def main(config: Config) -> None:
    """Count the real steps that learners need, in dreams and without."""
    for env, contender, seed in missing(config):
        print(f"{contender} on {env}, seed {seed}", flush=True)
        seed_everything(seed)
        judge = Judge(env, TASKS[env])
        real, dreamt = RUNS[contender](judge, seed, config.runs / f"{contender}-{env}-{seed}")
        row = {
            "env": env,
            "contender": contender,
            "seed": seed,
            "target": judge.task.target,
            "reached_after": "" if judge.reached_after is None else judge.reached_after,
            "real_steps": real,
            "best": round(judge.best, 1),
            "dreamt_steps": dreamt,
            "minutes": round(judge.seconds / 60, 1),
        }
        append_row(config.out, FIELDS, row)


if __name__ == "__main__":
    main(tyro.cli(Config, description=main.__doc__))
