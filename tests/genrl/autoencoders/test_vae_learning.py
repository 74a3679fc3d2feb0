"""What variational autoencoders learn: closed forms where there are some, and codes that are of use or are not."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from genrl.autoencoders import VAE, Autoencoder
from genrl.autoencoders.gaussians import log_standard_normal
from genrl.autoencoders.likelihoods import Likelihood
from genrl.flows import PlanarFlow, RealNVP
from genrl.generative_model import GenerativeModel
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient

FITTING = GradientFitting(updates=400, batch_size=128, learning_rate=0.01, validation=0)
QUICK = GradientFitting(updates=400, batch_size=128, learning_rate=0.05, validation=0)

BRIEF = GradientFitting(updates=250, batch_size=100, learning_rate=0.02, validation=0)


def test_a_linear_one_reaches_the_likelihood_of_probabilistic_pca() -> None:
    torch.manual_seed(0)
    loadings = torch.randn(2, 5)
    x, held_out = (torch.randn(2000, 2) @ loadings + 0.5 * torch.randn(2000, 5) + 3.0 for _ in range(2))
    model = VAE(2, hidden=(), fitting=QUICK).fit(x)
    exact = PCA(2).fit(x.double().numpy()).score(held_out.double().numpy())
    assert float(model.score_samples(held_out).mean()) == pytest.approx(exact, abs=0.1)


class Crescent(Likelihood):
    """x = z_2 + z_1^2 and noise: the codes that explain an x lie on a bent curve."""

    def __init__(self) -> None:
        nn.Module.__init__(self)

    def forward(self, z: Tensor, context: Tensor | None) -> Distribution:
        return Independent(Normal(z[:, 1:] + z[:, :1].square(), 0.3), 1)


def crescent_bounds(posterior: GenerativeModel | None) -> tuple[float, float]:
    """The mean bound of a posterior that was fitted to the crescent, and what it bounds."""
    torch.manual_seed(0)
    model = VAE(2, hidden=(16,), posterior=posterior).build(1)
    model.likelihood = Crescent()
    torch.manual_seed(1)  # the same rows, whatever the posterior took of the generator
    x = model.sample(1500)
    fit_by_gradient(model, x[:1000], None, BRIEF)
    ticks = torch.linspace(-5, 5, 201)
    grid = torch.cartesian_prod(ticks, ticks)
    joint = Normal(grid[:, 1] + grid[:, 0].square(), 0.3).log_prob(x[1000:]) + log_standard_normal(grid)
    evidence = joint.logsumexp(1) + 2 * (ticks[1] - ticks[0]).log()
    return float(model.score_samples(x[1000:]).mean()), float(evidence.mean())


@pytest.mark.parametrize(
    "posterior",
    [
        RealNVP(transforms=2, hidden=(16,)),
        pytest.param(PlanarFlow(transforms=4, hidden=(16,)), marks=pytest.mark.slow),
    ],
    ids=lambda flow: type(flow).__name__,
)
def test_a_flow_posterior_fits_a_banana_tighter_than_a_gaussian(posterior: GenerativeModel) -> None:
    gaussian, evidence = crescent_bounds(None)
    flow, _ = crescent_bounds(posterior)
    assert gaussian + 0.5 < flow < evidence + 0.02


def known_from_context(**settings: float) -> tuple[VAE, Tensor, Tensor]:
    """A decoder that is told x by its context has no use for a code."""
    torch.manual_seed(0)
    context = torch.randn(600, 2)
    x = context + 0.1 * torch.randn(600, 2)
    fitting = GradientFitting(updates=200, batch_size=100, learning_rate=0.02, validation=0)
    return VAE(2, hidden=(16,), fitting=fitting, **settings).fit(x, context=context), x, context  # type: ignore[arg-type]


def test_a_strong_decoder_collapses_the_code_and_the_report_says_so() -> None:
    model, x, context = known_from_context()
    report = model.collapse_report(x, context)
    assert report.collapsed
    assert max(report.kl) < 0.05
    assert "have collapsed: none of the 2 units" in report.words


def test_free_bits_keep_its_units_in_use() -> None:
    model, x, context = known_from_context(free_bits=0.5)
    report = model.collapse_report(x, context)
    assert min(report.kl) > 0.2
    assert report.active_units == 2
    assert "No latent has collapsed" in report.words


def test_a_greater_beta_leaves_less_in_the_code() -> None:
    torch.manual_seed(0)
    x = torch.randn(600, 2) @ torch.randn(2, 4) + 0.3 * torch.randn(600, 4)
    fitting = GradientFitting(updates=100, batch_size=100, learning_rate=0.02, validation=0)
    divergences = [
        sum(VAE(2, hidden=(8,), beta=beta, fitting=fitting).fit(x).collapse_report(x).kl) for beta in (0.3, 8.0)
    ]
    assert divergences[0] > divergences[1] + 1.0


def accuracy_with_few_labels(train: Tensor, test: Tensor, train_labels: np.ndarray, test_labels: np.ndarray) -> float:
    """Of a logistic regression taught five rows of each digit, the mean of several choices of them."""
    found = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(train))
        chosen = np.concatenate([order[train_labels[order] == digit][:5] for digit in range(10)])
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
        classifier.fit(train[chosen].numpy(), train_labels[chosen])
        found.append(classifier.score(test.numpy(), test_labels))
    return float(np.mean(found))


@pytest.mark.parametrize(
    "model",
    [
        Autoencoder(16, hidden=(64,), fitting=FITTING),
        VAE(16, decoder="bernoulli", hidden=(64,), fitting=FITTING),
    ],
    ids=lambda model: type(model).__name__,
)
def test_fifty_labels_teach_as_much_about_codes_as_about_pixels(model: Autoencoder | VAE) -> None:
    torch.manual_seed(0)
    pixels, labels = load_digits(return_X_y=True)
    x = torch.from_numpy(pixels / 16).float()
    train, test = x[:1300], x[1300:]
    model.fit(train)
    with torch.no_grad():
        codes = accuracy_with_few_labels(model.encode(train), model.encode(test), labels[:1300], labels[1300:])
    assert codes > accuracy_with_few_labels(train, test, labels[:1300], labels[1300:]) - 0.02
