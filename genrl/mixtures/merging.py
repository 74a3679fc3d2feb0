"""Joining the components of a variational mixture that share a cluster, which plain iterations leave apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from genrl.mixtures.em import Moments
from genrl.mixtures.gaussian_wishart import Precision
from genrl.mixtures.variational import Families, Posterior, Run, absorb, evaluate

__all__ = ["ClimbFrom", "join_moments", "merge_components", "settle"]

ClimbFrom = Callable[[Posterior], Run]


def merge_components(x: Tensor, prior: Posterior, run: Run, families: Families, attempts: int) -> Run:
    """Join components wherever that raises the bound, the nearest pair first.

    Plain iterations hardly ever empty one of two components that share a cluster: the way there is flat (Hughes &
    Sudderth 2013, section 3.3). Joining them is one step, and its worth is known after one E step.

    Args:
        x: the rows of the run.
        prior: likewise.
        run: that has settled.
        families: of the prior.
        attempts: pairs tried in a row without a gain before it gives up.

    Returns:
        The run itself where nothing was gained; otherwise one that has not converged.
    """
    failures = 0
    tried: set[tuple[int, int]] = set()
    while failures < attempts:
        pair = next((pair for pair in nearest_pairs(run, families) if pair not in tried), None)
        if pair is None:
            break
        tried.add(pair)
        joined = absorb(prior, join_moments(run.moments, *pair, families.precision), families)
        bound, moments = evaluate(x, joined, prior, families)
        if bound > run.lower_bound:
            run = replace(run, posterior=joined, lower_bound=bound, moments=moments, converged=False)
            failures, tried = 0, set()
        else:
            failures += 1
    return run


def settle(
    x: Tensor, prior: Posterior, start: Posterior, families: Families, attempts: int, climb_from: ClimbFrom
) -> Run:
    """Climb and join in turn until neither gains anything.

    Args:
        x: (rows, d).
        prior: of the parameters.
        start: the first posterior.
        families: what both are made of.
        attempts: as of `merge_components`.
        climb_from: `climb` with its settings, from a posterior.
    """
    while True:
        run = climb_from(start)
        joined = merge_components(x, prior, run, families, attempts)
        if joined is run:
            return run
        start = joined.posterior


def nearest_pairs(run: Run, families: Families) -> Iterator[tuple[int, int]]:
    """Pairs of components that stand for rows, the nearest first, in deviations of both together."""
    kept = (run.moments.counts > 1).nonzero()[:, 0]
    components = run.posterior.components
    covariances = components.scales / families.precision.per_component(components.degrees)
    first, second = (kept[side] for side in torch.triu_indices(len(kept), len(kept), 1))
    together = families.precision.covariance.factorise(covariances[first] + covariances[second])
    distances = families.precision.squares(components.means[first] - components.means[second], together)
    for place in distances.argsort().tolist():
        yield int(first[place]), int(second[place])


def join_moments(moments: Moments, kept: int, emptied: int, precision: Precision) -> Moments:
    """The moments if the rows of one component were another's."""
    counts, sums, scatter = moments.counts.clone(), moments.sums.clone(), moments.scatter.clone()
    pair = torch.tensor([kept, emptied])
    rows = counts[pair]
    shifts = sums[pair] / rows[:, None]
    means = moments.centres[pair] + shifts
    within = scatter[pair] - precision.per_component(rows) * precision.outer(shifts)  # about each one's own mean
    total = rows.sum()
    difference = (means[1] - means[0])[None]
    between = precision.outer(difference)[0] * rows.prod() / total
    centres = moments.centres.clone()
    centres[kept] = means[0] + difference[0] * rows[1] / total
    counts[kept], sums[kept], scatter[kept] = total, 0.0, within.sum(0) + between
    counts[emptied], sums[emptied], scatter[emptied] = 0.0, 0.0, 0.0
    return Moments(counts=counts, sums=sums, scatter=scatter, centres=centres)
