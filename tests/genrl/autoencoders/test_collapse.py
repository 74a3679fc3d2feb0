import math

import pytest
import torch

from genrl.autoencoders.collapse import collapse_report


def test_figures() -> None:
    means = torch.tensor([[1.0, 0.05, 0.0], [-1.0, -0.05, 0.0]])
    stds = torch.tensor([0.5, 1.0, 1.0]).expand(2, 3)
    report = collapse_report(means, stds)
    assert report.variances == pytest.approx([1.0, 0.0025, 0.0], abs=1e-6)
    first = 0.5 * (0.25 + 1.0 - 1.0) - math.log(0.5)
    assert report.kl == pytest.approx([first, 0.00125, 0.0], abs=1e-5)
    assert report.active_units == 1
    assert not report.collapsed


@pytest.mark.parametrize(
    ("active", "words"),
    [
        (0, "The latents have collapsed: none of the 2 units tells anything about x (KL 0.00 nats in all); "),
        (1, "1 of 2 units are active (KL 0.50 nats in all), 1 collapsed."),
        (2, "No latent has collapsed: all 2 units are active (KL 1.00 nats in all)."),
    ],
)
def test_words(active: int, words: str) -> None:
    means = torch.zeros(2, 2)
    means[:, :active] = torch.tensor([[1.0], [-1.0]])
    assert collapse_report(means, torch.ones(2, 2)).words.startswith(words)
    assert collapse_report(means, torch.ones(2, 2)).collapsed == (active == 0)


def test_a_unit_that_is_the_same_for_all_rows_is_not_active() -> None:
    report = collapse_report(torch.full((5, 1), 3.0), torch.ones(5, 1))
    assert report.kl == pytest.approx([4.5])
    assert report.active_units == 0


def test_deviations_of_zero_stay_finite() -> None:
    assert all(math.isfinite(kl) for kl in collapse_report(torch.zeros(2, 1), torch.zeros(2, 1)).kl)
