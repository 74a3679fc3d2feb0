"""What variational autoencoders learn: closed forms where there are some, and codes that are of use or are not."""

import numpy as np
import pytest
import torch
from learned import Learned
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


def test_a_linear_one_reaches_the_likelihood_of_probabilistic_pca(seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    loadings = torch.randn(2, 5)
    x, held_out = (torch.randn(2000, 2) @ loadings + 0.5 * torch.randn(2000, 5) + 3.0 for _ in range(2))
    model = VAE(2, hidden=(), fitting=QUICK).fit(x)
    exact = PCA(2).fit(x.double().numpy()).score(held_out.double().numpy())
    gap = abs(float(model.score_samples(held_out).mean()) - exact)
    independent = Normal(x.mean(0), x.std(0)).log_prob(held_out).sum(1).mean()  # what knows of no correlation
    learned("gap to the likelihood", gap, below=0.15, baseline=exact - float(independent))


class Crescent(Likelihood):
    """x = z_2 + z_1^2 and noise: the codes that explain an x lie on a bent curve."""

    def __init__(self) -> None:
        nn.Module.__init__(self)

    def forward(self, z: Tensor, context: Tensor | None) -> Distribution:
        return Independent(Normal(z[:, 1:] + z[:, :1].square(), 0.3), 1)


def crescent_bounds(posterior: GenerativeModel | None, seed: int) -> tuple[float, float]:
    """The mean bound of a posterior that was fitted to the crescent, and what it bounds."""
    torch.manual_seed(2 * seed)
    model = VAE(2, hidden=(16,), posterior=posterior).build(1)
    model.likelihood = Crescent()
    torch.manual_seed(2 * seed + 1)  # the same rows, whatever the posterior took of the generator
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
def test_a_flow_posterior_fits_a_banana_tighter_than_a_gaussian(
    posterior: GenerativeModel, seed: int, learned: Learned
) -> None:
    gaussian, evidence = crescent_bounds(None, seed)
    flow, _ = crescent_bounds(posterior, seed)
    # The bound of a Gaussian posterior is 0 on this scale, the evidence 1.
    learned("share of the gap that is closed", (flow - gaussian) / (evidence - gaussian), above=0.3, baseline=0.0)
    assert flow < evidence + 0.02


def known_from_context(seed: int, **settings: float) -> tuple[VAE, Tensor, Tensor]:
    """A decoder that is told x by its context has no use for a code."""
    torch.manual_seed(seed)
    context = torch.randn(600, 2)
    x = context + 0.1 * torch.randn(600, 2)
    fitting = GradientFitting(updates=200, batch_size=100, learning_rate=0.02, validation=0)
    return VAE(2, hidden=(16,), fitting=fitting, **settings).fit(x, context=context), x, context  # type: ignore[arg-type]


def test_a_strong_decoder_collapses_the_code_and_the_report_says_so(seed: int, learned: Learned) -> None:
    model, x, context = known_from_context(seed)
    report = model.collapse_report(x, context)
    assert report.collapsed
    learned("greatest divergence", max(report.kl), below=0.05, baseline=0.5)  # of free bits
    assert "have collapsed: none of the 2 units" in report.words


def test_free_bits_keep_its_units_in_use(seed: int, learned: Learned) -> None:
    model, x, context = known_from_context(seed, free_bits=0.5)
    report = model.collapse_report(x, context)
    learned("least divergence", min(report.kl), above=0.1, baseline=0.0)
    assert report.active_units == 2
    assert "No latent has collapsed" in report.words


def test_a_greater_beta_leaves_less_in_the_code(seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    x = torch.randn(600, 2) @ torch.randn(2, 4) + 0.3 * torch.randn(600, 4)
    fitting = GradientFitting(updates=100, batch_size=100, learning_rate=0.02, validation=0)
    divergences = [
        sum(VAE(2, hidden=(8,), beta=beta, fitting=fitting).fit(x).collapse_report(x).kl) for beta in (0.3, 8.0)
    ]
    learned("difference of the divergences", divergences[0] - divergences[1], above=1.0, baseline=0.0)


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
def test_fifty_labels_teach_as_much_about_codes_as_about_pixels(
    model: Autoencoder | VAE, seed: int, learned: Learned
) -> None:
    torch.manual_seed(seed)
    pixels, labels = load_digits(return_X_y=True)
    x = torch.from_numpy(pixels / 16).float()
    train, test = x[:1300], x[1300:]
    model.fit(train)
    with torch.no_grad():
        codes = accuracy_with_few_labels(model.encode(train), model.encode(test), labels[:1300], labels[1300:])
    of_pixels = accuracy_with_few_labels(train, test, labels[:1300], labels[1300:])
    learned("accuracy of codes - that of pixels", codes - of_pixels, above=-0.05, baseline=0.1 - of_pixels)
