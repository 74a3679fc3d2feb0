import pytest
import torch

from genrl.errors import InputError
from genrl.planners import Conditions, Given


def test_both_conditions_hold_and_the_second_is_right() -> None:
    start = Conditions.at(0, [0, 1], [[1.0, 2.0], [3.0, 4.0]], shape=(3, 2))
    end = Conditions.at(-1, [1], [9.0], shape=(3, 2))
    both = start & end & Conditions.at(0, [0], [7.0], shape=(3, 2))
    assert both.values[:, 0].tolist() == [[7.0, 2.0], [7.0, 4.0]]
    assert both.values[:, 2, 1].tolist() == [9.0, 9.0]
    assert both.known.sum().item() == 6


def test_what_is_filled_up_is_not_known() -> None:
    filled = Conditions.at(0, [1], [5.0], shape=(1, 2)).filled(3, 4)
    assert filled.values.shape == (3, 4, 2)
    assert filled.known.sum().item() == 3
    assert (filled.values[:, 0, 1] == 5).all()


def test_unknown_cells_may_hold_anything() -> None:
    values = torch.tensor([[[float("nan"), 1.0]]])
    filled = Conditions(values=values, known=torch.tensor([[[False, True]]])).filled(1, 2)
    assert torch.isfinite(filled.values).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Conditions(values=torch.zeros(1, 2), known=torch.zeros(1, 2).bool()), "trajectories, time, columns"),
        (lambda: Conditions(values=torch.zeros(1, 2, 3), known=torch.zeros(1, 2, 3)), "truth values"),
        (lambda: Conditions.at(0, [0], [float("inf")], shape=(2, 2)), "NaN or infinity"),
        (lambda: Conditions.at(2, [0], [1.0], shape=(2, 2)), "not all in a grid of 2 rows x 2"),
        (lambda: Conditions.at(0, [2], [1.0], shape=(2, 2)), "not all in a grid"),
        (lambda: Conditions.at(0, [0], [1.0, 2.0], shape=(2, 2)), r"must be \(trajectories, 1\)"),
        (lambda: Conditions.at(0, [0], [[1.0], [2.0]], shape=(2, 2)).filled(3, 2), "are of 2 trajectories"),
        (lambda: Conditions.at(0, [0], [1.0], shape=(5, 2)).filled(3, 2), "are of 5 rows"),
        (lambda: Given(first=(0,), throughout=(0,)), "different columns"),
        (lambda: Given(first=(4,)).modelled(3), "trajectories have 3"),
        (lambda: Given(throughout=(0, 1)).modelled(2), "nothing is left to model"),
    ],
)
def test_wrong_conditions_are_refused(wrong: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        wrong()  # type: ignore[operator]


def test_whole_puts_constant_columns_back_in_their_places() -> None:
    given = Given(first=(1,), throughout=(0, 2))
    grids = torch.tensor([[[5.0, 0.0, 6.0], [0.0, 0.0, 0.0]]])
    whole = given.whole(torch.tensor([[[1.0], [2.0]]]), grids)
    assert whole.tolist() == [[[5.0, 1.0, 6.0], [5.0, 2.0, 6.0]]]
    told = given.told(grids)
    assert told is not None
    assert told.tolist() == [[0.0, 5.0, 6.0]]
