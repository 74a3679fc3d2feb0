"""A guide that expects a return: what it learns, and where it leads each kind of sampler."""

import math

import pytest
import torch
from learned import Learned
from straight_lines import TIME, lines, make
from torch import Tensor

from genrl.errors import InputError
from genrl.planners import ReturnGuide, TrajectoryColumns
from genrl.training.gradient_fitting import GradientFitting

COLUMNS = TrajectoryColumns(observations=3, actions=0)
QUICK = GradientFitting(updates=300, batch_size=128, learning_rate=5e-3)


def ends(grids: Tensor) -> Tensor:
    """The return is where a line ends."""
    return grids[:, -1, 0]


def fitted(weight: float, seed: int) -> ReturnGuide:
    grids = lines(1000, seed)
    return ReturnGuide(COLUMNS, TIME, weight=weight, hidden=(32,), fitting=QUICK).fit(grids, ends(grids))


def test_it_expects_the_return_in_deviations_times_its_weight(seed: int, learned: Learned) -> None:
    guide, grids = fitted(2.0, seed), lines(200, seed=99)
    wanted = 2.0 * (ends(grids) - guide.return_units.mean) / guide.return_units.deviation
    learned("error", (guide(grids) - wanted).abs().mean(), below=0.2, baseline=wanted.abs().mean())
    more = TrajectoryColumns(observations=3, actions=0, returns="to_go")
    assert ReturnGuide(more, TIME).seen == 3, "it must not read the return off a plan"
    guide.weight = -2.0
    correlation = torch.corrcoef(torch.stack([guide(grids), wanted]))[0, 1]
    learned("correlation with the opposite", correlation, below=-0.95, baseline=0.0)


@pytest.mark.parametrize("kind", ["score", "gaussian"])
def test_plans_are_led_to_a_high_return(kind: str, seed: int, learned: Learned) -> None:
    sampler = make(kind, updates=300).fit(lines(1000, seed))
    free, led = sampler.sample(300, TIME), sampler.sample(300, TIME, guide=fitted(2.0, seed))
    # A slope of 2 in deviations moves a Gaussian by 2 deviations, of which candidates reach some.
    moved = (ends(led).mean() - ends(free).mean()) / ends(lines(1000)).std()
    learned("move in deviations", moved, above=0.8, baseline=0.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: ReturnGuide(COLUMNS, 0), "horizon must be 1 or more"),
        (lambda: ReturnGuide(COLUMNS, 2, weight=math.nan), "weight must be finite"),
        (lambda: ReturnGuide(COLUMNS, 2)(torch.zeros(5, 3, 3)), r"must be \(rows, 2, 3 or more\)"),
        (lambda: ReturnGuide(COLUMNS, 2).fit(torch.zeros(5, 2, 3), torch.zeros(5, 1)), "one for each plan"),
    ],
)
def test_wrong_guides_are_refused(wrong: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        wrong()  # type: ignore[operator]
