"""Whether transfers between two domains find a map that is known: digits, points of the plane, and two HalfCheetahs.

    python benchmarks/domain_maps.py --out domain_maps.csv
    python benchmarks/domain_maps.py --tasks plane cheetahs --list

Errors are of rows held out, in deviations of what was meant (`genrl.evaluation.map_error`); `start_error` is that of
the rows as they are, with the mean and deviation of each number (of all pixels) of the other domain. `class_kept` is
the share of transferred digits whose class a support vector machine recognises, trained on true digits of the target
domain; `class_meant` is that of the digits under the known map. `distance` is how far transferred states lie from those
of the other domain, a sliced Wasserstein distance in its deviations; `distance_meant` that of the states that were
meant, `distance_chance` that of other episodes of the same body: what chance leaves.
Cells are written when they are done.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from resumable_csv import append_row, read_rows
from torch import Tensor
from two_cheetahs import STANDARD, corresponding, expert_actions, other_body, states_of

from genrl.autoencoders import Autoencoder
from genrl.evaluation import lopsided_samples, map_error, mapped, posed, sliced_wasserstein
from genrl.gans import (
    AdversarialFitting,
    CycleGAN,
    DomainTransferNetwork,
    PairedTransferGAN,
    PoseGuidedGAN,
)
from genrl.training.gradient_fitting import GradientFitting

ERRORS = ("map_error", "start_error", "cycle_error")
DISTANCES = ("distance", "distance_meant", "distance_chance")
FIELDS = ("task", "seed", *ERRORS, "class_kept", "class_meant", *DISTANCES, "seconds")
IMAGES = {"hidden": (8, 8), "discriminator_hidden": (16, 32)}

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Config:
    """Errors of maps by task and seed."""

    tasks: tuple[str, ...] = ()
    """Which; by default all, a wrong name lists them."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of weights, batches and noise."""
    out: Path = Path("domain_maps.csv")
    """The table, of which only missing cells are computed."""
    updates: int | None = None
    """Rounds of each game, to try the benchmark quickly; by default each task's own number."""
    list: bool = False
    """Only say which cells are missing."""


@dataclass(frozen=True)
class Digits:
    """Images in [0, 1] with their labels, a quarter held out; the rest in halves that share no image."""

    x: Tensor
    labels: Tensor

    @property
    def held_out(self) -> Tensor:
        """(rows,) bool."""
        return torch.arange(len(self.x)) % 4 == 3

    def halves(self) -> tuple[Tensor, Tensor]:
        """Images for the source and, of other digits, for the target."""
        x = self.x[~self.held_out]
        return x[::2], x[1::2]


def digits() -> Digits:
    """Scikit-learn's, (1797, 1, 8, 8)."""
    from sklearn.datasets import load_digits

    x, labels = load_digits(return_X_y=True)
    return Digits(torch.tensor(x / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(labels))


def game(seed: int, updates: int, config: Config, batch_size: int = 64) -> AdversarialFitting:
    """Settings of a game."""
    return AdversarialFitting(updates=config.updates or updates, batch_size=batch_size, seed=seed)


def restandardised(rows: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Rows with the mean and deviation of another domain: where a transfer begins."""
    along: Any = (0, 2, 3) if rows.ndim == 4 else 0
    scale = end.std(along, keepdim=True) / start.std(along, keepdim=True).clamp(min=1e-6)
    return (rows - start.mean(along, keepdim=True)) * scale + end.mean(along, keepdim=True)


@torch.no_grad()
def digit_figures(data: Digits, made: Tensor, change: Callable[[Tensor], Tensor], start: Tensor) -> Row:
    """Of transferred digits that were held out."""
    from sklearn.svm import SVC

    out = data.held_out
    meant = change(data.x)
    machine = SVC().fit(meant[~out].flatten(1).numpy(), data.labels[~out].numpy())
    kept, known = (
        float(machine.score(images.flatten(1).numpy(), data.labels[out].numpy())) for images in (made, meant[out])
    )
    return {
        "map_error": map_error(made, meant[out]),
        "start_error": map_error(start, meant[out]),
        "class_kept": kept,
        "class_meant": known,
    }


@torch.no_grad()
def distance(made: Tensor, domain: Tensor) -> float:
    """Of the first 5,000 rows on each side, in the deviations of the domain."""
    deviation = domain.std(0)
    return sliced_wasserstein(made[:5000] / deviation, domain[:5000] / deviation)


@torch.no_grad()
def cycle_figures(model: CycleGAN, x: Tensor, meant: Tensor, start: Tensor) -> Row:
    """Of rows held out: of the map, and of the way there and back."""
    made = model.transfer(x)
    return {
        "map_error": map_error(made, meant),
        "start_error": map_error(start, meant),
        "cycle_error": map_error(model.inverse_transfer(made), x),
    }


def plane(seed: int, config: Config) -> Row:
    """CycleGAN: four Gaussians without a symmetry, and the same ones bent, turned, stretched and moved."""
    x, y = lopsided_samples(10_000, seed=2 * seed), mapped(lopsided_samples(10_000, seed=2 * seed + 1), "bent")
    model = CycleGAN(fitting=game(seed, 1500, config, 128)).fit(x, y)
    held_out = lopsided_samples(2000, seed=1000 + seed)
    return cycle_figures(model, held_out, mapped(held_out, "bent"), restandardised(held_out, x, y))


def cycle_digits(name: str) -> Callable[[int, Config], Row]:
    """CycleGAN: digits, and other digits under a map."""

    def measured(seed: int, config: Config) -> Row:
        data = digits()
        x, y = data.halves()[0], mapped(data.halves()[1], name)
        model = CycleGAN(fitting=game(seed, 400, config), **IMAGES).fit(x, y)
        held_out = data.x[data.held_out]
        start = restandardised(held_out, x, y)
        made = model.transfer(held_out).detach()
        figures = digit_figures(data, made, lambda images: mapped(images, name), start)
        return {**cycle_figures(model, held_out, mapped(held_out, name), start), **figures}

    return measured


def constancy(seed: int, config: Config) -> Row:
    """Domain transfer network: sharp digits, and other, coarse ones; f is the code of a linear autoencoder of both."""
    data = digits()
    x, y = data.halves()[0], mapped(data.halves()[1], "coarse")
    both = torch.cat((x, y)).flatten(1)
    features = Autoencoder(16, hidden=(), fitting=GradientFitting(updates=1500, seed=seed)).fit(both)
    model = DomainTransferNetwork(features=features, hidden=(64,), fitting=game(seed, 800, config))
    model.fit(x.flatten(1), y.flatten(1))
    held_out = data.x[data.held_out]
    made = model.transfer(held_out).detach().reshape(held_out.shape)
    return digit_figures(data, made, lambda images: mapped(images, "coarse"), restandardised(held_out, x, y))


def paired(name: str, weight: float) -> Callable[[int, Config], Row]:
    """Paired transfer: digits, and the same ones under a map."""

    def measured(seed: int, config: Config) -> Row:
        data = digits()
        x, held_out = data.x[~data.held_out], data.x[data.held_out]
        y = mapped(x, name)
        model = PairedTransferGAN(reconstruction_weight=weight, hidden=(64,), fitting=game(seed, 800, config))
        model.fit(x.flatten(1), y.flatten(1))
        made = model.transfer(held_out).detach().reshape(held_out.shape)
        return digit_figures(data, made, lambda images: mapped(images, name), restandardised(held_out, x, y))

    return measured


def poses(seed: int, config: Config) -> Row:
    """Pose-guided: digits, and the same ones moved, turned and scaled as a given pose says."""
    data = digits()
    generator = torch.Generator().manual_seed(seed)
    reach = torch.tensor([0.15, 0.15, 0.6, 0.25])
    pose = (2 * torch.rand(len(data.x), 4, generator=generator) - 1) * reach + torch.tensor([0.0, 0.0, 0.0, 1.0])
    learned = torch.nonzero(~data.held_out).flatten().repeat(8)  # each digit in eight poses
    many = (2 * torch.rand(len(learned), 4, generator=generator) - 1) * reach + torch.tensor([0.0, 0.0, 0.0, 1.0])
    x = data.x[learned]
    coarse = GradientFitting(updates=config.updates or 1000, batch_size=128, seed=seed)
    model = PoseGuidedGAN(hidden=(192,), coarse_fitting=coarse, fitting=game(seed, 300, config))
    model.fit(x.flatten(1), posed(x, many).flatten(1), context=many)
    held_out = data.x[data.held_out]
    made = model.repose(held_out, pose[data.held_out]).detach().reshape(held_out.shape)
    return digit_figures(data, made, lambda images: posed(images, pose), held_out)


def cheetahs(*, turned: bool, expert: bool = False) -> Callable[[int, Config], Row]:
    """CycleGAN: states of two bodies under uniform or an expert's actions; the map meant is that of `two_cheetahs`."""

    def states(steps: int, seed: int, *, other: bool) -> NDArray[np.float64]:
        body = other_body(turned=turned) if other else STANDARD.read_text()
        return states_of(body, steps, seed, expert_actions(turned=turned and other, seed=seed) if expert else None)

    def measured(seed: int, config: Config) -> Row:
        x, y = states(20_000, seed, other=False), states(20_000, 100 + seed, other=True)
        held_out = states(5000, 200 + seed, other=False)
        rows, others, asked, meant = (
            torch.from_numpy(part.astype(np.float32))
            for part in (x, y, held_out, corresponding(held_out, turned=turned))
        )
        model = CycleGAN(fitting=game(seed, 1000, config, 128)).fit(rows, others)
        sides = {"distance": (model.transfer(asked), others), "distance_meant": (meant, others)}
        return {
            **cycle_figures(model, asked, meant, restandardised(asked, rows, others)),
            **{name: distance(*pair) for name, pair in sides.items()},
            "distance_chance": distance(others[5000:], others),
        }

    return measured


TASKS: dict[str, Callable[[int, Config], Row]] = {
    "plane": plane,
    "cheetahs": cheetahs(turned=False),
    "cheetahs_turned": cheetahs(turned=True),
    "cheetahs_expert": cheetahs(turned=False, expert=True),
    "cheetahs_expert_turned": cheetahs(turned=True, expert=True),
    "cycle_inverted": cycle_digits("inverted"),
    "cycle_moved": cycle_digits("moved"),
    "constancy_coarse": constancy,
    "paired_rotated": paired("rotated", 0.0),
    "paired_rotated_l1": paired("rotated", 10.0),
    "paired_scaled": paired("scaled", 0.0),
    "posed": poses,
}
"""By name; the first sentence of each says which domains."""


def missing(config: Config) -> list[tuple[str, int]]:
    """What is still to be computed, the first seed of everything first."""
    unknown = set(config.tasks) - TASKS.keys()
    if unknown:
        raise SystemExit(f"there is no task {', '.join(sorted(unknown))}: give some of {', '.join(TASKS)}")
    done = {(row["task"], int(row["seed"])) for row in read_rows(config.out)}
    cells = [(task, seed) for seed in config.seeds for task in config.tasks or TASKS]
    return [cell for cell in cells if cell not in done]


def main(config: Config) -> None:
    """Compute or list what is missing."""
    torch.set_num_threads(1)
    for task, seed in missing(config):
        if config.list:
            print(task, seed)
            continue
        torch.manual_seed(seed)
        start = time.thread_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            figures = TASKS[task](seed, config)
        rounded = {name: round(value, 4) for name, value in figures.items()}
        row = {"task": task, "seed": seed, **rounded, "seconds": round(time.thread_time() - start, 1)}
        print(row, flush=True)
        append_row(config.out, FIELDS, {name: row.get(name, "") for name in FIELDS})


if __name__ == "__main__":
    main(tyro.cli(Config))
