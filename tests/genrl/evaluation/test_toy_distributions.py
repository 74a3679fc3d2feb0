import math

import pytest
import torch

from genrl.errors import InputError
from genrl.evaluation import TOY_DISTRIBUTIONS, labelled_toy_samples, toy_modes, toy_samples

LABELS = {"two_moons": 2, "8gaussians": 8, "25gaussians": 25, "checkerboard": 8, "pinwheel": 5, "two_rings": 2}


def test_there_are_six() -> None:
    assert set(TOY_DISTRIBUTIONS) == LABELS.keys()


@pytest.mark.parametrize("name", TOY_DISTRIBUTIONS)
def test_samples_are_float32_repeat_by_seed_and_leave_the_global_generator_alone(name: str) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    x = toy_samples(name, 100, 3)
    assert (x.shape, x.dtype) == ((100, 2), torch.float32)
    assert torch.equal(x, toy_samples(name, 100, 3))
    assert not torch.equal(x, toy_samples(name, 100, 4))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", TOY_DISTRIBUTIONS)
def test_samples_are_centred_of_similar_scale_and_labelled_equally_often(name: str) -> None:
    x, labels = labelled_toy_samples(name, 20_000)
    assert x.mean(0).abs().max() < 0.07
    assert x.std(0).min() > 0.7
    assert x.std(0).max() < 3.0
    counts = torch.bincount(labels) / len(x)
    assert len(counts) == LABELS[name]
    assert torch.allclose(counts, torch.full_like(counts, 1 / LABELS[name]), atol=0.015)


@pytest.mark.parametrize("name", ["8gaussians", "25gaussians"])
def test_each_label_is_a_gaussian_at_its_mode(name: str) -> None:
    modes = toy_modes(name)
    x, labels = labelled_toy_samples(name, 50_000)
    errors = (x - modes.means[labels]) / modes.deviation
    assert errors.std(0) == pytest.approx([1.0, 1.0], abs=0.02)
    # Rayleigh: exp(-3^2 / 2) of the rows lie further out than three deviations.
    assert (errors.norm(dim=1) > 3).float().mean() == pytest.approx(math.exp(-4.5), abs=0.002)
    assert torch.pdist(modes.means).min() > 7 * modes.deviation


def test_the_gaussians_lie_on_a_circle_and_on_a_grid() -> None:
    assert toy_modes("8gaussians").means.norm(dim=1) == pytest.approx([2.0] * 8)
    assert {tuple(mean) for mean in toy_modes("25gaussians").means.tolist()} == {
        (x, y) for x in (-4.0, -2.0, 0.0, 2.0, 4.0) for y in (-4.0, -2.0, 0.0, 2.0, 4.0)
    }


def test_the_checkerboard_is_uniform_over_eight_squares_that_share_no_edge() -> None:
    x, labels = labelled_toy_samples("checkerboard", 40_000)
    cells = (x / 2).floor().long() + 2
    assert {int(parity) for parity in cells.sum(1) % 2} == {0}
    assert len({tuple(cell) for cell in cells.tolist()}) == 8
    for label in range(8):
        assert len(cells[labels == label].unique(dim=0)) == 1
    assert torch.histc(x[:, 0] % 2, 4, 0, 2) == pytest.approx([10_000] * 4, rel=0.05)


def test_the_rings_have_their_radii() -> None:
    x, labels = labelled_toy_samples("two_rings", 20_000)
    for label, radius in enumerate((1.5, 3.0)):
        radii = x[labels == label].norm(dim=1)
        assert radii.mean() == pytest.approx(radius, abs=0.01)
        assert radii.std() == pytest.approx(0.15, abs=0.01)


def test_the_moons_are_each_others_image() -> None:
    x, labels = labelled_toy_samples("two_moons", 40_000)
    upper, lower = x[labels == 0], x[labels == 1]
    assert torch.allclose(upper.mean(0), -lower.mean(0), atol=0.03)
    assert torch.allclose(upper.std(0), lower.std(0), atol=0.03)
    # A half circle of radius 1.5 around (-0.75, -0.375), blurred by 0.15.
    radii = (upper - torch.tensor([-0.75, -0.375])).norm(dim=1)
    assert radii.mean() == pytest.approx(1.5, abs=0.02)


def test_the_pinwheels_arms_are_turns_of_one_another() -> None:
    x, labels = labelled_toy_samples("pinwheel", 50_000)
    angle = 2 * math.pi / 5
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    for label in range(4):
        turned = x[labels == label] @ turn.T
        assert torch.allclose(turned.mean(0), x[labels == label + 1].mean(0), atol=0.05)


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(InputError, match="no distribution 'three_moons': give one of two_moons"):
        toy_samples("three_moons", 10)
    with pytest.raises(InputError, match="n must be 1 or more"):
        toy_samples("two_moons", 0)
    with pytest.raises(InputError, match="two_rings has no point-like modes"):
        toy_modes("two_rings")
    with pytest.raises(InputError, match="no distribution"):
        toy_modes("three_moons")
