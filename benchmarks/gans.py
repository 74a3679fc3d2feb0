"""How many modes adversarial models find: 8 Gaussians on a circle and 25 on a grid, by recipe and seed.

A mode is found if it gets at least a tenth of its due of the samples within three deviations of it. Each cell is
written when it is done, and a second call goes on with those that are missing.

    python benchmarks/gans.py --out gans.csv
    python benchmarks/gans.py --out gans.csv --list
"""

import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from resumable_csv import append_row, read_rows

from genrl.evaluation import mode_coverage, sliced_wasserstein, toy_modes, toy_samples
from genrl.gans import GAN, AdversarialFitting

FIELDS = ("data", "recipe", "seed", "updates", "modes", "found", "high_quality", "sliced_wasserstein", "seconds")
SAMPLES = 10_000

Cell = tuple[str, str, int]


@dataclass(frozen=True, kw_only=True)
class Config:
    """Modes found by data set, recipe and seed."""

    data: tuple[str, ...] = ("8gaussians", "25gaussians")
    """Which."""
    recipes: tuple[str, ...] = ("default",)
    """Which: default, minimax, least_squares, hinge, wasserstein."""
    seeds: tuple[int, ...] = tuple(range(10))
    """Of weights, batches and noise."""
    updates: int = 5000
    """Rounds of the game."""
    rows: int = 20_000
    """To learn from."""
    out: Path = Path("gans.csv")
    """The table, of which only missing cells are computed."""
    list: bool = False
    """Only say which cells are missing."""


RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "minimax": {"objective": "minimax"},
    "least_squares": {"objective": "least_squares"},
    "hinge": {"objective": "hinge"},
    "wasserstein": {"objective": "wasserstein", "penalty": "interpolation", "penalty_weight": 1.0},
}
"""What differs from the defaults."""


def cell(config: Config, data: str, recipe: str, seed: int) -> dict[str, object]:
    """Fit one model and count the modes that its samples have."""
    modes = toy_modes(data)
    torch.manual_seed(seed)
    start = time.thread_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a collapse is what is counted here
        gan = GAN(**RECIPES[recipe], fitting=AdversarialFitting(updates=config.updates, seed=seed))
        gan.fit(toy_samples(data, config.rows))
    seconds = time.thread_time() - start
    samples = gan.sample(SAMPLES)
    found = mode_coverage(samples, modes.means, modes.deviation)
    return {
        "data": data,
        "recipe": recipe,
        "seed": seed,
        "updates": config.updates,
        "modes": found.modes,
        "found": found.found,
        "high_quality": round(found.high_quality, 4),
        "sliced_wasserstein": round(sliced_wasserstein(samples, toy_samples(data, SAMPLES, seed=1)), 4),
        "seconds": round(seconds, 1),
    }


def done(config: Config) -> set[Cell]:
    """Those that the table already has, at this number of updates."""
    return {
        (row["data"], row["recipe"], int(row["seed"]))
        for row in read_rows(config.out)
        if int(row["updates"]) == config.updates
    }


def missing(config: Config) -> list[Cell]:
    """What is still to be computed."""
    finished = done(config)
    cells = [(data, recipe, seed) for data in config.data for recipe in config.recipes for seed in config.seeds]
    return [one for one in cells if one not in finished]


def main(config: Config) -> None:
    """Compute or list what is missing."""
    torch.set_num_threads(1)
    for one in missing(config):
        if config.list:
            print(*one)
            continue
        row = cell(config, *one)
        print(row, flush=True)
        append_row(config.out, FIELDS, row)


if __name__ == "__main__":
    main(tyro.cli(Config))
