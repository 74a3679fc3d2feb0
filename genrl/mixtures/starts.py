"""The responsibilities that a mixture starts from: clusters of k-means, rows far from each other, or chance."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from genrl.errors import InputError

__all__ = [
    "InitParams",
    "first_responsibilities",
    "k_means",
    "k_means_plus_plus",
    "random_generator",
]

InitParams = Literal["kmeans", "k-means++", "random", "random_from_data"]


def random_generator(random_state: int | None) -> torch.Generator:
    """Of the starts: seeded as said, or from torch's global generator, so that `torch.manual_seed` repeats it."""
    seed = int(torch.randint(2**31, ())) if random_state is None else random_state
    return torch.Generator().manual_seed(seed)


def first_responsibilities(how: InitParams, x: Tensor, components: int, generator: torch.Generator) -> Tensor:
    """(rows, K), by a way of scikit-learn's name.

    Args:
        how: "kmeans" gives each row to its cluster, "k-means++" and "random_from_data" one row to each component, and
            "random" something of each row to every component.
        x: (rows, d).
        components: K.
        generator: of what is drawn.

    Raises:
        InputError: there is no such way.
    """
    if how == "random":
        chances = torch.rand(len(x), components, generator=generator, dtype=x.dtype).to(x.device)
        return chances / chances.sum(1, keepdim=True)
    responsibilities = x.new_zeros(len(x), components)
    if how == "kmeans":
        rows, columns = torch.arange(len(x)), k_means(x, components, generator)
    elif how == "k-means++":
        rows, columns = k_means_plus_plus(x, components, generator), torch.arange(components)
    elif how == "random_from_data":
        rows, columns = torch.randperm(len(x), generator=generator)[:components], torch.arange(components)
    else:
        raise InputError(f"init_params must be kmeans, k-means++, random or random_from_data, not {how!r}")
    responsibilities[rows, columns] = 1.0
    return responsibilities


def k_means_plus_plus(x: Tensor, clusters: int, generator: torch.Generator) -> Tensor:
    """(clusters,) indices of rows far from each other (Arthur & Vassilvitskii 2007, section 2.2).

    Each next row is drawn with a probability in proportion to its squared distance from those drawn before.
    """
    drawn = [int(torch.randint(len(x), (1,), generator=generator))]
    distances = (x - x[drawn[0]]).square().sum(1)
    while len(drawn) < clusters:
        # Of rows that are all equal to those drawn before, any will do.
        chances = distances if distances.sum() > 0 else torch.ones_like(distances)
        drawn.append(int(torch.multinomial((chances / chances.max()).cpu(), 1, generator=generator)))
        distances = torch.minimum(distances, (x - x[drawn[-1]]).square().sum(1))
    return torch.tensor(drawn)


def k_means(x: Tensor, clusters: int, generator: torch.Generator, *, iterations: int = 100) -> Tensor:
    """(rows,) the cluster of each row, after Lloyd's algorithm has settled or `iterations` are done."""
    centres = x[k_means_plus_plus(x, clusters, generator)]
    labels = nearest(x, centres)
    for _ in range(iterations):
        counts = torch.bincount(labels, minlength=clusters).to(x)
        sums = torch.zeros_like(centres).index_add_(0, labels, x)
        # A cluster that lost all its rows stays where it was.
        centres = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)
        before, labels = labels, nearest(x, centres)
        if torch.equal(before, labels):
            break
    return labels


def nearest(x: Tensor, centres: Tensor) -> Tensor:
    """(rows,) index of the centre closest to each row."""
    return (centres.square().sum(1) - 2 * x @ centres.T).argmin(1)
