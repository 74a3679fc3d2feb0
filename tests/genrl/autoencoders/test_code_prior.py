"""Models as priors of codes: PixelCNNs, how many levels they are told of, and the stages of such a fit."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from learned import Learned
from sklearn.datasets import load_digits
from torch import Tensor

from genrl.autoencoders import VQVAE, HierarchicalVQVAE
from genrl.autoencoders.code_prior import CodePrior
from genrl.autoregressive import GatedPixelCNN, PixelCNN, PixelInputs
from genrl.errors import InputError
from genrl.training.fit import FitEpoch
from genrl.training.gradient_fitting import GradientFitting

BRIEF = GradientFitting(updates=6, batch_size=64)
SETTLING = GradientFitting(updates=100, batch_size=128, learning_rate=5e-3, validation=0)

Quantised = VQVAE | HierarchicalVQVAE


def images(rows: int = 60) -> Tensor:
    return torch.rand(rows, 2, 5, 6, generator=torch.Generator().manual_seed(0))


def small(kind: type[PixelCNN] | type[GatedPixelCNN]) -> PixelCNN | GatedPixelCNN:
    return kind(width=8, fitting=BRIEF)


def test_a_pixel_cnn_is_the_prior_of_a_grid_of_codes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    prior = small(GatedPixelCNN)
    model = VQVAE(32, hidden=(4, 8), prior=prior, fitting=BRIEF).fit(images())
    assert prior.event_shape == (1, 2, 2)
    assert prior.levels == 32, "some codes of the 32 may be out of use in the fit, and not later"
    unseen = torch.full((1, 2, 2), 31)
    assert torch.isfinite(model.codes_prior.log_prob(unseen, None)).all()
    model.save(tmp_path / "model")
    loaded = VQVAE.load(tmp_path / "model")
    torch.testing.assert_close(loaded.log_prob(images()), model.log_prob(images()))
    assert loaded.sample(3).shape == (3, 2, 5, 6)


def test_pixel_cnns_are_the_priors_of_two_levels() -> None:
    torch.manual_seed(0)
    top, bottom = small(PixelCNN), small(GatedPixelCNN)
    model = HierarchicalVQVAE(
        16, code_width=2, hidden=(4,), top_hidden=(4,), top_prior=top, bottom_prior=bottom, fitting=BRIEF
    ).fit(images())
    assert (top.levels, bottom.levels) == (16, 16)
    assert (top.event_shape, bottom.event_shape) == ((1, 2, 2), (1, 3, 3))
    assert bottom.context_features == 4 * 2
    assert torch.isfinite(model.log_prob(images())).all()
    drawn = model.sample_codes(5)
    assert 0 <= int(drawn.bottom.min()) <= int(drawn.bottom.max()) < 16


def test_a_pixel_cnn_learns_how_codes_of_digits_lie_together(seed: int, learned: Learned) -> None:
    """Codes of a grid drawn from the prior are likelier to it than the same codes put anywhere."""
    torch.manual_seed(seed)
    x = torch.from_numpy(load_digits().images / 16).float()[:, None]
    train, test = x[:1400], x[1400:]
    prior = GatedPixelCNN(width=8, layers=2, fitting=replace(SETTLING, updates=400))
    model = VQVAE(16, hidden=(16, 16), prior=prior, fitting=SETTLING).fit(train)
    codes = model.codes(test)
    moved = codes.flatten(1)[:, torch.tensor([3, 0, 1, 2])].reshape(codes.shape)
    with torch.no_grad():
        likelier = model.codes_prior.log_prob(codes, None) > model.codes_prior.log_prob(moved, None)
    learned("images whose codes are likelier", likelier.float().mean(), above=0.6, baseline=0.5)


@pytest.mark.parametrize("kind", [VQVAE, HierarchicalVQVAE])
def test_a_fit_shows_its_priors_and_ends_in_any_stage(kind: type[Quantised]) -> None:
    x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    stages = 2 if kind is VQVAE else 3
    told: list[FitEpoch] = []
    kind(8, hidden=(8,), fitting=BRIEF).fit(x, progress=told.append)
    assert [epoch.number for epoch in told] == list(range(1, 6 * stages + 1))
    assert told[-1].planned == 6 * stages
    assert "reconstruction" in told[5].train
    assert "reconstruction" not in told[6].train
    for end in range(1, 6 * stages, 5):
        told.clear()

        def note(epoch: FitEpoch, end: int = end) -> bool:
            told.append(epoch)
            return len(told) < end

        stopped = kind(8, hidden=(8,), fitting=BRIEF).fit(x, progress=note)
        assert len(told) == end
        assert torch.isfinite(stopped.sample(4)).all()


def test_a_prior_that_takes_no_shape_of_the_grid_says_why_of_both() -> None:
    inputs = PixelInputs(context_shape=(1, 2, 2))
    prior = CodePrior(PixelCNN(width=4, blocks=1, kernel=3, inputs=inputs), (4, 4), 8)
    with pytest.raises(InputError, match=r"neither as images .*context must have 4 columns.* nor as flat rows"):
        prior.build(3)
