"""Plans with less of the chance that is in the data."""

import pytest
import torch
from straight_lines import TIME, lines, make

from genrl.errors import InputError
from genrl.generative_model import describe_model, rebuild_model
from genrl.planners import Bins, Conditions, PixelTrajectorySampler, ScoreTrajectorySampler
from genrl.score import ScoreModel
from genrl.training.gradient_fitting import GradientFitting


def cooled(kind: str, temperature: float) -> ScoreTrajectorySampler | PixelTrajectorySampler:
    sampler = make(kind).fit(lines(256))
    assert isinstance(sampler, ScoreTrajectorySampler | PixelTrajectorySampler)
    sampler.temperature = temperature
    return sampler


def test_of_a_gaussian_it_multiplies_the_deviation() -> None:
    torch.manual_seed(0)
    grids = 3 + 2 * torch.randn(2000, 1, 2)
    fitting = GradientFitting(updates=300, learning_rate=1e-2, average=0.98)
    sampler = ScoreTrajectorySampler(model=ScoreModel(hidden=(32,), evaluations=20, fitting=fitting)).fit(grids)
    for temperature in (1.0, 0.5, 0.0):
        sampler.temperature = temperature
        plans = sampler.sample(2000, 1)
        assert plans.mean().item() == pytest.approx(3.0, abs=0.2)
        assert plans.std().item() == pytest.approx(2 * temperature, abs=0.2)


@pytest.mark.parametrize("kind", ["score", "pixel_cnn", "pixel_rnn"])
def test_without_it_all_plans_are_one(kind: str) -> None:
    plans = cooled(kind, 0.0).sample(5, TIME)
    assert (plans == plans[:1]).all()
    assert cooled(kind, 1.0).sample(5, TIME).std(0).max() > 0


@pytest.mark.parametrize("kind", ["score", "pixel_cnn", "pixel_rnn"])
def test_it_is_a_setting_of_the_saved_model(kind: str) -> None:
    rebuilt = rebuild_model(describe_model(cooled(kind, 0.25)))
    assert rebuilt.temperature == 0.25  # type: ignore[attr-defined]


def test_wrong_ones_are_refused() -> None:
    for kind in (ScoreTrajectorySampler, PixelTrajectorySampler):
        arguments = {} if kind is ScoreTrajectorySampler else {"model": make("pixel_cnn").model, "bins": Bins(levels=8)}
        with pytest.raises(InputError, match="temperature must be 0 or more"):
            kind(temperature=-1.0, **arguments)
    with pytest.raises(InputError, match="by the probability flow: sampler='heun', not 'euler_maruyama'"):
        ScoreTrajectorySampler(model=ScoreModel(sampler="euler_maruyama"), temperature=0.5)
    end = Conditions.at(-1, [0], [0.1], shape=(TIME, 3))
    with pytest.raises(InputError, match="with a temperature of 1 alone"):
        cooled("score", 0.5).sample(2, TIME, end)
