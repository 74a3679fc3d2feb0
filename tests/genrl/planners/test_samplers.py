"""What every trajectory sampler promises, and what each learns of straight lines."""

from pathlib import Path
from typing import Any

import pytest
import torch
from learned import Learned
from straight_lines import TIME, lines, make
from torch import Tensor

from genrl.autoregressive import GatedPixelCNN, Recurrent, SequenceModel
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture
from genrl.planners import (
    Bins,
    Conditions,
    Given,
    PixelCNNTrajectorySampler,
    PixelTrajectorySampler,
    RowTrajectorySampler,
    ScoreTrajectorySampler,
    TrajectoryModel,
)
from genrl.planners.reweighting import reweighted
from genrl.planners.score_sampler import pseudo_inverses, towards
from genrl.protocols import TrajectorySampler
from genrl.score import ScoreModel
from genrl.training.gradient_fitting import GradientFitting

KINDS = ["score", "pixel_cnn", "pixel_rnn", "sequence", "flow", "vae", "gaussian"]
COMPLETE = KINDS[:4]
GIVEN = Given(first=(0, 1), throughout=(2,))


@pytest.fixture(scope="module")
def fitted() -> dict[str, TrajectoryModel]:
    torch.manual_seed(0)
    return {kind: make(kind, GIVEN).fit(lines(256)) for kind in KINDS}


def start(values: list[float]) -> Conditions:
    return Conditions.at(0, [0, 1, 2], values, shape=(1, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_given_holds_exactly(fitted: dict[str, TrajectoryModel], kind: str) -> None:
    assert isinstance(fitted[kind], TrajectorySampler)
    plans = fitted[kind].sample(5, TIME, start([0.123, -0.456, 7.89]))
    assert plans.shape == (5, TIME, 3)
    assert torch.isfinite(plans).all()
    assert (plans[:, 0] == torch.tensor([0.123, -0.456, 7.89])).all()
    assert (plans[:, :, 2] == 7.89).all()
    assert plans[:, 1:, 0].std() > 0


@pytest.mark.parametrize("kind", COMPLETE)
def test_other_conditions_hold_exactly(fitted: dict[str, TrajectoryModel], kind: str) -> None:
    goal = Conditions.at(-1, [0], [[0.111], [0.222], [0.333]], shape=(TIME, 3))
    plans = fitted[kind].sample(3, TIME, start([0.1, 0.2, 0.3]) & goal)
    assert (plans[:, -1, 0] == torch.tensor([0.111, 0.222, 0.333])).all()


def test_a_later_condition_is_felt_before_it_by_models_that_draw_in_order(seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    constant = torch.randn(400, 1, 1).expand(-1, 3, 1)
    fitting = GradientFitting(updates=300, learning_rate=0.01)
    model = SequenceModel(core=Recurrent(width=16), output="gaussians", mixtures=1, fitting=fitting)
    sampler = RowTrajectorySampler(model=model, candidates=64).fit(constant)
    ends = Conditions.at(-1, [0], [[-1.0]] * 50 + [[1.0]] * 50, shape=(3, 1))
    first = sampler.sample(100, 3, ends)[:, 0, 0]
    learned("mean before an end of -1", first[:50].mean(), below=-0.6, baseline=0.0)
    learned("mean before an end of 1", first[50:].mean(), above=0.6, baseline=0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_each_row_has_its_own_conditions_and_a_short_horizon_is_the_first_part(
    fitted: dict[str, TrajectoryModel], kind: str
) -> None:
    each = Conditions.at(0, [0, 1, 2], lines(4, seed=3)[:, 0], shape=(1, 3))
    torch.manual_seed(1)
    whole = fitted[kind].sample(4, TIME, each)
    torch.manual_seed(1)
    short = fitted[kind].sample(4, 2, each)
    assert (whole[:, 0] == each.values[:, 0]).all()
    assert torch.equal(short, whole[:, :2])


@pytest.mark.parametrize("kind", KINDS)
def test_a_guide_sees_whole_plans_with_their_conditions(fitted: dict[str, TrajectoryModel], kind: str) -> None:
    seen: list[Tensor] = []

    def guide(plans: Tensor) -> Tensor:
        seen.append(plans.detach())
        return plans[:, -1, 0]

    fitted[kind].sample(3, 3, start([0.5, 0.25, 2.0]), guide)
    assert all(plans.shape[1:] == (3, 3) for plans in seen)
    assert all((plans[:, 0] == torch.tensor([0.5, 0.25, 2.0])).all() for plans in seen)
    assert all((plans[..., 2] == 2.0).all() for plans in seen)


def one_and_three(sampler: TrajectoryModel, conditions: Conditions, **asked: Any) -> tuple[Tensor, Tensor]:
    """A trajectory drawn alone, and the same as the second of three."""
    each = Conditions(values=conditions.values[1:2], known=conditions.known[1:2])
    torch.manual_seed(1)
    alone = sampler.sample(1, TIME, each, alike=True, **asked)
    torch.manual_seed(1)
    return alone[0], sampler.sample(3, TIME, conditions, alike=True, **asked)[1]


@pytest.mark.parametrize("kind", KINDS)
def test_alike_a_trajectory_depends_on_its_own_conditions_alone(fitted: dict[str, TrajectoryModel], kind: str) -> None:
    each = Conditions.at(0, [0, 1, 2], lines(3, seed=3)[:, 0], shape=(TIME, 3))
    torch.testing.assert_close(*one_and_three(fitted[kind], each), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(*one_and_three(fitted[kind], each, guide=lambda x: x[:, -1, 0]), atol=1e-4, rtol=1e-4)
    if kind in COMPLETE:
        later = each & Conditions.at(-1, [0], [[0.1], [0.2], [0.3]], shape=(TIME, 3))
        torch.testing.assert_close(*one_and_three(fitted[kind], later), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_samples_are_the_same(fitted: dict[str, TrajectoryModel], kind: str, tmp_path: Path) -> None:
    fitted[kind].save(tmp_path / "sampler")
    loaded = GenerativeModel.load(tmp_path / "sampler")
    assert isinstance(loaded, TrajectoryModel)
    drawn = []
    for sampler in (fitted[kind], loaded):
        torch.manual_seed(5)
        drawn.append(sampler.sample(6, TIME, start([0.3, 0.1, 0.0])))
    assert torch.equal(*drawn)


@pytest.mark.parametrize("kind", ["score", "pixel_cnn"])
def test_learning_goes_on_from_the_weights(kind: str) -> None:
    sampler = make(kind, GIVEN).fit(lines(256))
    before = {name: value.clone() for name, value in sampler.state_dict().items()}
    sampler.learn(lines(256))
    moved = [name for name, value in sampler.state_dict().items() if not torch.equal(value, before[name])]
    assert moved
    assert not any("units" in name or "discretiser" in name for name in moved)
    with pytest.raises(InputError, match="fit it anew"):
        make("gaussian").fit(lines(256)).learn(lines(256))


def test_a_gaussian_of_rows_goes_on_in_straight_lines() -> None:
    sampler = make("gaussian", GIVEN).fit(lines(2000))
    plans = sampler.sample(200, TIME, start([1.0, 0.5, 0.0]))
    torch.testing.assert_close(plans[:, -1, 0].mean(), torch.tensor(2.5), atol=0.05, rtol=0)
    led = sampler.sample(200, TIME, start([1.0, 0.5, 0.0]), lambda x: 300 * x[:, -1, 0])
    assert led[:, -1, 0].mean() > plans[:, -1, 0].mean()


def test_a_vae_of_rows_goes_on_in_straight_lines(seed: int, learned: Learned) -> None:
    sampler = make("vae", GIVEN, updates=300).fit(lines(1000, seed))
    plans = sampler.sample(400, TIME, start([0.5, 0.5, 0.0]))
    error = (plans[:, -1, 0].mean() - 2.0).abs()
    learned("error of the mean", error, below=0.5, baseline=1.5)  # if the velocity were not known


def test_the_score_goes_on_in_straight_lines_and_is_led_uphill(seed: int, learned: Learned) -> None:
    sampler = make("score", GIVEN, updates=500).fit(lines(2000, seed))
    assert isinstance(sampler.model, ScoreModel)
    sampler.model.evaluations = 24
    plans = sampler.sample(200, TIME, start([0.5, 0.5, 0.0]))
    error = (plans[:, -1, 0] - 2.0).abs().mean()
    learned("error", error, below=0.8, baseline=2.4)  # if the velocity were not known
    free = make("score", updates=500).fit(lines(2000, seed))
    level, led = free.sample(300, TIME), free.sample(300, TIME, guide=lambda x: x[:, -1, 0])
    # The last position has variance 10, by which a slope of 1 moves a Gaussian.
    moved = led[:, -1, 0].mean() - level[:, -1, 0].mean()
    learned("error of the move", (moved - 10).abs(), below=5.0, baseline=10.0)


def test_a_pixel_cnn_goes_on_in_straight_lines_and_is_led_uphill(seed: int, learned: Learned) -> None:
    sampler = make("pixel_cnn", Given(throughout=(2,)), updates=250).fit(lines(1000, seed).clamp(-2, 2))
    now = Conditions.at(0, [0, 2], [0.0, 0.0], shape=(1, 3))
    plans = sampler.sample(200, TIME, now)
    correlation = torch.corrcoef(plans[:, [0, 2], [1, 0]].T)[0, 1]  # of the velocity and where it has led
    learned("correlation", correlation, above=0.5, baseline=0.0)
    down = sampler.sample(200, TIME, now, lambda x: -2 * x[:, -1, 0])
    learned("move when led down", down[:, -1, 0].mean() - plans[:, -1, 0].mean(), below=-0.5, baseline=0.0)
    # A condition in the end weighs what comes before it.
    goal = Conditions.at(0, [2], [0.0], shape=(TIME, 3))
    low, high = (
        sampler.sample(200, TIME, goal & Conditions.at(-1, [0], [end], shape=(TIME, 3)))[:, 1:-1, 0].mean()
        for end in (-1.9, 1.9)
    )
    learned("difference before other ends", high - low, above=0.4, baseline=0.0)


def test_reweighting_is_the_expected_tilt() -> None:
    led = reweighted(lambda number: torch.randn(2000 * number), lambda x: x, candidates=100)
    assert abs(led.mean() - 1) < 0.1
    assert abs(led.std() - 1) < 0.1
    assert reweighted(lambda number: torch.zeros(number), None, candidates=100).shape == (1,)


def test_the_nearest_consistent_row_is_the_mean_given_the_known_cells() -> None:
    cells = torch.tensor([[1.0, 2.0], [1.0, -1.0]])  # of standard normal columns
    (inverse,) = pseudo_inverses(cells, torch.tensor([[True, False]]))
    torch.testing.assert_close(inverse @ torch.tensor([5.0, 0.0]), torch.tensor([1.0, 2.0]))
    both = pseudo_inverses(cells, torch.tensor([[True, True], [True, False]]))
    torch.testing.assert_close(cells @ both[0], torch.eye(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(both[1], inverse)


def test_a_score_towards_what_is_consistent() -> None:
    score = towards(lambda z, level: torch.zeros_like(z), lambda z: torch.tensor([[3.0, 2.0]]))
    noisy, level = torch.tensor([[3.5, 2.0]]), torch.tensor(0.5)
    assert score(noisy, level).tolist() == [[-2.0, 0.0]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda s: s["score"].sample(0, 2, start([0.0] * 3)), "n must be 1 or more"),
        (lambda s: s["score"].sample(1, TIME + 1, start([0.0] * 3)), "horizon 1 .. 4"),
        (lambda s: s["score"].sample(1, 2), r"first row's columns \[0, 1, 2\]"),
        (lambda s: s["score"].sample(1, 2, Conditions.at(0, [0], [0.0], shape=(1, 2))), "conditions have 2 columns"),
        (lambda s: s["score"].sample(1, 2, Conditions.at(3, [0], [0.0], shape=(4, 3))), "are of 4 rows"),
        (
            lambda s: s["flow"].sample(1, TIME, start([0.0] * 3) & Conditions.at(3, [0], [0.0], shape=(4, 3))),
            "cannot complete rows",
        ),
        (lambda s: make("score").fit(torch.zeros(9, 4)), "must hold trajectories"),
        (lambda s: make("score").fit(lines(9), context=torch.zeros(9, 1)), "name them in given"),
        (lambda s: RowTrajectorySampler(model=GenerativeModel()), "cannot be sampled"),
        (lambda s: RowTrajectorySampler(model=GaussianMixture(), candidates=0), "candidates must be 1"),
        (lambda s: PixelTrajectorySampler(model=GatedPixelCNN(levels=9), bins=Bins(levels=8)), "levels=8"),
    ],
)
def test_wrong_arguments_are_refused(fitted: dict[str, TrajectoryModel], wrong: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        wrong(fitted)  # type: ignore[operator]


def test_defaults_are_models() -> None:
    assert ScoreTrajectorySampler().model.hyperparameters()["evaluations"] == 20
    pixels = PixelCNNTrajectorySampler().model.hyperparameters()
    assert (pixels["relative"], pixels["width"]) == (True, 128)
