"""From episodes to figures: interquartile mean, bootstrap interval, fraction of the expert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # imports scipy.stats, which takes half a second, when it is first used
from numpy.typing import ArrayLike, NDArray

from genrl.errors import InputError

__all__ = ["Evaluation", "bootstrap_interval", "interquartile_mean", "normalised_score"]

RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The episodes of one evaluation.

    Attributes:
        env_id: the task.
        returns: (episodes,) float64, undiscounted true return.
        lengths: (episodes,) steps.
        seeds: (episodes,) the seed that each episode was reset with.
        deterministic: whether the policy acted by its mode.

    >>> evaluation = Evaluation(env_id="Ant-v4", returns=np.array([1.0, 2, 3, 4]), lengths=np.full(4, 10))
    >>> summary = evaluation.summary(expert_return=5.0)
    >>> summary["mean"], summary["iqm"], summary["expert_fraction"]
    (2.5, 2.5, 0.5)
    """

    env_id: str
    returns: NDArray[np.float64]
    lengths: NDArray[np.int64]
    seeds: NDArray[np.int64] | None = None
    deterministic: bool = True

    def __post_init__(self) -> None:
        if len(self.returns) == 0 or len(self.returns) != len(self.lengths):
            raise InputError("an evaluation needs at least one episode, and a length for each return")

    def summary(
        self, expert_return: float | None = None, random_return: float | None = None
    ) -> dict[str, str | int | float | bool | None]:
        """The figures to report, plain values fit for JSON.

        Args:
            expert_return: mean return of the demonstrations' expert; None where it is not known.
            random_return: mean return of uniformly random actions; None where it was not measured.

        Returns:
            `expert_fraction` is mean / expert_return, `normalised_score` puts random at 0 and the expert at 1;
            both are None without the returns that they need. `std` is that of the episodes (ddof 0), `iqm_low` and
            `iqm_high` bound the 95% bootstrap interval of `iqm`, `seed` is the first episode's.
        """
        low, high = bootstrap_interval([self.returns])
        mean = float(self.returns.mean())
        known = expert_return is not None and random_return is not None
        return {
            "env": self.env_id,
            "episodes": len(self.returns),
            "deterministic": self.deterministic,
            "seed": None if self.seeds is None else int(self.seeds[0]),
            "mean": mean,
            "std": float(self.returns.std()),
            "min": float(self.returns.min()),
            "max": float(self.returns.max()),
            "iqm": interquartile_mean(self.returns),
            "iqm_low": low,
            "iqm_high": high,
            "mean_length": float(self.lengths.mean()),
            "median_length": float(np.median(self.lengths)),
            "expert_return": expert_return,
            "random_return": random_return,
            "expert_fraction": mean / expert_return if expert_return else None,
            "normalised_score": normalised_score(mean, random_return, expert_return) if known else None,
        }


def interquartile_mean(values: ArrayLike) -> float:
    """Mean of the middle half: the lowest and the highest quarter are left out (Agarwal et al. 2021, section 4.3).

    With fewer than four values nothing can be left out, and it is the mean.

    >>> interquartile_mean([0, 1, 2, 99])
    1.5
    """
    return float(scipy.stats.trim_mean(np.asarray(values, dtype=np.float64), 0.25))


def bootstrap_interval(groups: Sequence[ArrayLike], *, confidence: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap interval of the interquartile mean of all values together.

    Resampling is stratified (Agarwal et al. 2021, section 4.2): each group gives as many draws as it has values, so
    that no training seed drops out of a resample. A single value, or equal ones, give an interval of no width.

    Args:
        groups: the values, one array for each training seed (one group for a single run).
        confidence: of the interval.
        seed: of the resampling, so that a report can be repeated.

    Returns:
        Its lower and upper end.

    Raises:
        InputError: there is no value.
    """
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(group, dtype=np.float64).ravel() for group in groups]
    if sum(len(array) for array in arrays) == 0:
        raise InputError("no interval of no values: at least one episode is needed")
    draws: list[NDArray[Any]] = [
        array[rng.integers(len(array), size=(RESAMPLES, len(array)))] for array in arrays if len(array)
    ]
    resampled = scipy.stats.trim_mean(np.concatenate(draws, axis=1), 0.25, axis=1)  # (resamples,)
    tail = 50 * (1 - confidence)
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return float(low), float(high)


def normalised_score(value: float, random_return: float | None, expert_return: float | None) -> float | None:
    """(value - random) / (expert - random): 0 for random actions, 1 for the expert; None if those two are equal."""
    if random_return is None or expert_return is None or expert_return == random_return:
        return None
    return (value - random_return) / (expert_return - random_return)
