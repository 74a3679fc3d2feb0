"""The list of all generative models, each small enough to be fitted in a second, and data for them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from families import find_model, make_model
from torch import Tensor

from genrl.generative_model import GenerativeModel

MEAN = torch.tensor([1.0, -0.5])
CHOLESKY = torch.tensor([[1.0, 0.0], [0.4, 0.7]])
CLASSES = (3, 7)  # not 0 and 1, so that a label is not mistaken for its column
ROWS = 2000
FAST = ("fitting.learning_rate=0.01", "fitting.validation=0")  # nothing to hold out: the data are as simple as can be
FEW = 4  # updates that tell whether a fit goes through, not what it learns
THIN = ("hidden=[16]", "discriminator_hidden=[16]", "fitting.learning_rate=0.01", "fitting.batch_size=64")
TWO: dict[str, bool] = {"domains": True, "labels": False, "context": False}


@dataclass(frozen=True)
class Case:
    """A model, small.

    Attributes:
        name: as `families` gives it.
        settings: `key=value` each.
        updates: gradient steps that fit a Gaussian, where it is fitted by them.
        labels: it can be fitted with class labels.
        needs_labels: it cannot be fitted without.
        context: it can be fitted with continuous context.
        domains: it is fitted to two domains, fit(X, y); contracts of one table of rows do not apply.
        pose: it needs a context beside them.
        discrete: it models images of integers alone; tests/genrl/autoregressive holds its contracts.
    """

    name: str
    settings: tuple[str, ...] = ()
    updates: int = 100
    labels: bool = True
    needs_labels: bool = False
    context: bool = True
    domains: bool = False
    pose: bool = False
    discrete: bool = False

    @property
    def of_rows(self) -> bool:
        """Whether it models one table of rows of real numbers."""
        return not self.domains and not self.discrete

    def make(self, updates: int | None = None) -> GenerativeModel:
        """A fresh one; the same each time."""
        torch.manual_seed(0)
        kind = find_model(self.name)
        return make_model(kind, self.settings, updates=self.updates if updates is None else updates, seed=0)

    def fit(self, x: Any, *, updates: int | None = None, **given: Any) -> GenerativeModel:
        """A fresh one, fitted; what its fit warns of (EM that did not settle) is no matter here."""
        if self.needs_labels and not given:
            given = labels_for(self, len(x))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.make(updates).fit(x, **given)


CASES = (
    Case("autoencoder", ("latents=2", "hidden=[]", *FAST, "fitting.learning_rate=0.05"), updates=200),
    Case("bayes_classifier", needs_labels=True, context=False),
    Case("gaussian_conditional", context=False),
    Case("gaussian_mixture", ("n_init=2",)),
    Case("mixture_density_network", ("n_components=4", "hidden=[16]", *FAST), updates=200),
    Case("variational_gaussian_mixture", ("n_components=3",)),
    Case("continuous", ("steps=8", "hidden=[32]", *FAST), updates=300),
    Case("glow", ("transforms=2", "levels=1", "hidden=[32]", *FAST)),
    Case("inverse_autoregressive", ("transforms=2", "hidden=[16]", *FAST)),
    Case("masked_autoregressive", ("transforms=2", "hidden=[16]", *FAST)),
    Case("neural_spline", ("transforms=2", "hidden=[16]", *FAST)),
    Case("planar", ("transforms=4", "hidden=[16]", *FAST), updates=200),
    Case("radial", ("transforms=4", "hidden=[16]", *FAST), updates=250),
    Case("real_nvp", ("transforms=2", "hidden=[16]", *FAST), updates=200),
    Case("conditional_gan", ("hidden=[32, 32]", "discriminator_hidden=[32, 32]"), updates=300, needs_labels=True),
    Case("gan", ("hidden=[32, 32]", "discriminator_hidden=[32, 32]"), updates=300),
    Case(
        "inverse_conditional_gan",
        ("hidden=[16]", "gan.hidden=[32, 32]", "gan.discriminator_hidden=[32, 32]", *FAST),
        updates=300,
        needs_labels=True,
    ),
    Case(
        "hierarchical_vq_vae",
        ("codebook_size=16", "code_width=4", "hidden=[32]", "top_hidden=[16]", *FAST),
        updates=300,
    ),
    Case("vq_vae", ("codebook_size=32", "code_width=4", "positions=2", "hidden=[32]", *FAST), updates=300),
    Case("cycle_gan", THIN, updates=100, **TWO),
    Case("domain_transfer_network", THIN, updates=100, **TWO),
    Case("paired_transfer_gan", THIN, updates=100, **TWO),
    Case(
        "pose_guided_gan",
        (*THIN, "coarse_fitting.updates=150", "coarse_fitting.learning_rate=0.02"),
        updates=30,
        pose=True,
        **TWO,
    ),
    Case("gated_pixel_cnn", ("width=8", "layers=2"), discrete=True),
    Case("multi_scale", ("coarse.width=8", "coarse.layers=2"), discrete=True),
    Case("pixel_cnn", ("width=8", "blocks=1", "kernel=3"), discrete=True),
    Case("pixel_rnn", ("width=4", "layers=1", "kernel=3"), discrete=True),
    Case("sequence", ("output=gaussians", "mixtures=2", 'core={"width": 16}', *FAST), updates=150),
    Case("score", ("hidden=[32]", *FAST), updates=300),
    Case("vae", ("latents=2", "hidden=[16]", *FAST), updates=400),
)

FEW_PIXELS = ("channels=4", "noise_features=4", "fitting.batch_size=32", "fitting.report_every=2")
IMAGE_CASES = (
    Case("dcgan", FEW_PIXELS),
    Case("progressive_gan", FEW_PIXELS),
    Case("style_gan", ("style_features=4", "mapping_layers=2", *FEW_PIXELS)),
)
"""Models of images alone, which have contracts of their own."""
IMAGE = (1, 8, 8)


def gaussian(rows: int, seed: int) -> Tensor:
    """(rows, 2) of one Gaussian with correlated columns."""
    return MEAN + torch.randn(rows, 2, generator=torch.Generator().manual_seed(seed)) @ CHOLESKY.T


def labelled(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """(rows, 2) Gaussians around (-2, 0) and (2, 0), and the class of each row."""
    generator = torch.Generator().manual_seed(seed)
    second = torch.randint(2, (rows,), generator=generator)
    x = torch.randn(rows, 2, generator=generator)
    x[:, 0] += 4.0 * second - 2.0
    return x, torch.tensor(CLASSES)[second]


def labels_for(case: Case, rows: int = 8) -> dict[str, Any]:
    """What a fit needs beside the rows."""
    return {"y": torch.arange(rows) % 2} if case.needs_labels else {}


def moved(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """(rows, 2) Gaussians around (2 c, -c), and the context c of each row, (rows, 1)."""
    generator = torch.Generator().manual_seed(seed)
    context = 2 * torch.rand(rows, 1, generator=generator) - 1
    return torch.cat([2 * context, -context], 1) + 0.3 * torch.randn(rows, 2, generator=generator), context


def bars(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """(rows, *IMAGE) of a bright bar that lies or stands, and the class of each row."""
    generator = torch.Generator().manual_seed(seed)
    second, place = torch.randint(2, (rows,), generator=generator), torch.randint(8, (rows,), generator=generator)
    x = 0.1 * torch.rand(rows, *IMAGE, generator=generator)
    lying = second.bool()
    x[lying, 0, place[lying]] += 0.9
    x[~lying, 0, :, place[~lying]] += 0.9
    return 16 * x, torch.tensor(CLASSES)[second]


@cache
def example(case: Case) -> GenerativeModel:
    """One that is not fitted. Tests share it: they must not change it."""
    return case.make()


@cache
def fitted(case: Case) -> GenerativeModel:
    """Fitted to `gaussian`. Tests share it: they must not change it."""
    return case.fit(gaussian(ROWS, 0))


@cache
def fitted_to_labels(case: Case) -> GenerativeModel:
    """Fitted to `labelled`. Tests share it."""
    x, y = labelled(ROWS, 0)
    return case.fit(x, y=y)


@cache
def fitted_to_context(case: Case) -> GenerativeModel:
    """Fitted to `moved`. Tests share it."""
    x, context = moved(ROWS, 0)
    return case.fit(x, context=context)
