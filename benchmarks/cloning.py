"""What cloning makes of the same trajectories of the shipped expert with a Gaussian, a flow and a diffusion policy.

`python benchmarks/cloning.py` clones Ant-v4 from 25 trajectories with each, from three seeds, and evaluates the clones
without noise over 50 episodes; a row of `benchmarks/cloning.csv` for each is written as soon as it is known, and a
stopped benchmark goes on with what is missing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from resumable_csv import append_row, read_rows
from rich.console import Console
from rich.table import Table

from agents import BehaviourCloning, CloningConfig
from agents.generative_choices import PolicyName
from experts import load_demonstrations
from genrl.evaluation import evaluate_policy
from genrl.transitions import Demonstrations

FIELDS = ("env", "policy", "updates", "seed", "mean", "std", "expert", "fit_seconds", "evaluation_seconds")


@dataclass(frozen=True, kw_only=True)
class CloningBenchmarkConfig:
    """What is cloned, and how long."""

    env: str = "Ant-v4"
    """The task."""
    trajectories: int = 25
    """Of the shipped expert."""
    policies: tuple[PolicyName, ...] = ("gaussian", "score", "flow")
    """What actions follow."""
    updates: int = 20_000
    """Gradient steps of each."""
    seeds: int = 3
    """Of clones of each kind."""
    episodes: int = 50
    """Of an evaluation."""
    out: Path = Path("benchmarks/cloning.csv")
    """The table."""


def cloned(
    policy: PolicyName, seed: int, demonstrations: Demonstrations, config: CloningBenchmarkConfig
) -> dict[str, Any]:
    """Fit one clone, and measure it."""
    settings = CloningConfig(policy=policy, updates=config.updates)
    began = time.perf_counter()
    agent = BehaviourCloning(config.env, demonstrations, seed=seed, device="cpu", config=settings).learn()
    fitted = time.perf_counter()
    returns = evaluate_policy(agent, config.env, config.episodes).returns
    return {
        "env": config.env,
        "policy": policy,
        "updates": config.updates,
        "seed": seed,
        "mean": round(float(returns.mean()), 1),
        "std": round(float(returns.std()), 1),
        "expert": round(float(demonstrations.expert_return), 1),
        "fit_seconds": round(fitted - began, 1),
        "evaluation_seconds": round(time.perf_counter() - fitted, 1),
    }


def summary(rows: list[dict[str, str]], config: CloningBenchmarkConfig) -> Table:
    """A line for each policy: the mean return over seeds, its deviation, and the share of the expert's."""
    table = Table("policy", "return over seeds", "of the expert", "seeds", "seconds to fit", "to evaluate")
    for policy in config.policies:
        mine = [row for row in rows if _is_of(row, policy, config)]
        if not mine:
            continue
        columns = ("mean", "expert", "fit_seconds", "evaluation_seconds")
        means, experts, fits, evaluations = (np.array([float(row[name]) for row in mine]) for name in columns)
        table.add_row(
            policy,
            f"{means.mean():,.0f} ± {means.std():,.0f}",
            f"{(means / experts).mean():.2f}",
            str(len(mine)),
            f"{fits.mean():.0f}",
            f"{evaluations.mean():.0f}",
        )
    return table


def _is_of(row: dict[str, str], policy: str, config: CloningBenchmarkConfig) -> bool:
    return (row["env"], row["policy"], int(row["updates"])) == (config.env, policy, config.updates)


def main(config: CloningBenchmarkConfig) -> None:
    """Clone the shipped expert with policies of several kinds, and compare their returns."""
    torch.set_num_threads(1)
    for seed in range(config.seeds):
        demonstrations = load_demonstrations(config.env, episodes=config.trajectories, seed=seed)
        for policy in config.policies:
            if any(_is_of(row, policy, config) and int(row["seed"]) == seed for row in read_rows(config.out)):
                continue
            row = cloned(policy, seed, demonstrations, config)
            append_row(config.out, FIELDS, row)
            print(row, flush=True)
    Console().print(summary(read_rows(config.out), config))


if __name__ == "__main__":
    main(tyro.cli(CloningBenchmarkConfig, description=main.__doc__))
