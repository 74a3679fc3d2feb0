"""Does a bonus for rarely seen states find a reward that chance does not?

`python benchmarks/exploration.py` trains PPO in a maze that pays at its end alone, with a pseudo-count bonus by a
PixelCNN, with one by true counts, with a novelty bonus by a mixture and by a flow, and without, from five seeds each; a
row of `benchmarks/exploration.csv` for each run is written as soon as it is finished, and a stopped benchmark goes on
with what is missing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from resumable_csv import append_row, read_rows
from rich.console import Console
from rich.table import Table
from sparse_maze import AGENT, SparseMaze
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
from torch import Tensor

from genrl.autoregressive import PixelCNN
from genrl.flows import NeuralSplineFlow
from genrl.mixtures import GaussianMixture
from genrl.rewards import DensityTraining, NoveltyBonus, PseudoCountBonus

Bonus = Literal["none", "counts", "pixelcnn", "gmm", "flow"]
FIELDS = ("corridors", "goal", "bonus", "seed", "steps", "first_goal", "late_success", "visited", "free", "seconds")


@dataclass(frozen=True, kw_only=True)
class ExplorationConfig:
    """How long is explored."""

    steps: int = 80_000
    """Of the environments together, a run."""
    seeds: int = 5
    """Runs with each bonus."""
    num_envs: int = 16
    """Environments side by side."""
    weight: float = 0.1
    """Of the bonus of a state that has been seen once."""
    corridors: int = 5
    """Of the maze."""
    goal: float = 10.0
    """What its end pays."""
    bonuses: tuple[Bonus, ...] = get_args(Bonus)
    """Which."""
    out: Path = Path("benchmarks/exploration.csv")
    """The table."""


class Counts:
    """Empirical probabilities of states, by which the pseudo-count is the true count."""

    def __init__(self) -> None:
        self.seen: dict[bytes, int] = {}
        self.total = 0

    def record(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """One state after the other."""
        chances = np.zeros((2, len(states)))
        for row, state in enumerate(states.numpy()):
            key = state.tobytes()
            count = self.seen.get(key, 0)
            chances[:, row] = count / max(self.total, 1), (count + 1) / (self.total + 1)
            self.seen[key], self.total = count + 1, self.total + 1
        before, after = torch.from_numpy(chances).log()
        return before, after


class Footprints(VecEnvWrapper):
    """Takes down where the agents have been, and which of their episodes ended at the goal."""

    def __init__(self, venv: VecEnv) -> None:
        super().__init__(venv)
        self.visited: set[tuple[int, int]] = set()
        self.episodes: list[tuple[int, bool]] = []
        self.steps = 0

    def reset(self) -> Any:
        """As the environment does."""
        return self.venv.reset()

    def step_wait(self) -> VecEnvStepReturn:
        """As the environment does."""
        observations, rewards, dones, infos = self.venv.step_wait()
        self.steps += len(dones)
        self.visited |= {info["place"] for info in infos}
        self.episodes += [(self.steps, bool(rewards[index] > 0)) for index in np.flatnonzero(dones)]
        return observations, rewards, dones, infos


def maze_of(config: ExplorationConfig) -> SparseMaze:
    """The task."""
    return SparseMaze(corridors=config.corridors, reward=config.goal)


def place_of(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(envs, 2) row and column of the agent: a density of numbers has no use for a picture of one pixel."""
    cells = (images == AGENT).reshape(len(images), -1).argmax(1)
    return np.stack(np.divmod(cells, images.shape[2]), 1).astype(np.float32)


def with_bonus(venv: VecEnv, bonus: Bonus, weight: float) -> VecEnv:
    """The environments, paid for what is new."""
    if bonus == "none":
        return venv
    if bonus == "counts":
        return PseudoCountBonus(venv, Counts(), weight=weight, gain=1.0, decay=0.0)
    if bonus in ("gmm", "flow"):
        density = GaussianMixture(12) if bonus == "gmm" else NeuralSplineFlow(transforms=2, hidden=(32, 32))
        training = DensityTraining(steps=50, batch_size=256, learning_rate=2e-3)
        return NoveltyBonus(venv, density, weight=weight, update_every=2048, training=training, rows=place_of)
    density = PixelCNN(levels=3, width=16, blocks=1, kernel=5)
    # So short a run is over before a gain that does not shrink could keep alive a bonus that should end.
    return PseudoCountBonus(venv, density, weight=weight, gain=1.0, decay=0.0, learning_rate=5e-3)


def explore(bonus: Bonus, seed: int, config: ExplorationConfig) -> dict[str, Any]:
    """One run: when the goal was first found, the share of the last quarter's episodes that found it, cells seen."""
    began = time.perf_counter()
    torch.manual_seed(seed)
    footprints = Footprints(DummyVecEnv([lambda: maze_of(config)] * config.num_envs))
    learner = PPO(
        "MlpPolicy",
        with_bonus(footprints, bonus, config.weight),
        n_steps=128,
        batch_size=256,
        n_epochs=4,
        learning_rate=1e-3,
        ent_coef=0.01,
        seed=seed,
        device="cpu",
    )
    learner.learn(config.steps)
    found = [step for step, reached in footprints.episodes if reached]
    late = [reached for step, reached in footprints.episodes if step > 0.75 * footprints.steps]
    return {
        "corridors": config.corridors,
        "goal": config.goal,
        "bonus": bonus,
        "seed": seed,
        "steps": footprints.steps,
        "first_goal": found[0] if found else "",
        "late_success": round(float(np.mean(late)), 3) if late else 0.0,
        "visited": len(footprints.visited),
        "free": maze_of(config).free_cells,
        "seconds": round(time.perf_counter() - began, 1),
    }


def summary(rows: list[dict[str, str]]) -> Table:
    """A line for each maze and bonus: how many seeds found the goal, how often at the end, and how much was seen."""
    table = Table(
        "maze", "bonus", "found the goal", "first after (median steps)", "late success", "cells visited", "seconds"
    )
    cells = {(row["corridors"], row["goal"], row["bonus"]) for row in rows}
    for corridors, goal, bonus in sorted(cells):
        mine = [row for row in rows if (row["corridors"], row["goal"], row["bonus"]) == (corridors, goal, bonus)]
        found = [int(row["first_goal"]) for row in mine if row["first_goal"]]
        success, visited, seconds = (
            np.array([float(row[name]) for row in mine]) for name in ("late_success", "visited", "seconds")
        )
        table.add_row(
            f"{corridors} corridors, goal {goal}",
            bonus,
            f"{len(found)} of {len(mine)}",
            f"{np.median(found):,.0f}" if found else "-",
            f"{success.mean():.2f} ± {success.std():.2f}",
            f"{visited.mean():.1f} of {mine[0]['free']}",
            f"{seconds.mean():.0f}",
        )
    return table


def main(config: ExplorationConfig) -> None:
    """Train PPO in a maze that pays at its end alone, with and without a bonus for what is new."""
    torch.set_num_threads(1)
    done = {
        (row["bonus"], int(row["seed"]))
        for row in read_rows(config.out)
        if (int(row["corridors"]), float(row["goal"])) == (config.corridors, config.goal)
    }
    for seed in range(config.seeds):
        for bonus in config.bonuses:
            if (bonus, seed) not in done:
                row = explore(bonus, seed, config)
                append_row(config.out, FIELDS, row)
                print(row, flush=True)
    Console().print(summary(read_rows(config.out)))


if __name__ == "__main__":
    main(tyro.cli(ExplorationConfig, description=main.__doc__))
