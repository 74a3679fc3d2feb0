"""The comparison of families as tables and a picture, made from its finished cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from families import family_of
from pydantic import TypeAdapter, ValidationError

from genrl.errors import InputError, reason_of
from genrl.generative_model import GenerativeModel
from genrl.training.atomic_files import write_bytes

__all__ = ["Cell", "read_cells", "report", "write_cells"]

NONE = "-"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One model, fitted to one distribution from one seed.

    Attributes:
        model: its name.
        data: the distribution.
        seed: of data and fit.
        rows: that it learned from.
        updates: gradient steps asked for; None for the model's own number.
        density: "exact", "lower_bound", "unnormalized" or "none".
        nll: mean negative log-likelihood of rows held out, in nats; None without a density.
        sliced_wasserstein: of samples from rows held out; None if it cannot be sampled.
        fit_seconds: of the whole fit.
        sample_rate: rows a second, in one call.
        log_prob_rate: rows a second, likewise.
        error: why there are no figures; empty if there are.
    """

    model: str
    data: str
    seed: int
    rows: int
    updates: int | None
    density: str = "none"
    nll: float | None = None
    sliced_wasserstein: float | None = None
    fit_seconds: float | None = None
    sample_rate: float | None = None
    log_prob_rate: float | None = None
    error: str = ""

    @property
    def key(self) -> tuple[str, str, int, int, int | None]:
        """What was asked for."""
        return self.model, self.data, self.seed, self.rows, self.updates


def read_cells(path: Path) -> list[Cell]:
    """The cells of a table that `write_cells` wrote; none if there is no such file.

    Raises:
        InputError: it is no such table.
    """
    if not path.is_file():
        return []
    adapter = TypeAdapter(Cell)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{name: None if text == "" else text for name, text in row.items()} for row in csv.DictReader(file)]
        return [adapter.validate_python({**row, "error": row["error"] or ""}) for row in rows]
    except (ValidationError, UnicodeDecodeError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{path} is no table of this comparison: move it away ({reason_of(error)})") from None


def write_cells(cells: Sequence[Cell], path: Path) -> None:
    """Write all cells as one table, atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Cell)])
    writer.writeheader()
    writer.writerows(asdict(cell) for cell in cells)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.getvalue().encode())


def report(cells: Sequence[Cell], kinds: Mapping[str, type[GenerativeModel]], *, heading: str, figure: str) -> str:
    """The document.

    Args:
        cells: finished ones.
        kinds: models by name, in the order of the rows.
        heading: what was compared, and how; a paragraph.
        figure: path of the picture, as the document refers to it.
    """
    names = [name for name in kinds if any(cell.model == name for cell in cells)]
    data = list(dict.fromkeys(cell.data for cell in cells))
    properties = [_properties(name, kinds[name], _of(cells, name)) for name in names]
    capacity = [[f"`{name}`", *(_capacity(_of(cells, name, each)) for each in data)] for name in names]
    failures = [f"- `{cell.model}` on {cell.data}, seed {cell.seed}: {cell.error}" for cell in cells if cell.error]
    parts = [
        "# Families compared",
        heading,
        "## Five properties",
        PROPERTIES_NOTE,
        _table(["model", "family", *PROPERTIES], properties),
        "## Each distribution",
        CAPACITY_NOTE,
        _table(["model", *data], capacity),
        f"![Samples, a row for a model, a column for a distribution]({figure})",
    ]
    if failures:
        parts += ["## What did not fit", "\n".join(failures)]
    return "\n\n".join(parts) + "\n"


PROPERTIES = ("density", "constraint on architecture", "NLL", "W", "stability", "fit, s", "log_prob/s", "sample/s")
PROPERTIES_NOTE = (
    "Means over the distributions. NLL is the negative log-likelihood of rows held out, in nats, and W the sliced "
    "Wasserstein-2 distance of as many samples from them: the lower, the better. Stability is the standard deviation "
    "over seeds of NLL, or of W (marked W) without an exact density. Speeds are in rows a second, of one call."
)
CAPACITY_NOTE = "NLL, mean and standard deviation over seeds; W, marked so, for models without an exact density."


def _properties(name: str, kind: type[GenerativeModel], cells: Sequence[Cell]) -> list[str]:
    done = [cell for cell in cells if not cell.error]
    spread = [_spread(_of(done, name, data)) for data in dict.fromkeys(cell.data for cell in done)]
    mark = "" if _by_density(done) else " (W)"
    known = [value for value in spread if value is not None]
    return [
        f"`{name}`",
        family_of(kind),
        done[0].density.replace("_", " ") if done else NONE,
        kind.architecture,
        _mean(done, "nll", ".2f"),
        _mean(done, "sliced_wasserstein", ".2f"),
        f"{np.mean(known):.3f}{mark}" if known else NONE,
        _mean(done, "fit_seconds", ".2f"),
        _mean(done, "log_prob_rate", ",.0f"),
        _mean(done, "sample_rate", ",.0f"),
    ]


def _capacity(cells: Sequence[Cell]) -> str:
    done = [cell for cell in cells if not cell.error]
    values, spread = _values(done), _spread(done)
    if not values:
        return NONE
    text = f"{np.mean(values):.2f}" if spread is None else f"{np.mean(values):.2f} ± {spread:.2f}"
    return text if _by_density(done) else f"{text} (W)"


def _by_density(cells: Sequence[Cell]) -> bool:
    """Whether they are compared by their likelihood, which only an exact one is good for."""
    return any(cell.density == "exact" for cell in cells)


def _values(cells: Sequence[Cell]) -> list[float]:
    name = "nll" if _by_density(cells) else "sliced_wasserstein"
    return [value for cell in cells if (value := getattr(cell, name)) is not None]


def _spread(cells: Sequence[Cell]) -> float | None:
    values = _values(cells)
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _mean(cells: Sequence[Cell], name: str, form: str) -> str:
    values = [value for cell in cells if (value := getattr(cell, name)) is not None]
    return format(float(np.mean(values)), form) if values else NONE


def _of(cells: Sequence[Cell], model: str, data: str | None = None) -> list[Cell]:
    return [cell for cell in cells if cell.model == model and data in (None, cell.data)]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
