"""What a discriminator that is given time should know, beside what is known: a density ratio, and a distance.

Ratio: with the generator fixed, D tends to p / (p + q) (Goodfellow et al. 2014, proposition 1). Here p and q are
Gaussians in the plane, and the figure is the mean absolute error of D over points of both.

Distance: a critic under Wasserstein's game gives the dual of the optimal transport between two clouds of points; the
primal, the cost of the exact plan, is that of POT. The figure is their ratio, which no critic brings above 1.

    make bench-install
    python benchmarks/gan_theory.py --out gan_theory.csv
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from resumable_csv import append_row, read_rows
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from genrl.gans.adversarial_fitting import AdversarialFitting, Player, fit_adversarially
from genrl.gans.losses import cross_entropy_discriminator, wasserstein_discriminator
from genrl.gans.penalties import GradientPenalty, interpolation_penalty, one_sided_penalty
from genrl.gans.transport_bound import transport_bound
from genrl.gans.weight_clipping import clip_weights
from genrl.nn import mlp

FIELDS = ("what", "data", "seed", "updates", "known", "learned", "figure", "seconds")
PENALTIES = {"interpolation": interpolation_penalty, "one_sided": one_sided_penalty}
SLOPE = 100.0  # weight of the penalty: the critic's slope must be all but 1 for the bound to be tight
LIMIT = 0.1  # of a clipped critic's weights

PAIRS = {
    "apart": (
        MultivariateNormal(torch.tensor([1.5, 0.0]), torch.eye(2)),
        MultivariateNormal(-torch.ones(2), torch.eye(2)),
    ),
    "turned": (
        MultivariateNormal(torch.tensor([1.0, 0.0]), torch.tensor([[1.0, 0.5], [0.5, 1.0]])),
        MultivariateNormal(torch.zeros(2), 2 * torch.eye(2)),
    ),
    "inside": (
        MultivariateNormal(torch.zeros(2), 0.2 * torch.eye(2)),
        MultivariateNormal(torch.zeros(2), torch.eye(2)),
    ),
}
"""Real and fake: side by side, of other shapes, and one within the other."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Density ratios and distances that are learned, beside those that are known."""

    what: tuple[str, ...] = ("ratio", *PENALTIES, "clip")
    """Which: ratio; the distance by a critic with one of two penalties on its slope, or with clipped weights."""
    data: tuple[str, ...] = tuple(PAIRS)
    """Which pairs."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of points, weights and batches."""
    updates: int = 2000
    """Steps of the discriminator."""
    points: int = 256
    """Of a cloud."""
    out: Path = Path("gan_theory.csv")
    """The table, of which only missing cells are computed."""


def play(
    network: nn.Module, loss: Callable[..., dict[str, Tensor]], x: Tensor, *, after: object, **given: object
) -> None:
    """The discriminator's side of a game whose generator never moves."""
    settings = AdversarialFitting(generator_steps=0, **given)  # type: ignore[arg-type]
    moved = Player(network=network, loss=loss, after_step=after)  # type: ignore[arg-type]
    fit_adversarially(moved, Player(network=nn.Linear(1, 1), loss=loss), x, settings=settings)


def ratio(data: str, seed: int, updates: int) -> tuple[float, float]:
    """The mean of the known D, and the learned one's mean absolute error."""
    real, fake = PAIRS[data]
    network = mlp([2, 64, 64, 1], activation="silu")

    def loss(rows: Tensor, context: Tensor | None) -> dict[str, Tensor]:
        logits = network(torch.cat([rows, fake.sample((len(rows),))])).squeeze(1)
        targets = torch.arange(2.0).flip(0).repeat_interleave(len(rows))
        return {"loss": cross_entropy_discriminator(logits, targets)}

    x = real.sample((50_000,))
    play(network, loss, x, after=None, updates=updates, seed=seed, learning_rate=5e-3, betas=(0.9, 0.999))
    points = torch.cat([real.sample((5000,)), fake.sample((5000,))])
    known = (real.log_prob(points) - fake.log_prob(points)).sigmoid()
    with torch.no_grad():
        error = (network(points).squeeze(1).sigmoid() - known).abs().mean()
    return known.mean().item(), error.item()


def distance(data: str, seed: int, updates: int, points: int, penalty: GradientPenalty | None) -> tuple[float, float]:
    """The cost of the exact plan, and the critic's bound of it; without a penalty its weights are clipped."""
    try:
        import ot
    except ImportError:
        raise SystemExit("POT is missing: make bench-install") from None
    real, fake = (side.sample((points,)) for side in PAIRS[data])
    weights = torch.full((points,), 1 / points, dtype=torch.float64).numpy()
    exact = float(ot.emd2(weights, weights, torch.cdist(real, fake).double().numpy()))
    critic = mlp([2, 64, 64, 1], activation="relu" if penalty is None else "silu")

    def heights(x: Tensor) -> Tensor:
        return critic(x).squeeze(1)

    def loss(rows: Tensor, context: Tensor | None) -> dict[str, Tensor]:
        targets = torch.arange(2.0).flip(0).repeat_interleave(points)
        value = wasserstein_discriminator(heights(torch.cat([real, fake])), targets)
        if penalty is None:
            return {"loss": value}
        pairs = torch.randint(points, (2, 128))
        return {"loss": value + SLOPE * penalty(heights, real[pairs[0]], fake[pairs[1]])}

    clip = (lambda: clip_weights(critic, LIMIT)) if penalty is None else None
    play(critic, loss, real, after=clip, updates=updates, seed=seed, learning_rate=5e-3, batch_size=1)
    return exact, transport_bound(heights, real, fake)


def cell(config: Config, what: str, data: str, seed: int) -> dict[str, object]:
    """One comparison."""
    torch.manual_seed(seed)
    start = time.thread_time()
    if what == "ratio":
        known, learned = ratio(data, seed, config.updates)
        figure = learned
    else:
        known, learned = distance(data, seed, config.updates, config.points, PENALTIES.get(what))
        figure = learned / known
    numbers = {"known": known, "learned": learned, "figure": figure, "seconds": time.thread_time() - start}
    rounded = {name: round(value, 4) for name, value in numbers.items()}
    return {"what": what, "data": data, "seed": seed, "updates": config.updates, **rounded}


def main(config: Config) -> None:
    """Compute what is missing."""
    torch.set_num_threads(1)
    key = ("what", "data", "seed", "updates")
    done = {tuple(row[name] for name in key) for row in read_rows(config.out)}
    for what in config.what:
        for data in config.data:
            for seed in config.seeds:
                if (what, data, str(seed), str(config.updates)) in done:
                    continue
                row = cell(config, what, data, seed)
                print(row, flush=True)
                append_row(config.out, FIELDS, row)


if __name__ == "__main__":
    main(tyro.cli(Config))
