"""Planners beside behavioural cloning on the same episodes: how many goals they reach, and what a decision costs.

In the mazes the episodes are of a controller that knows the way, with noise on its actions, and a goal is reached if
the episode's return is above 0. Of Hopper they are medium ones, recorded here: the shipped expert with noise of 0.3 of
the half range on its actions, which leaves it about a third of its return. The error of plans is that of a learned
model of one row from the row before (`RowDynamics`), beside its error on grids that nothing was fitted to. Tokens a
second are those of one plan of pixels, drawn with kept activations and by a full pass for each. Each cell is on disk as
soon as it is known, and a stopped benchmark goes on.

    python benchmarks/planning.py --out planning.csv
"""

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from resumable_csv import append_row, read_rows
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from planner_data import load_episodes, task_spaces
from planner_settings import TrainConfig, make_acting, make_columns, make_grids, make_planner, make_sampler

from agents.behaviour_cloning import BehaviourCloning
from agents.cloning import CloningConfig
from experts.npz import read_npz, write_npz
from genrl.autoregressive.autoregressive_model import AutoregressiveModel
from genrl.evaluation import evaluate_policy
from genrl.planners import RecedingHorizonPlanner, RowDynamics
from genrl.training.seeding import seed_everything
from genrl.transitions import Demonstrations

SPEEDS = ("tokens_a_second", "tokens_a_second_naive")
FIELDS = (
    "env",
    "method",
    "seed",
    "mean_return",
    "reached",
    "error_plans",
    "error_held_out",
    "decision_ms",
    *SPEEDS,
    "fit_seconds",
    "updates",
)
HELD_OUT, STARTS, TIMED = 0.1, 256, 5

MAZES = ("PointMaze_UMaze-v3", "PointMaze_Medium-v3")
HOPPER = TrainConfig(
    env="Hopper-v4",
    data="medium:100",
    horizon=8,
    stride=1,
    replan_every=1,
    acting="planned",
    every=1,
)
MAZE = TrainConfig(replan_every=10, every=2)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is compared."""

    env: tuple[str, ...] = ("PointMaze_UMaze-v3", "PointMaze_Medium-v3", "Hopper-v4")
    """Tasks."""
    method: tuple[str, ...] = ("score", "pixel_cnn", "bc")
    """Of these: score, pixel_cnn, pixel_rnn, bc."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of training and of plans; data and test episodes are the same for all."""
    episodes: int = 50
    """To test on."""
    updates: int | None = None
    """Gradient steps; by default 6000 of the score and of cloning, 8000 of pixels."""
    out: Path = Path("planning.csv")
    """The table; recorded episodes are kept beside it."""


def main(config: Config) -> None:
    """Fill what is missing of the table, and print it."""
    torch.set_num_threads(1)
    done = {(row["env"], row["method"], row["seed"], row["updates"]) for row in read_rows(config.out)}
    for seed in config.seeds:
        for env in config.env:
            for method in config.method:
                settings = settings_of(env, method, seed, config.updates)
                if (env, method, str(seed), str(settings.updates)) in done:
                    continue
                print(f"{env}, {method}, seed {seed}", flush=True)
                row = cell(settings, method, episodes_of(settings, config.out.parent), config.episodes)
                append_row(config.out, FIELDS, row)
    show(read_rows(config.out))


def settings_of(env: str, method: str, seed: int, updates: int | None) -> TrainConfig:
    """How a cell is trained."""
    pixels = method.startswith("pixel")
    base = MAZE if env in MAZES else HOPPER
    sampler: Any = method if pixels else "score"
    return replace(base, env=env, sampler=sampler, seed=seed, updates=updates or (8000 if pixels else 6000))


def episodes_of(settings: TrainConfig, folder: Path) -> Demonstrations:
    """The data, recorded once and kept."""
    path = folder / f"{settings.env}-{settings.data.replace(':', '-')}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_npz(path, load_episodes(settings.data, settings.env, seed=0))
    return read_npz(path)


def cell(settings: TrainConfig, method: str, demonstrations: Demonstrations, episodes: int) -> dict[str, object]:
    """Train one and try it."""
    seed_everything(settings.seed)
    row: dict[str, object] = {"env": settings.env, "method": method, "seed": settings.seed, "updates": settings.updates}
    began = time.perf_counter()
    if method == "bc":
        cloning = CloningConfig(updates=settings.updates)
        agent = BehaviourCloning(settings.env, demonstrations, seed=settings.seed, device="cpu", config=cloning)
        policy: Any = agent.learn().policy
        row["fit_seconds"] = round(time.perf_counter() - began)
    else:
        columns = make_columns(settings, demonstrations)
        grids = make_grids(settings, demonstrations, columns)
        learned, judged = grids[: -round(HELD_OUT * len(grids))], grids[-round(HELD_OUT * len(grids)) :]
        sampler = make_sampler(settings, columns)
        sampler.fit(learned)
        row["fit_seconds"] = round(time.perf_counter() - began)
        acting = make_acting(settings, columns, demonstrations)
        policy = make_planner(settings, sampler, columns, task_spaces(settings.env)[1], acting, learned)
        row |= judge_plans(policy, learned, judged) | token_speed(sampler.model, sampler.given.told(judged[:1]))
    evaluation = evaluate_policy(policy, settings.env, episodes, seed=0)
    row["mean_return"] = round(float(evaluation.returns.mean()), 1)
    row["reached"] = round(float((evaluation.returns > 0).mean()), 3) if settings.env in MAZES else ""
    print(row, flush=True)
    return row


def judge_plans(planner: RecedingHorizonPlanner, learned: torch.Tensor, judged: torch.Tensor) -> dict[str, object]:
    """The errors from row to row, and how long a plan takes."""
    rules = RowDynamics(planner.columns).fit(learned)
    seed_everything(0)
    picked = torch.randperm(len(judged))[:STARTS]
    seen = judged[picked, 0, : planner.columns.observations].numpy()
    took = []
    for _ in range(TIMED):
        began = time.perf_counter()
        planner.plan(seen[:1], deterministic=True)
        took.append(1000 * (time.perf_counter() - began))
    return {
        "error_plans": round(rules.error(planner.plan(seen)), 4),
        "error_held_out": round(rules.error(judged), 4),
        "decision_ms": round(float(np.median(took)), 1),
    }


def token_speed(model: object, told: torch.Tensor | None) -> dict[str, object]:
    """Tokens a second of one trajectory, with kept activations and without; nothing of models without tokens."""
    if not isinstance(model, AutoregressiveModel):
        return {}
    tokens = float(np.prod(model.require_built()))
    ways = (
        lambda: model.sample(1 if told is None else (), told),
        lambda: model.sample_by_full_passes(1, told),
    )
    speeds: dict[str, object] = {}
    for name, draw in zip(SPEEDS, ways, strict=True):
        took = []
        for _ in range(TIMED):
            began = time.perf_counter()
            draw()
            took.append(time.perf_counter() - began)
        speeds[name] = round(tokens / float(np.median(took)))
    return speeds


def show(rows: list[dict[str, str]]) -> None:
    """The table, means over seeds."""
    table = Table(title="planning", title_justify="left")
    for name in (
        "task",
        "method",
        "updates",
        "seeds",
        "return",
        "goals reached",
        "error of plans / held out",
        "decision, ms",
        "tokens/s",
        "naive",
    ):
        table.add_column(name, justify="left" if name in ("task", "method") else "right")
    for env, method, updates in dict.fromkeys((row["env"], row["method"], row["updates"]) for row in rows):
        cells = [row for row in rows if (row["env"], row["method"], row["updates"]) == (env, method, updates)]

        def values(name: str, cells: list[dict[str, str]] = cells) -> list[float]:
            return [float(row[name]) for row in cells if row.get(name)]

        reached, plans, real, took = (values(n) for n in ("reached", "error_plans", "error_held_out", "decision_ms"))
        table.add_row(
            env,
            method,
            updates,
            str(len(cells)),
            f"{np.mean(values('mean_return')):.1f}",
            ", ".join(f"{share:.0%}" for share in reached) or "-",
            f"{np.mean(np.divide(plans, real)):.2f}" if plans else "-",
            f"{np.mean(took):.0f}" if took else "-",
            *(f"{np.mean(each):.0f}" if each else "-" for each in map(values, SPEEDS)),
        )
    Console(width=max(Console().width, 120)).print(table)


if __name__ == "__main__":
    main(tyro.cli(Config))
