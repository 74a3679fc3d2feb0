"""Densities from bins: they integrate to one, agree with a histogram, come back from disk, refuse what cannot be."""

import math

import pytest
import torch
from learned import Learned
from torch import nn

from genrl.autoencoders import VAE
from genrl.autoregressive import PixelCNN, Recurrent, SequenceModel
from genrl.discretised import Discretised, quantile_edges
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.training.gradient_fitting import GradientFitting

QUICK = GradientFitting(updates=150, batch_size=128, learning_rate=0.02)


def sequence(levels=8):
    return SequenceModel(core=Recurrent(width=16), levels=levels, fitting=QUICK)


def pixels(levels=8):
    return PixelCNN(width=16, blocks=1, kernel=3, levels=levels, fitting=QUICK)


MODELS = {
    "sequence": lambda **options: Discretised(sequence(), bins=8, **options),
    "pixels": lambda **options: Discretised(pixels(), bins=8, as_image=True, **options),
}


class Independent(GenerativeModel):
    """Each column has free probabilities, equal at first: log p is known by hand."""

    log_prob_kind = "exact"
    takes_integers = True

    def _build(self, event_shape, context_features):
        self.logits = nn.Parameter(torch.zeros(*event_shape, 4))

    def log_prob(self, x, context=None):
        return self.logits.log_softmax(-1).expand(len(x), -1, -1).gather(2, x.long()[..., None]).sum((1, 2))

    def _fit(self, x, context, progress):
        counts = torch.nn.functional.one_hot(x.long(), 4).sum(0)
        with torch.no_grad():
            self.logits.copy_((counts / len(x)).log())


def test_by_hand():
    """Four bins of width 1 in two columns, each with probability 1/4."""
    model = Discretised(Independent(), bins=4, reach=2.0).build(2)
    x = torch.tensor([[0.3, -1.7], [5.0, 0.0]])
    torch.testing.assert_close(model.log_prob(x), torch.full((2,), 2 * math.log(1 / 4)))
    assert model.places(x).tolist() == [[2, 0], [3, 2]]


def test_after_a_fit_it_is_the_histogram_of_equal_counts():
    x = torch.randn(4000, 1, generator=torch.Generator().manual_seed(0)).exp()
    model = Discretised(Independent(), bins=4).fit(x)
    edges = model.edges[0]
    expected = math.log(1 / 4) - (edges[2] - edges[1]).log()
    assert model.log_prob((edges[1:2] + 1e-3)[None]).item() == pytest.approx(float(expected), abs=0.01)
    normal = torch.distributions.LogNormal(0.0, 1.0)
    quartiles = normal.icdf(torch.tensor([0.25, 0.5, 0.75]))
    torch.testing.assert_close(edges[1:-1], quartiles, rtol=0.1, atol=0.0)


@pytest.mark.parametrize("name", MODELS)
def test_it_integrates_to_one(name):
    torch.manual_seed(0)
    model = MODELS[name](reach=2.0).build(2)
    line = torch.linspace(-2, 2, 81)[:-1] + 0.025
    with torch.no_grad():
        mass = model.log_prob(torch.cartesian_prod(line, line)).exp().sum() * 0.05**2
    assert float(mass) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_it_learns_that_columns_depend_on_each_other(name, seed: int, learned: Learned):
    torch.manual_seed(seed)
    first = torch.rand(1500, 1)
    x = torch.cat([first, (first + 0.5) % 1], 1)
    model = MODELS[name]().fit(x)
    drawn = model.sample(500)
    error = ((drawn[:, 1] - drawn[:, 0] - 0.5 + 0.5) % 1 - 0.5).abs()
    assert drawn.shape == (500, 2)
    learned("error", error.mean(), below=0.12, baseline=0.25)  # if they did not; 1/24 from the width of bins
    learned(
        "log-likelihood", model.log_prob(x).mean(), above=1.0, baseline=0.0
    )  # of independent columns; log 8 at best
    assert model.mode().shape == (2,)


def test_given_a_context(seed: int, learned: Learned):
    torch.manual_seed(seed)
    given = torch.rand(1000, 1)
    model = MODELS["sequence"]().fit(given + 0.02 * torch.randn(1000, 1), context=given)
    asked = torch.tensor([[0.1], [0.9]])
    drawn = model.sample((200,), asked)
    assert drawn.shape == (200, 2, 1)
    # The baseline is the middle.
    learned("error of the means", (drawn.mean(0) - asked).abs().max(), below=0.2, baseline=0.4)
    learned("error of the modes", (model.mode(asked) - asked).abs().max(), below=0.2, baseline=0.4)


@pytest.mark.parametrize("name", MODELS)
def test_saved_and_loaded(name, tmp_path):
    x = torch.rand(200, 3)
    model = MODELS[name]().fit(x)
    model.save(tmp_path)
    assert torch.equal(GenerativeModel.load(tmp_path).log_prob(x), model.log_prob(x))


def test_bins_of_numbers_that_repeat_have_a_width():
    x = torch.cat([torch.zeros(90, 1), torch.arange(10.0)[:, None]])
    edges = quantile_edges(x, 5)
    assert (edges.diff() >= 0.0089).all()
    assert (quantile_edges(torch.full((50, 1), 3.0), 4).diff() > 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Discretised(VAE()), "VAE does not know the probability"),
        (lambda: Discretised(sequence(), bins=1), "bins must be 2 or more"),
        (lambda: Discretised(sequence(), reach=0.0), "reach above 0"),
        (lambda: Discretised(sequence()).build((1, 2, 2)), "a table"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
