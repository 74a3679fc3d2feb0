"""Whether digits can be given another label and keep their style: a conditional DCGAN, inverted.

A support vector machine that was fitted to real digits (8 x 8, scikit-learn's) reads digits held out after their label
was changed, each to another of the nine. Style is ink (the mean of the pixels) and slant (how far a stroke moves to the
right for each pixel down), less the mean of the class: its correlation before and after the change. For comparison, the
same of samples of the wanted class whose noise knows nothing of the digit.

    python benchmarks/digit_edits.py --out digit_edits.csv --figure digit-edits.png
"""

import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
import tyro
from domain_maps import Digits, digits
from resumable_csv import append_row, read_rows
from sklearn.svm import SVC
from torch import Tensor

from genrl.evaluation import map_error
from genrl.gans import DCGAN, InverseConditionalGAN
from genrl.training.gradient_fitting import GradientFitting

STYLES = ("ink", "slant")
FIGURES = ("edited", "sampled", "label_kept", "real", "error_label_kept", *STYLES, "ink_sampled", "slant_sampled")
FIELDS = ("seed", "rounds", "updates", "noise", *FIGURES, "seconds")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a classifier reads in edited digits, and what is left of their style."""

    seeds: tuple[int, ...] = (0, 1)
    """Of weights, batches and noise."""
    rounds: int = 1000
    """Of the game."""
    updates: int = 1000
    """Steps of the encoders."""
    noise: int = 16
    """Columns."""
    hidden: tuple[int, ...] = (32, 64)
    """Channels of the encoders."""
    out: Path = Path("digit_edits.csv")
    """The table, of which only missing cells are computed."""
    figure: Path | None = None
    """Where to draw digits, a row each, as they are and given each label; None draws none."""


def style(images: Tensor) -> Tensor:
    """Ink and slant of (rows, 1, height, width), (rows, 2)."""
    weights = images.squeeze(1).clamp(min=0.0)
    ink = weights.mean((1, 2))
    weights = weights / weights.sum((1, 2), keepdim=True)
    down, right = (torch.arange(float(size)) for size in weights.shape[1:])
    down = down - (weights.sum(2) @ down)[:, None]
    right = right - (weights.sum(1) @ right)[:, None]
    across = torch.einsum("nij,ni,nj->n", weights, down, right)
    return torch.stack((ink, across / (weights.sum(2) * down.square()).sum(1)), 1)


def kept(before: Tensor, labels: Tensor, after: Tensor, wanted: Tensor, known: Digits) -> tuple[float, float]:
    """Correlations of ink and slant, each less the mean of its class among the known digits."""
    means = torch.stack([style(known.x[known.labels == label]).mean(0) for label in range(10)])
    start, end = style(before) - means[labels], style(after) - means[wanted]
    ink, slant = (torch.corrcoef(torch.stack((start[:, k], end[:, k])))[0, 1].item() for k in range(2))
    return ink, slant


def fitted(config: Config, seed: int, known: Digits) -> InverseConditionalGAN:
    """All but the sizes and the number of rounds at its defaults."""
    gan = DCGAN(noise_features=config.noise)
    gan = DCGAN(noise_features=config.noise, fitting=replace(gan.fitting, updates=config.rounds, seed=seed))
    encoders = GradientFitting(updates=config.updates, batch_size=128, seed=seed)
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a collapse is what is measured here
        return InverseConditionalGAN(gan=gan, hidden=config.hidden, fitting=encoders).fit(known.x, known.labels)


@torch.no_grad()
def figures(model: InverseConditionalGAN, known: Digits, asked: Digits) -> dict[str, float]:
    """Of digits held out."""
    machine = SVC().fit(known.x.flatten(1).numpy(), known.labels.numpy())

    def read(images: Tensor, labels: Tensor) -> float:
        return float(machine.score(images.flatten(1).numpy(), labels.numpy()))

    x, labels = asked.x, asked.labels
    wanted = (labels + 1 + torch.arange(len(x)) % 9) % 10
    edited, same, sampled = model.edit(x, wanted), model.edit(x, labels), model.sample(context=wanted)
    ink, slant = kept(x, labels, edited, wanted, known)
    ink_sampled, slant_sampled = kept(x, labels, sampled, wanted, known)
    values = (read(edited, wanted), read(sampled, wanted), read(same, labels), read(x, labels), map_error(same, x))
    return dict(zip(FIGURES, (*values, ink, slant, ink_sampled, slant_sampled), strict=True))


def draw(model: InverseConditionalGAN, asked: Digits, path: Path) -> None:
    """The first digit of each class, a row each: as it is, then given each label."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    rows = torch.stack([asked.x[asked.labels == label][0] for label in range(10)])
    made = model.edit(rows.repeat_interleave(10, 0), torch.arange(10).repeat(10)).detach()
    grid = torch.cat((rows[:, None], made.reshape(10, 10, 1, 8, 8)), 1).squeeze(2)
    picture = F.pad(grid, (1, 1, 1, 1)).permute(0, 2, 1, 3).reshape(100, 110).numpy()
    pyplot.imsave(path, picture.repeat(6, 0).repeat(6, 1), cmap="gray_r", vmin=0, vmax=1)


def main(config: Config) -> None:
    """Compute what is missing."""
    torch.set_num_threads(1)
    data = digits()
    asked = Digits(data.x[data.held_out], data.labels[data.held_out])
    known = Digits(data.x[~data.held_out], data.labels[~data.held_out])
    sizes = {"rounds": config.rounds, "updates": config.updates, "noise": config.noise}
    done = {tuple(int(row[name]) for name in ("seed", *sizes)) for row in read_rows(config.out)}
    for seed in config.seeds:
        if (seed, *sizes.values()) in done:
            continue
        start = time.thread_time()
        model = fitted(config, seed, known)
        measured = {name: round(value, 4) for name, value in figures(model, known, asked).items()}
        row = {"seed": seed, **sizes, **measured, "seconds": round(time.thread_time() - start, 1)}
        print(row, flush=True)
        append_row(config.out, FIELDS, row)
        if config.figure is not None and seed == config.seeds[0]:
            draw(model, asked, config.figure)


if __name__ == "__main__":
    main(tyro.cli(Config))
