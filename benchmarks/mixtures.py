"""Mixtures of Gaussians beside scikit-learn's: the same end from the same start, the time to it, and what only ours do.

EM and scoring take turns with scikit-learn on one thread, because the speed of a machine drifts and only ratios of the
same minute carry over to another one; seconds are the processor's, in which other programs have no part. The
variational mixture is counted: the components it keeps of 20 on eight Gaussians, and how well it does on a stream
against all rows at once.

    python benchmarks/mixtures.py --out mixtures.json
"""

import json
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture
from sklearn.mixture import GaussianMixture as Peer
from threadpoolctl import threadpool_limits

from genrl.evaluation.toy_distributions import toy_samples
from genrl.mixtures import GaussianMixture, VariationalGaussianMixture
from genrl.mixtures.covariances import CovarianceType


@dataclass(frozen=True, kw_only=True)
class Config:
    """EM against scikit-learn, and the variational mixture's count of components."""

    rows: int = 100_000
    """Of the data that EM is timed on."""
    columns: int = 32
    """Likewise."""
    components: int = 16
    """Likewise."""
    covariance_types: tuple[CovarianceType, ...] = ("full", "tied", "diag", "spherical")
    """Forms of covariance to be timed."""
    iterations: int = 10
    """Of EM, the same for both."""
    rounds: int = 5
    """How often each has its turn; the median counts."""
    seeds: int = 10
    """Of the variational fits."""
    stream_rows: int = 4000
    """Of each variational fit."""
    stream_parts: int = 10
    """That a stream comes in."""
    out: Path | None = None
    """A .json file for the figures."""


def clusters(rows: int, columns: int, components: int) -> NDArray[np.float64]:
    """Overlapping clusters of different shapes."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(components, columns))
    mixing = np.eye(columns) + 0.3 * rng.normal(size=(components, columns, columns))
    which = rng.integers(components, size=rows)
    noise = rng.normal(size=(rows, columns))
    x = np.empty((rows, columns))
    for number in range(components):
        x[which == number] = centres[number] + noise[which == number] @ mixing[number].T
    return x


def same_start(kind: CovarianceType, x: NDArray[np.float64], components: int) -> dict[str, Any]:
    """Weights, means and precisions to begin from."""
    columns = x.shape[1]
    precisions = {
        "full": np.stack([np.eye(columns)] * components),
        "tied": np.eye(columns),
        "diag": np.ones((components, columns)),
        "spherical": np.ones(components),
    }[kind]
    means = x[np.random.default_rng(1).choice(len(x), components, replace=False)]
    return {
        "weights_init": np.full(components, 1 / components),
        "means_init": means,
        "precisions_init": precisions,
        "init_params": "random_from_data",
    }


def seconds(work: Callable[[], Any]) -> float:
    """Of the processor, which on one thread are those that it takes undisturbed."""
    start = time.process_time()
    work()
    return time.process_time() - start


def time_em(kind: CovarianceType, config: Config) -> dict[str, Any]:
    """Fit and score times of both, in turns, and how far apart they end."""
    x = clusters(config.rows, config.columns, config.components)
    settings = {
        "n_components": config.components,
        "covariance_type": kind,
        "tol": 0.0,
        "max_iter": config.iterations,
        **same_start(kind, x, config.components),
    }
    ours, peer = GaussianMixture(**settings), Peer(**settings)
    times: dict[str, list[float]] = {name: [] for name in ("fit", "peer fit", "score", "peer score")}
    for turn in range(config.rounds):
        for name, model in (("", ours), ("peer ", peer)) if turn % 2 else (("peer ", peer), ("", ours)):
            times[f"{name}fit"].append(seconds(lambda model=model: model.fit(x)))
            times[f"{name}score"].append(seconds(lambda model=model: model.score_samples(x)))
    figures: dict[str, Any] = {name: round(median(values), 3) for name, values in times.items()}
    for name in ("fit", "score"):
        ratios = [other / own for own, other in zip(times[name], times[f"peer {name}"], strict=True)]
        figures[f"{name} times as fast"] = round(median(ratios), 2)
    figures["log-likelihood"] = ours.lower_bound_
    figures["difference"] = abs(ours.lower_bound_ - peer.lower_bound_)
    return {"covariance_type": kind, **figures}


def variational_fits(seed: int, config: Config) -> dict[str, Any]:
    """One seed on eight Gaussians: kept components, and log-likelihood of fresh rows, nats."""
    x, fresh = (toy_samples("8gaussians", config.stream_rows, number) for number in (seed, 1000 + seed))
    batch, stream = (VariationalGaussianMixture(20, random_state=seed) for _ in range(2))
    batch.fit(x)
    for part in x.chunk(config.stream_parts):
        stream.partial_fit(part)
    peer = BayesianGaussianMixture(n_components=20, random_state=seed).fit(x.numpy())
    whole, parts = (float(model.score_samples(fresh).mean()) for model in (batch, stream))
    return {
        "seed": seed,
        "kept": batch.n_effective_,
        "kept of the stream": stream.n_effective_,
        "kept by the peer": len(np.unique(peer.predict(x.numpy()))),
        "fresh rows": whole,
        "fresh rows, stream": parts,
        "apart": abs(parts / whole - 1),
        "kl": batch.kl_,
    }


def touching_fits(seed: int) -> dict[str, Any]:
    """One seed on three clusters that touch, where plain iterations leave many components."""
    rng = np.random.default_rng(seed)
    x = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])[rng.integers(3, size=5000)] + rng.normal(size=(5000, 2))
    peer = BayesianGaussianMixture(n_components=20, random_state=seed).fit(x)
    kept = VariationalGaussianMixture(20, random_state=seed).fit(x).n_effective_
    return {"seed": seed, "kept": kept, "kept by the peer": len(np.unique(peer.predict(x)))}


def main(config: Config) -> None:
    """Measure, print and write."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.simplefilter("ignore", UserWarning)
    with threadpool_limits(1):
        print(f"EM, {config.rows:,} x {config.columns}, {config.components} components, seconds on one thread")
        em = []
        for kind in config.covariance_types:
            em.append(time_em(kind, config))
            print("  " + ", ".join(f"{name} {value}" for name, value in em[-1].items()), flush=True)
        eight = [variational_fits(seed, config) for seed in range(config.seeds)]
        touching = [touching_fits(seed) for seed in range(config.seeds)]
    worst = max(fit["apart"] for fit in eight)
    print(f"8 of 20 components kept in {sum(fit['kept'] == 8 for fit in eight)} of {config.seeds} seeds")
    print(f"a stream in {config.stream_parts} parts: at most {worst:.2%} from all rows at once on fresh rows")
    print(f"three clusters that touch, kept of 20: ours {[fit['kept'] for fit in touching]},", end=" ")
    print(f"scikit-learn {[fit['kept by the peer'] for fit in touching]}")
    if config.out is not None:
        versions = {name: version(name) for name in ("torch", "scikit-learn", "numpy")}
        figures = {"em": em, "eight gaussians": eight, "touching clusters": touching}
        config.out.write_text(json.dumps({"versions": versions, "cores": os.cpu_count(), **figures}, indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Config))
