"""The benchmark of features: which images a classifier is shown, in which units, and how sure the result is."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.datasets import load_digits

ROOT = Path(__file__).parents[2]


@pytest.fixture
def few_labels(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import few_labels

    return few_labels


def test_the_labelled_images_are_as_many_of_each_digit(few_labels: ModuleType) -> None:
    y = np.random.default_rng(0).integers(0, 10, 400)
    rows = few_labels.labelled(y, 50, np.random.default_rng(1))
    assert len(set(rows)) == 50
    assert np.bincount(y[rows]).tolist() == [5] * 10


def test_units_are_one_for_all_columns_or_one_for_each(few_labels: ModuleType) -> None:
    x = np.random.default_rng(0).normal(size=(2000, 3)) * np.array([1.0, 7.0, 0.0])
    scaled = {name: x / scale for name, scale in few_labels.units(x).items()}
    assert scaled["own"].std(0) == pytest.approx([1, 1, 0])
    assert np.square(scaled["one"].std(0)).mean() == pytest.approx(1)
    assert scaled["one"][:, 1].std() / scaled["one"][:, 0].std() == pytest.approx(7, rel=0.1)


def test_the_interval_counts_fits_not_draws(few_labels: ModuleType) -> None:
    alike_within = np.repeat([[0.8], [0.9]], 50, axis=1)
    mean, half = few_labels.mean_and_interval(alike_within)
    assert mean == pytest.approx(0.85)
    assert half == pytest.approx(1.96 * 0.05)  # deviation 0.0707 of two samples, over the root of 2


def test_all_features_are_measured_on_the_same_splits(few_labels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    config = few_labels.FewLabelsConfig(fits=1, draws=2, updates=20, labels=100)
    found = few_labels.measure(config)
    assert list(found) == ["pixels", "PCA", "autoencoder", "VAE"]
    assert all(of[unit].shape == (1, 2) for of in found.values() for unit in ("one", "own"))
    assert found["pixels"]["one"].mean() > 0.8
    monkeypatch.setattr(few_labels, "load_digits", lambda **given: [data[:500] for data in load_digits(**given)])
    once, again = (few_labels.measure(few_labels.FewLabelsConfig(fits=1, draws=1, updates=2, labels=50)) for _ in "12")
    np.testing.assert_array_equal(once["pixels"]["one"], again["pixels"]["one"])
    np.testing.assert_array_equal(once["autoencoder"]["own"], again["autoencoder"]["own"])
