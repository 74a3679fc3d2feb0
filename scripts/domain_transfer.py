"""Two domains by name, and what is done with a map between them: fitted and measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from generative_data import GenerativeData, load_data
from resumable_fit import FitReport, resumable_fit
from torch import Tensor

from genrl.data_digest import data_digest
from genrl.errors import InputError
from genrl.evaluation import IMAGE_MAPS, map_error, mapped, sliced_wasserstein
from genrl.training.fit import FitEpoch
from genrl.training.run_directory import RunDirectory

__all__ = ["Domains", "describe", "digest_of", "load_domains", "measure_transfer", "train_transfer"]

MAPS = (*IMAGE_MAPS, "bent")
COMPARED = 500  # rows of each domain while it is fitted
WATCHED = ("loss", "cycle_error", "constancy_error", "identity_error", "pair_error")
"""Of what a fit reports: what tells a failing one early."""


@dataclass(frozen=True, kw_only=True)
class Domains:
    """Rows of two domains, some of each held out.

    Attributes:
        name: short, for a folder's name.
        source: (rows, ...) to learn from.
        target: likewise; the partners of the source's if they are pairs.
        source_test: held out.
        target_test: held out, the partners of the source's.
        known: the map that is meant, of rows of the source.
    """

    name: str
    source: Tensor
    target: Tensor
    source_test: Tensor
    target_test: Tensor
    known: Callable[[Tensor], Tensor] | None


def load_domains(source: str, target: str, *, rows: int, paired: bool, seed: int) -> Domains:
    """Two domains, each named as `load_data` does, with ":" and a known map after it if wished.

    Domains of the same data are made of the same rows if they are to be pairs, else of two halves of them.

    Args:
        source: such as "digits".
        target: such as "digits:inverted".
        rows: of a distribution in the plane.
        paired: each row of the source is to have a partner.
        seed: of what is drawn, and of the split.

    Raises:
        InputError: there are no such data, the map does not suit them, or they are no pairs.
    """
    (first, first_map), (second, second_map) = _parse(source), _parse(target)
    same = first == second
    one = _images(load_data(first, rows=rows, seed=seed))
    other = one if same else _images(load_data(second, rows=rows, seed=seed))
    if paired and not same and len(one.train) != len(other.train):
        raise InputError(f"{source} and {target} must be pairs: name the same data, one of them with :map")
    before, after = torch.from_numpy(one.train), torch.from_numpy(other.train)
    if same and not paired:
        before, after = before[::2], after[1::2]
    return Domains(
        name=f"{one.name}-to-{target.replace(':', '-') if not Path(second).suffix else other.name}",
        source=_under(before, first_map),
        target=_under(after, second_map),
        source_test=_under(torch.from_numpy(one.test), first_map),
        target_test=_under(torch.from_numpy(other.test), second_map),
        known=(lambda x: _under(x, second_map)) if same and first_map is None else None,
    )


def digest_of(domains: Domains) -> str:
    """The digest of the rows of both domains."""
    sides = ("source", "target", "source_test", "target_test")
    return data_digest({side: getattr(domains, side) for side in sides})


def describe(domains: Domains) -> str:
    """How many rows of which shape."""
    sides = (domains.source, domains.target)
    return " and ".join(f"{len(side):,} rows of shape {tuple(side.shape[1:])}" for side in sides)


def train_transfer(model: Any, domains: Domains, directory: RunDirectory) -> FitReport[Any]:
    """Fit the map in its run directory, and show how far both ways lead; a signal ends it in good order.

    Beside what the fit reports are shown the sliced Wasserstein distances of transferred rows held out to those of the
    domain they come to, "there" and "back".
    """

    def told(epoch: FitEpoch) -> dict[str, float]:
        watched = {name: epoch.train[name] for name in WATCHED if name in epoch.train}
        return {**watched, **_distances(model, domains, COMPARED)}

    return resumable_fit(directory, lambda note: model.fit(domains.source, domains.target, progress=note), shown=told)


@torch.no_grad()
def measure_transfer(model: Any, domains: Domains) -> dict[str, float]:
    """Figures on the rows held out: distances of distributions, and errors where they are known."""
    x, y = domains.source_test, domains.target_test
    made = model.transfer(x)
    figures = {f"sliced_wasserstein_{name}": value for name, value in _distances(model, domains, len(x)).items()}
    if x.shape == y.shape:
        figures["sliced_wasserstein_untransferred"] = sliced_wasserstein(x, y)
    if hasattr(model, "inverse_transfer"):
        figures["cycle_error"] = map_error(model.inverse_transfer(made), x)
        figures["inverse_cycle_error"] = map_error(model.transfer(model.inverse_transfer(y)), y)
    if model.paired:
        figures["pair_error"] = map_error(made, y)
    if domains.known is not None:
        figures["map_error"] = map_error(made, domains.known(x))
    return figures


@torch.no_grad()
def _distances(model: Any, domains: Domains, rows: int) -> dict[str, float]:
    x, y = domains.source_test[:rows], domains.target_test[:rows]
    distances = {"there": sliced_wasserstein(model.transfer(x.to(model.device)), y)}
    if hasattr(model, "inverse_transfer"):
        distances["back"] = sliced_wasserstein(model.inverse_transfer(y.to(model.device)), x)
    return distances


def _parse(name: str) -> tuple[str, str | None]:
    """Data and map."""
    data, colon, change = name.rpartition(":")
    if colon and change in MAPS:
        return data, change
    if colon and data in ("digits",):
        raise InputError(f"there is no map {change!r} of digits: give one of {', '.join(IMAGE_MAPS)}")
    return name, None


def _images(data: GenerativeData) -> GenerativeData:
    return data if data.image_shape is None else data.as_images()


def _under(rows: Tensor, change: str | None) -> Tensor:
    return rows if change is None else mapped(rows, change)
