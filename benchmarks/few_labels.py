"""Few labels, many images: is a classifier better off with an autoencoder's code than with the pixels?

`python benchmarks/few_labels.py` fits autoencoders to scikit-learn's digits without their labels, gives a linear
classifier the labels of a few of them, and measures it on images that neither has seen: on the codes, on the raw
pixels, and on as many principal components as a code has numbers. Every row of the table sees the same splits.

How columns are scaled decides how the classifier's penalty weighs them, so each kind of feature is tried both ways: all
columns in one unit, which keeps their sizes to each other, and each column in a unit of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from genrl.autoencoders import VAE, Autoencoder
from genrl.generative_model import GenerativeModel
from genrl.protocols import Codec
from genrl.training.gradient_fitting import GradientFitting

LEVELS = 16.0
CLASSES = 10

Array = NDArray[np.float32]
Features = Callable[[Array], Array]
"""From images (rows, 64) to what the classifier sees."""


@dataclass(frozen=True, kw_only=True)
class FewLabelsConfig:
    """How much is learned and how often."""

    labels: int = 50
    """Images with a label, as many of each digit."""
    latents: int = 16
    """Numbers of a code, and principal components."""
    fits: int = 4
    """Times that the images are divided anew into those to learn from and a fifth held out, and models fitted."""
    draws: int = 20
    """Choices of the labelled images for each of them."""
    updates: int = 2000
    """Gradient steps of an autoencoder."""


def encoders(latents: int, updates: int, seed: int) -> dict[str, Callable[[Array], Features]]:
    """What is learned from images without labels, by name."""
    # The bound of an image sums 64 pixels, and so does its gradient: the usual limit would slow a VAE down.
    fitting = GradientFitting(updates=updates, batch_size=128, max_grad_norm=None, seed=seed)
    return {
        "pixels": lambda images: lambda x: x,
        "PCA": lambda images: PCA(latents, random_state=seed).fit(images).transform,
        "autoencoder": lambda images: codes_of(Autoencoder(latents, hidden=(128, 64), fitting=fitting), images),
        "VAE": lambda images: codes_of(VAE(latents, hidden=(128, 64), decoder="bernoulli", fitting=fitting), images),
    }


def codes_of(model: GenerativeModel, images: Array) -> Features:
    """Fit a model that encodes, and drop its decoder."""
    model.fit(images).eval()
    assert isinstance(model, Codec)

    def encode(x: Array) -> Array:
        with torch.no_grad():
            return model.encode(torch.from_numpy(x)).numpy()

    return encode


def labelled(y: NDArray[np.int64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Indices of as many rows of each class, `count` in all."""
    each = count // CLASSES
    return np.concatenate([random.choice(np.flatnonzero(y == digit), each, replace=False) for digit in range(CLASSES)])


def units(features: Array) -> dict[str, Array]:
    """What columns are divided by, (columns,), from images without labels; a column that never changes stays."""
    deviations = features.std(0)
    one = np.sqrt(np.square(deviations).mean())
    return {"one": np.full_like(deviations, one), "own": np.where(deviations > 1e-6 * one, deviations, 1.0)}


def accuracy(train: Array, labels: NDArray[np.int64], test: Array, truth: NDArray[np.int64]) -> float:
    """Of a linear classifier."""
    return float(LogisticRegression(max_iter=1000).fit(train, labels).score(test, truth))


def measure(config: FewLabelsConfig) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Accuracies by features and unit, (fits, draws) each; the same place is the same split."""
    images, digits = load_digits(return_X_y=True)
    images = (images / LEVELS).astype(np.float32)
    found: dict[str, dict[str, list[list[float]]]] = {}
    for seed in range(config.fits):
        random = np.random.default_rng(seed)
        torch.manual_seed(seed)
        order = random.permutation(len(images))
        held_out, seen = np.split(order, [len(order) // 5])
        draws = [seen[labelled(digits[seen], config.labels, random)] for _ in range(config.draws)]
        for name, learn in encoders(config.latents, config.updates, seed).items():
            features = learn(images[seen])
            x = features(images)
            for unit, scale in units(x[seen]).items():
                z = x / scale
                row = [accuracy(z[rows], digits[rows], z[held_out], digits[held_out]) for rows in draws]
                found.setdefault(name, {}).setdefault(unit, []).append(row)
                print(f"fit {seed + 1} of {config.fits}, {name}, {unit} unit: {np.mean(row):.3f}", flush=True)
    return {name: {unit: np.array(rows) for unit, rows in of.items()} for name, of in found.items()}


def mean_and_interval(accuracies: NDArray[np.float64]) -> tuple[float, float]:
    """Mean, and half of its 95% interval: draws of one fit are not independent, so that fits count as the samples."""
    means = accuracies.mean(1)
    return float(means.mean()), float(1.96 * means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else np.nan


def main(config: FewLabelsConfig) -> None:
    """Compare features that were learned without labels by what a classifier makes of them with a few."""
    torch.set_num_threads(1)
    found = measure(config)
    table = Table("features", "one unit", "own units", "better one less pixels'", "less PCA's")
    better = {name: max(of.values(), key=np.mean) for name, of in found.items()}
    for name, of in found.items():
        differences = [mean_and_interval(better[name] - better[other]) for other in ("pixels", "PCA")]
        table.add_row(
            name,
            *("{:.3f} ± {:.3f}".format(*mean_and_interval(accuracies)) for accuracies in of.values()),
            *("{:+.3f} ± {:.3f}".format(*difference) for difference in differences),
        )
    Console().print(table)


if __name__ == "__main__":
    main(tyro.cli(FewLabelsConfig, description=main.__doc__))
