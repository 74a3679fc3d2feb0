"""The picture of a fit's losses."""

from pathlib import Path

import pytest

from genrl.errors import InputError
from genrl.evaluation.loss_curve import draw_loss_curve
from genrl.training.fit import FitEpoch


def epochs(count: int, *, validation: bool) -> list[FitEpoch]:
    return [
        FitEpoch(
            number=number,
            planned=count,
            train={"loss": 1.0 / number, "squared_error": 2.0},
            validation={"loss": 1.5 / number, "squared_error": 2.5} if validation else {},
        )
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize("validation", [True, False])
def test_writes_a_picture(tmp_path: Path, validation: bool) -> None:
    path = draw_loss_curve(epochs(5, validation=validation), tmp_path / "new" / "curve.png", kept=4)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_later_stage_may_have_other_metrics(tmp_path: Path) -> None:
    later = FitEpoch(number=3, planned=3, train={"loss": 0.1, "perplexity": 9.0}, validation={"loss": 0.2})
    path = draw_loss_curve([*epochs(2, validation=False), later], tmp_path / "curve.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_no_epochs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no epochs"):
        draw_loss_curve([], tmp_path / "curve.png")
