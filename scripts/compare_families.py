"""Compare all families of generative models on the same data: `python scripts/compare_families.py`."""

from __future__ import annotations

from command_line import run, when_stopped

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from families import find_model, make_model, models
from family_report import Cell, read_cells, report, write_cells
from torch import Tensor

from genrl.array_files import read_npy_file
from genrl.errors import InputError
from genrl.evaluation import TOY_DISTRIBUTIONS, density_report, labelled_toy_samples, sliced_wasserstein
from genrl.evaluation.sample_figures import draw_sample_table
from genrl.generative_model import GenerativeModel
from genrl.protocols import Classifier, Density, Sampler
from genrl.training.atomic_files import replaced_file, write_bytes

HELD_OUT = 5000  # rows, and as many for speeds
SHOWN = 1500  # samples of a panel

# Where the default is no answer to "what can this family do": a mixture of one component is a Gaussian.
SETTINGS = {
    "autoencoder": ("latents=2",),  # of points in the plane; more leave codes on a surface, which no Gaussian fits
    "gaussian_mixture": ("n_components=25",),
    "mixture_density_network": ("n_components=25",),
    "sequence": ("output=gaussians",),  # of integers by default
    "variational_gaussian_mixture": ("n_components=40",),
}


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """What `compare_families.py` can be told."""

    models: tuple[str, ...] = ()
    """Which models; by default all."""
    data: tuple[str, ...] = TOY_DISTRIBUTIONS
    """Which two-dimensional distributions."""
    seeds: int = 5
    """Fits of each model to each distribution."""
    rows: int = 10_000
    """To learn from."""
    updates: int | None = None
    """Gradient steps of each fit; by default each model's own number."""
    folder: Path = Path("runs/families")
    """Where finished cells are kept: a comparison that was stopped goes on from there."""
    out: Path = Path("docs/families.md")
    """The report; a table (.csv) and a picture of samples (.png) are written beside it."""


def main(config: CompareConfig) -> None:
    """Fit every model to every distribution from several seeds; write tables of five properties, and samples."""
    kinds = {name: find_model(name) for name in config.models} if config.models else comparable()
    unknown = sorted(set(config.data) - set(TOY_DISTRIBUTIONS))
    if unknown or not config.data:
        raise InputError(f"--data takes names among {', '.join(TOY_DISTRIBUTIONS)}, not {', '.join(unknown) or 'none'}")
    for name, value in (("--seeds", config.seeds), ("--rows", config.rows), ("--updates", config.updates)):
        if value is not None and value < 1:
            raise InputError(f"{name} must be 1 or more, not {value}")
    try:
        compare(config, list(kinds))
    finally:
        # An interrupted comparison leaves a report of what is done.
        wanted = {cell.key for cell in planned(config, list(kinds))}
        cells = [cell for cell in read_cells(table(config)) if cell.key in wanted]
        if cells:
            write(config, cells, kinds)


def comparable() -> dict[str, type[GenerativeModel]]:
    """Models of points in the plane: no maps between two domains, none of images alone, none that need a context."""
    return {
        name: kind
        for name, kind in models().items()
        if not hasattr(kind, "paired") and (issubclass(kind, Classifier) or takes_points(name, kind))
    }


def takes_points(name: str, kind: type[GenerativeModel]) -> bool:
    """It can be built for rows of two columns."""
    try:
        make_model(kind, SETTINGS.get(name, ())).build(2)
    except InputError:
        return False
    return True


def planned(config: CompareConfig, names: list[str]) -> Iterator[Cell]:
    """All cells, still empty; the first seed of everything comes first."""
    for seed, data, name in product(range(config.seeds), config.data, names):
        yield Cell(model=name, data=data, seed=seed, rows=config.rows, updates=config.updates)


def compare(config: CompareConfig, names: list[str]) -> None:
    """Fill the cells that are not yet filled, and keep each as soon as it is."""
    cells = read_cells(table(config))
    done = {cell.key for cell in cells if not cell.error}
    todo = list(planned(config, names))
    when_stopped(
        lambda: (
            f"stopped: {len(read_cells(table(config)))} finished fits are in {table(config)}; "
            "the same command goes on from there"
        )
    )
    for number, cell in enumerate(todo, 1):
        if cell.key in done:
            continue
        filled = measured(cell, picture(config, cell.model, cell.data) if cell.seed == 0 else None)
        cells = [*(other for other in cells if other.key != cell.key), filled]
        write_cells(cells, table(config))
        print(f"{number}/{len(todo)} {cell.model} on {cell.data}, seed {cell.seed}: {summary(filled)}", flush=True)


def measured(cell: Cell, samples: Path | None) -> Cell:
    """The cell with its figures, or with the reason why there are none.

    Args:
        cell: empty.
        samples: where to keep some samples; None keeps none.
    """
    x, labels = labelled_toy_samples(cell.data, cell.rows + HELD_OUT, cell.seed)
    try:
        torch.manual_seed(cell.seed)
        words = SETTINGS.get(cell.model, ())
        model = make_model(find_model(cell.model), words, updates=cell.updates, seed=cell.seed)
        # A classifier learns from labels, too; it is compared by its distribution of the rows alone.
        given: dict[str, Any] = {"y": labels[: cell.rows]} if isinstance(model, Classifier) else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            began = time.perf_counter()
            model.fit(x[: cell.rows], **given)
        filled = replace(cell, fit_seconds=time.perf_counter() - began)
        return with_samples(with_density(filled, model, x[cell.rows :]), model, x[cell.rows :], samples)
    except (InputError, NotImplementedError) as error:
        return replace(cell, error=" ".join(str(error).split()) or type(error).__name__)


def with_density(cell: Cell, model: GenerativeModel, held_out: Tensor) -> Cell:
    """How likely the model finds rows held out, if it knows."""
    if not isinstance(model, Density):
        return cell
    return replace(
        cell,
        density=model.log_prob_kind,
        nll=density_report(model, held_out).nll,
        log_prob_rate=len(held_out) / seconds(lambda: model.score_samples(held_out)),
    )


def with_samples(cell: Cell, model: GenerativeModel, held_out: Tensor, path: Path | None) -> Cell:
    """How far samples are from rows held out, if there are any."""
    if not isinstance(model, Sampler):
        return cell
    torch.manual_seed(cell.seed)
    samples = model.sample((len(held_out),))
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(path) as partial:
            np.save(partial, samples[:SHOWN].numpy())
    return replace(
        cell,
        sliced_wasserstein=sliced_wasserstein(samples, held_out),
        sample_rate=len(held_out) / seconds(lambda: model.sample((len(held_out),))),
    )


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes, once it has been done before."""
    work()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def write(config: CompareConfig, cells: list[Cell], kinds: dict[str, type[GenerativeModel]]) -> None:
    """The report, its table and its picture."""
    names = {"data": {data: labelled_toy_samples(data, SHOWN)[0].numpy() for data in config.data}}
    for model in kinds:
        kept = {data: picture(config, model, data) for data in config.data}
        found = {data: read_npy_file(path) for data, path in kept.items() if path.is_file()}
        names |= {model: found} if found else {}
    config.out.parent.mkdir(parents=True, exist_ok=True)
    figure = draw_sample_table(names, config.out.with_suffix(".png"))
    set_here = "; ".join(f"`{name}` with {', '.join(SETTINGS[name])}" for name in kinds if name in SETTINGS)
    heading = (
        f"Written by `scripts/compare_families.py`: {config.rows:,} rows to learn from, {HELD_OUT:,} held out, seeds 0 "
        f"to {config.seeds - 1}, {torch.get_num_threads()} thread(s) of torch, "
        f"{'each model with its own number of' if config.updates is None else f'{config.updates:,}'} gradient steps. "
        f"Hyperparameters are the defaults{f', but for {set_here}' if set_here else ''}. A classifier "
        "learns from the labels, too, and is compared by its rows."
    )
    write_bytes(config.out, report(cells, kinds, heading=heading, figure=figure.name).encode())
    write_cells(cells, config.out.with_suffix(".csv"))
    print(f"report: {config.out}\ntable: {config.out.with_suffix('.csv')}\nsamples: {figure}")


def summary(cell: Cell) -> str:
    """A cell in a few words."""
    if cell.error:
        return cell.error
    figures = {"NLL": cell.nll, "W": cell.sliced_wasserstein, "fit s": cell.fit_seconds}
    return ", ".join(f"{name} {value:.3g}" for name, value in figures.items() if value is not None)


def table(config: CompareConfig) -> Path:
    """Where finished cells are kept."""
    return config.folder / "cells.csv"


def picture(config: CompareConfig, model: str, data: str) -> Path:
    """Where samples of the first seed are kept."""
    return config.folder / "samples" / f"{model}-{data}.npy"


if __name__ == "__main__":
    run(main, CompareConfig)
