import math
from typing import Any

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture as Peer

from genrl.errors import InputError
from genrl.evaluation import density_report
from genrl.mixtures import GaussianMixture


class Uniform:
    """On the unit cube; or on one whose side is the context."""

    def score_samples(self, X: Any, context: Any = None) -> Any:
        side = np.ones(len(X)) if context is None else np.asarray(context)[:, 0]
        return -np.prod(np.shape(X)[1:]) * np.log(side)


def test_a_uniform_density_needs_all_bits_of_the_levels() -> None:
    report = density_report(Uniform(), np.zeros((7, 3)), levels=256)
    assert (report.nll, report.bits_per_dim, report.standard_error, report.rows) == (0.0, 8.0, 0.0, 7)


def test_without_levels_it_is_the_differential_entropy() -> None:
    report = density_report(Uniform(), np.zeros((5, 2, 2)), np.full((5, 1), 4.0))
    assert report.nll == pytest.approx(4 * math.log(4))
    assert report.bits_per_dim == pytest.approx(2.0)


def test_the_error_is_that_of_the_mean() -> None:
    sides = np.exp([[1.0], [2.0], [3.0], [6.0]])
    report = density_report(Uniform(), np.zeros((4, 1)), sides)
    assert report.nll == pytest.approx(3.0)
    assert report.standard_error == pytest.approx(np.std([1, 2, 3, 6], ddof=1) / 2)
    assert math.isnan(density_report(Uniform(), np.zeros((1, 1))).standard_error)


def test_models_of_this_package_and_of_others_are_reported_alike() -> None:
    x = np.random.default_rng(0).normal(size=(500, 2))
    ours = density_report(GaussianMixture(random_state=0).fit(x), x)
    theirs = density_report(Peer(random_state=0).fit(x), x)
    assert ours.nll == pytest.approx(theirs.nll, abs=1e-4)


def test_there_is_a_level_at_least() -> None:
    with pytest.raises(InputError, match="levels must be 1 or more"):
        density_report(Uniform(), np.zeros((1, 1)), levels=0)
