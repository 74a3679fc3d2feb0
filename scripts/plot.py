"""Draw the learning curves of runs; several seeds of one agent and task are drawn as one."""

from __future__ import annotations

from command_line import run

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True, kw_only=True)
class PlotConfig:
    """Which runs, and where to."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Run directories."""
    out: Path | None = None
    """The picture (.png, .pdf, .svg); by default learning_curve.png in the run, or here for several runs."""


def main(config: PlotConfig) -> None:
    """Draw true return and episode length against environment steps."""
    from genrl.errors import InputError
    from genrl.evaluation import draw_learning_curve

    if not config.runs:
        raise InputError("no run to draw: give one run directory or more")
    folder = config.runs[0] if len(config.runs) == 1 else Path()
    print(f"wrote {draw_learning_curve(config.runs, config.out or folder / 'learning_curve.png')}")


if __name__ == "__main__":
    run(main, PlotConfig)
