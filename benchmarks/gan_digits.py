"""Whether the digits that image GANs draw are the digits that were asked for, by model and seed.

A support vector machine that was fitted to the real digits (8 x 8, scikit-learn's) reads samples of each class.
Accuracy alone would be perfect for one clear picture a class: the spread is the mean deviation of a class's pixels as a
part of the real one's, and coverage the share of the real digits that samples reach.

    python benchmarks/gan_digits.py --out gan_digits.csv --figures docs
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from numpy.typing import NDArray
from resumable_csv import append_row, read_rows
from sklearn.datasets import load_digits
from sklearn.svm import SVC
from torch import Tensor

from genrl.gans import DCGAN, ProgressiveGAN, StyleGAN
from genrl.gans.adversarial_model import AdversarialModel
from genrl.gans.coverage import coverage

FIELDS = ("model", "seed", "updates", "accuracy", "spread", "coverage", "seconds")
KINDS: dict[str, Callable[..., AdversarialModel]] = {
    "dcgan": DCGAN,
    "progressive_gan": ProgressiveGAN,
    "style_gan": StyleGAN,
}
A_CLASS = 200  # samples
JUDGED = 1200  # real digits that the machine learns from; the rest measure it


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a classifier reads in conditional samples."""

    models: tuple[str, ...] = tuple(KINDS)
    """Which."""
    seeds: tuple[int, ...] = (0,)
    """Of weights, batches and noise."""
    updates: int = 800
    """Rounds of each game."""
    out: Path = Path("gan_digits.csv")
    """The table, of which only missing cells are computed."""
    figures: Path | None = None
    """Folder for a picture of samples of each model; None draws none."""


def fitted(
    name: str, seed: int, updates: int, images: NDArray[np.floating], labels: NDArray[np.integer]
) -> AdversarialModel:
    """A conditional model with its default settings but for the number of updates."""
    torch.manual_seed(seed)
    settings = replace(KINDS[name]().fitting, updates=updates, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a collapse is what is measured here
        return KINDS[name](fitting=settings).fit(images, labels)


def spread(
    samples: NDArray[np.floating], asked: NDArray[np.integer], x: NDArray[np.floating], y: NDArray[np.integer]
) -> float:
    """Deviation of the pixels of a class's samples, as a part of the real one's; the mean over classes."""
    return float(np.mean([samples[asked == k].std(0).mean() / x[y == k].std(0).mean() for k in range(10)]))


def draw(samples: Tensor, path: Path) -> None:
    """Ten samples of each class, a row a class."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    grid = F.pad(samples[:100].reshape(10, 10, 8, 8), (1, 1, 1, 1)).permute(1, 2, 0, 3).reshape(100, 100)
    pyplot.imsave(path, grid.numpy().repeat(6, 0).repeat(6, 1), cmap="gray_r", vmin=0, vmax=16)


def cell(
    config: Config, name: str, seed: int, judge: SVC, x: NDArray[np.floating], y: NDArray[np.integer]
) -> dict[str, object]:
    """Fit one model and let its samples be read."""
    start = time.thread_time()
    model = fitted(name, seed, config.updates, x.reshape(-1, 1, 8, 8).astype(np.float32), y)
    seconds = time.thread_time() - start
    asked = torch.arange(10).repeat(A_CLASS)
    samples = model.sample(context=asked).flatten(1)
    if config.figures is not None and seed == config.seeds[0]:
        draw(samples, config.figures / f"digits-{name.replace('_', '-')}.png")
    like_the_data = model.sample(context=torch.from_numpy(y)).flatten(1)
    return {
        "model": name,
        "seed": seed,
        "updates": config.updates,
        "accuracy": round(float((judge.predict(samples.numpy()) == asked.numpy()).mean()), 4),
        "spread": round(spread(samples.numpy(), asked.numpy(), x, y), 4),
        "coverage": round(coverage(torch.from_numpy(x).float(), like_the_data), 4),
        "seconds": round(seconds, 1),
    }


def main(config: Config) -> None:
    """Compute what is missing."""
    torch.set_num_threads(1)
    x, y = load_digits(return_X_y=True)
    judge = SVC(gamma=0.001).fit(x[:JUDGED], y[:JUDGED])
    print(f"the classifier reads {judge.score(x[JUDGED:], y[JUDGED:]):.1%} of the real digits that it has not seen")
    done = {(row["model"], int(row["seed"]), int(row["updates"])) for row in read_rows(config.out)}
    for name in config.models:
        for seed in config.seeds:
            if (name, seed, config.updates) not in done:
                row = cell(config, name, seed, judge, x, y)
                print(row, flush=True)
                append_row(config.out, FIELDS, row)


if __name__ == "__main__":
    main(tyro.cli(Config))
