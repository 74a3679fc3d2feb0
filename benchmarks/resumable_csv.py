"""A table of finished cells that a stopped benchmark goes on with: each row is on disk as soon as it is known."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["append_row", "read_rows"]


def read_rows(path: Path) -> list[dict[str, str]]:
    """What is finished; nothing if there is no table yet."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def append_row(path: Path, fields: Sequence[str], row: Mapping[str, object]) -> None:
    """One more row, below a header where the table is new."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=fields)
        if is_new:
            writer.writeheader()
        writer.writerow(row)
