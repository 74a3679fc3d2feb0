"""Codebook collapse, by hand, and provoked."""

import warnings

import pytest
import torch

from genrl.autoencoders import VQVAE, HierarchicalVQVAE
from genrl.autoencoders.codebook_report import codebook_report
from genrl.training.fit import FitEpoch
from genrl.training.gradient_fitting import GradientFitting

BRIEF = GradientFitting(updates=40, batch_size=100, learning_rate=0.01)


def test_counts_of_codes_of_any_shape() -> None:
    report = codebook_report(torch.tensor([[[0, 3]], [[3, 0]]]), 5)
    assert report.counts == (2, 0, 0, 2, 0)
    assert (report.used, report.perplexity) == (2, pytest.approx(2.0))
    assert not report.collapsed


def test_the_least_perplexity_is_a_tenth_of_what_was_possible() -> None:
    alike = torch.zeros(1000, dtype=torch.long)
    assert codebook_report(alike, 50).collapsed
    assert not codebook_report(alike[:8], 50).collapsed  # eight choices could not have shown more than a few codes
    assert not codebook_report(torch.arange(1000) % 6, 50).collapsed
    assert codebook_report(torch.arange(1000) % 4, 50).collapsed


def test_a_collapse_is_reported_in_words() -> None:
    words = codebook_report(torch.tensor([2] * 60 + [1]), 64).words
    assert words.startswith("The codebook has collapsed: only 2 of 64 codes are in use (perplexity 1.1)")
    assert "restart_below" in words


def clusters() -> torch.Tensor:
    return torch.randn(600, 2) + 5.0 * torch.randint(3, (600, 1))


@pytest.mark.parametrize("model", [VQVAE, HierarchicalVQVAE])
def test_a_codebook_without_restarts_that_its_encoder_leaves_behind(model: type[VQVAE | HierarchicalVQVAE]) -> None:
    """Without a commitment and with long steps the encoder runs away; all but a few codes are left where it was."""
    torch.manual_seed(0)
    fitting = GradientFitting(updates=60, batch_size=100, learning_rate=0.3, max_grad_norm=None)
    provoked = model(64, hidden=(16,), restart_below=0.0, commitment=0.0, fitting=fitting)
    with pytest.warns(UserWarning, match="The codebook has collapsed: only"):
        provoked.fit(clusters())


def test_each_epoch_tells_perplexity_and_used_codes() -> None:
    torch.manual_seed(0)
    epochs: list[FitEpoch] = []
    model = VQVAE(16, hidden=(16,), fitting=BRIEF)
    x = clusters()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(x, progress=epochs.append)
    own = [epoch for epoch in epochs if "perplexity" in epoch.train]  # then come the epochs of the prior of codes
    assert 0 < len(own) < len(epochs)
    assert own == epochs[: len(own)]
    assert all(1.0 <= epoch.train["perplexity"] <= 16.0 for epoch in own)
    assert all(0.0 < epoch.train["used_codes"] <= 1.0 for epoch in own)
    assert 1.0 < model.codebook_report(x).perplexity <= 16.0
