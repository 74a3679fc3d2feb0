import pytest
import torch

from genrl.errors import InputError
from genrl.score import ScoreModel, langevin_path


def test_a_gaussian_shrinks_from_noise_to_itself() -> None:
    torch.manual_seed(0)
    model = ScoreModel().build(2)  # at first it knows the score of N(0, 1)
    places, levels = langevin_path(model, 500, evaluations=200)
    assert places.shape == (len(levels), 500, 2)
    assert len(levels) >= 200
    assert (levels.diff() <= 0).all()
    assert (float(levels[0]), float(levels[-1])) == pytest.approx((10.0, 0.01))
    assert float(places[0].std()) == pytest.approx(101**0.5, rel=0.1)
    assert float(places[-1].std()) == pytest.approx(1.0, abs=0.3)


def test_a_row_for_each_context() -> None:
    model = ScoreModel().build((1, 3), 2)
    places, levels = langevin_path(model, 9, torch.zeros(4, 2), evaluations=10)
    assert places.shape == (len(levels), 4, 1, 3)
    with pytest.raises(InputError, match="context"):
        langevin_path(model, 9)
