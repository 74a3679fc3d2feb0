import math

import pytest
import torch

from genrl.errors import InputError
from genrl.evaluation import IMAGE_MAPS, lopsided_samples, map_error, mapped, posed, sliced_wasserstein


def image() -> torch.Tensor:
    return torch.arange(16.0).reshape(1, 1, 4, 4) / 15


def test_maps_of_images_by_hand() -> None:
    x = image()
    assert mapped(x, "inverted")[0, 0, 0, 0] == 1.0
    assert torch.equal(mapped(x, "rotated")[0, 0, 0], x[0, 0, :, 3])  # the right column is on top
    torch.testing.assert_close(mapped(x, "coarse")[0, 0, :2, :2], torch.full((2, 2), 2.5 / 15))
    scaled = mapped(x, "scaled")[0, 0]
    assert scaled[0].sum() == scaled[:, 3].sum() == 0
    torch.testing.assert_close(scaled[1:3, 1:3], torch.tensor([[2.5, 4.5], [10.5, 12.5]]) / 15)
    moved = mapped(x, "moved")[0, 0]
    assert torch.equal(moved[:, 1:], x[0, 0, :, :3])
    assert moved[:, 0].sum() == 0


@pytest.mark.parametrize("name", IMAGE_MAPS)
def test_shapes_stay(name: str) -> None:
    assert mapped(torch.rand(3, 2, 8, 8), name).shape == (3, 2, 8, 8)


def test_a_bent_plane() -> None:
    (point,) = mapped(torch.tensor([[2.0, -0.4]]), "bent")  # the parabola lifts it to (2, 0)
    assert point.tolist() == pytest.approx([5 + 4 * math.cos(math.pi / 6), -3 + 4 * 0.5], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "shape"), [("none", (3, 2)), ("bent", (3, 3)), ("inverted", (3, 64)), ("moved", (3, 1, 6, 8))]
)
def test_a_map_that_does_not_suit(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=name):
        mapped(torch.zeros(shape), name)


@pytest.mark.parametrize(
    ("pose", "meant"),
    [
        ((0.0, 0.0, 0.0, 1.0), lambda x: x),
        ((0.25, 0.0, 0.0, 1.0), lambda x: mapped(x, "moved")),
        ((0.0, 0.25, 0.0, 1.0), lambda x: mapped(x.mT, "moved").mT),
        ((0.0, 0.0, -math.pi / 2, 1.0), lambda x: mapped(x, "rotated")),
        ((0.0, 0.0, 0.0, 0.5), lambda x: mapped(x, "scaled")),
    ],
)
def test_poses_that_are_maps(pose: tuple[float, ...], meant) -> None:
    x = torch.rand(2, 1, 4, 4)
    torch.testing.assert_close(posed(x, torch.tensor([pose, pose])), meant(x), atol=1e-5, rtol=0)


def test_lopsided_samples_have_no_symmetry_of_their_axes() -> None:
    x = lopsided_samples(20_000)
    standard = (x - x.mean(0)) / x.std(0)
    for signs in ([-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]):
        assert sliced_wasserstein(standard, standard * torch.tensor(signs)) > 0.15  # of two draws it is 0.01
    assert torch.equal(x, lopsided_samples(20_000))
    with pytest.raises(InputError, match="n must be 1 or more"):
        lopsided_samples(0)


def test_errors_are_in_deviations() -> None:
    meant = torch.randn(1000, 2) * torch.tensor([10.0, 0.1])
    assert map_error(meant + torch.tensor([10.0, 0.1]), meant) == pytest.approx(1.0, abs=0.05)
    images = torch.randn(1000, 1, 2, 2)
    assert map_error(images + 0.5, images) == pytest.approx(0.5, abs=0.03)
    with pytest.raises(InputError, match="made"):
        map_error(torch.zeros(3, 3), torch.zeros(3, 2))
