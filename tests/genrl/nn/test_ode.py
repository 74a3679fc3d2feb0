import math

import pytest
import torch

from genrl.nn import runge_kutta


def test_runge_kutta_is_of_fourth_order() -> None:
    def error(steps: int) -> float:
        start = torch.tensor([1.0, 0.0], dtype=torch.float64)
        end = runge_kutta(lambda t, x: torch.stack([-x[1], x[0]]), start, start=0.0, end=2.0, steps=steps)
        return float((end - torch.tensor([math.cos(2.0), math.sin(2.0)])).abs().max())

    assert error(10) / error(20) == pytest.approx(16, rel=0.1)


def test_runge_kutta_knows_the_time() -> None:
    end = runge_kutta(lambda t, x: torch.full_like(x, 4 * t**3), torch.zeros(1), start=1.0, end=0.0, steps=3)
    assert float(end) == pytest.approx(-1.0)
