import math

import numpy as np
import pytest
import torch

from genrl.errors import InputError
from genrl.evaluation import ModeCoverage, mode_coverage, toy_modes, toy_samples

MEANS = torch.tensor([[0.0, 0.0], [10.0, 0.0]])


def test_by_hand() -> None:
    samples = [[0.0, 2.9], [0.0, -3.1], [10.0, 0.0], [5.0, 0.0]]  # near, just too far, on the spot, between
    assert mode_coverage(samples, MEANS, 1.0) == ModeCoverage(modes=2, found=2, high_quality=0.5)
    assert mode_coverage(samples, MEANS, 0.5) == ModeCoverage(modes=2, found=1, high_quality=0.25)


@pytest.mark.parametrize("name", ["8gaussians", "25gaussians"])
def test_the_distribution_itself_has_all_and_the_quality_of_its_closed_form(name: str) -> None:
    modes = toy_modes(name)
    found = mode_coverage(toy_samples(name, 20_000), modes.means, modes.deviation)
    assert found.found == found.modes == len(modes.means)
    assert found.high_quality == pytest.approx(1 - math.exp(-9 / 2), abs=0.003)  # Rayleigh's distribution


def test_a_stray_sample_finds_a_mode_only_where_that_is_asked_for() -> None:
    samples = np.zeros((100, 2))
    samples[:4] = [10.0, 0.0]  # 4 where 50 are due
    assert mode_coverage(samples, MEANS, 1.0).found == 1
    assert mode_coverage(samples, MEANS, 1.0, least_share=0.0).found == 2
    assert mode_coverage(samples, MEANS, 1.0, least_share=0.08).found == 2
    assert mode_coverage(samples[4:], MEANS, 1.0, least_share=0.0).found == 1


def test_it_is_said_in_words() -> None:
    part = ModeCoverage(modes=8, found=2, high_quality=0.914)
    assert str(part) == "2 of 8 modes found, 91.4% of the samples within 3 deviations of a mode"
    assert str(ModeCoverage(modes=8, found=8, high_quality=1.0)).startswith("all 8 modes found")


def test_rows_of_any_shape() -> None:
    places = torch.zeros(1, 2, 2)
    assert mode_coverage(torch.ones(5, 2, 2), places, 1.0).high_quality == 1.0  # a distance of 2


@pytest.mark.parametrize(
    ("samples", "means", "options", "name"),
    [
        (torch.zeros(3, 3), MEANS, {}, "samples"),
        (torch.full((3, 2), math.nan), MEANS, {}, "samples"),
        (torch.zeros(3, 2), torch.zeros(2), {}, "means"),
        (torch.zeros(3, 2), MEANS, {"deviation": 0.0}, "deviation"),
        (torch.zeros(3, 2), MEANS, {"least_share": 1.5}, "least_share"),
    ],
)
def test_bad_arguments_are_named(samples: torch.Tensor, means: torch.Tensor, options: dict, name: str) -> None:
    with pytest.raises(InputError, match=name):
        mode_coverage(samples, means, options.pop("deviation", 1.0), **options)
