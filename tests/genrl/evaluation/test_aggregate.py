import json

import numpy as np
import pytest
from scipy import stats

from genrl.errors import InputError
from genrl.evaluation import Evaluation, bootstrap_interval, interquartile_mean, normalised_score


def evaluation(returns: list[float]) -> Evaluation:
    return Evaluation(
        env_id="Ant-v4",
        returns=np.array(returns, dtype=np.float64),
        lengths=np.arange(1, len(returns) + 1),
        seeds=np.arange(len(returns)) + 7,
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5.0], 5.0),
        ([1.0, 3.0], 2.0),
        ([-100.0, 1.0, 3.0, 100.0], 2.0),
        ([8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 4.5),
    ],
)
def test_interquartile_mean_by_hand(values: list[float], expected: float) -> None:
    assert interquartile_mean(values) == expected


def test_interval_agrees_with_scipy() -> None:
    rng = np.random.default_rng(0)
    groups = [rng.normal(0, 1, 40), rng.normal(3, 2, 25)]

    def pooled(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
        return stats.trim_mean(np.concatenate(samples, axis=axis), 0.25, axis=axis)

    oracle = stats.bootstrap(groups, pooled, n_resamples=5000, method="percentile", rng=1).confidence_interval
    low, high = bootstrap_interval(groups)
    assert low == pytest.approx(oracle.low, abs=0.05)
    assert high == pytest.approx(oracle.high, abs=0.05)
    # Strata: the groups' difference is no noise, so pooling them first gives a wider interval.
    unstratified = bootstrap_interval([np.concatenate(groups)])
    assert high - low < unstratified[1] - unstratified[0]


def test_interval_is_repeatable_and_degenerates_to_a_point() -> None:
    values = np.random.default_rng(2).normal(size=20)
    assert bootstrap_interval([values]) == bootstrap_interval([values])
    assert bootstrap_interval([[3.0]]) == (3.0, 3.0)
    assert bootstrap_interval([[2.0, 2.0, 2.0], [2.0], []]) == (2.0, 2.0)
    with pytest.raises(InputError, match="episode"):
        bootstrap_interval([[]])


def test_summary_by_hand() -> None:
    summary = evaluation([1.0, 2.0, 3.0, 6.0]).summary(expert_return=6.0, random_return=-2.0)
    assert summary["env"] == "Ant-v4"
    assert summary["episodes"] == 4
    assert summary["mean"] == 3.0
    assert summary["std"] == pytest.approx(np.sqrt(3.5))
    assert (summary["min"], summary["max"], summary["iqm"]) == (1.0, 6.0, 2.5)
    assert summary["expert_fraction"] == 0.5
    assert summary["normalised_score"] == 5 / 8
    assert (summary["mean_length"], summary["median_length"], summary["seed"]) == (2.5, 2.5, 7)
    assert 1.0 <= summary["iqm_low"] < 2.5 < summary["iqm_high"] <= 6.0
    assert json.loads(json.dumps(summary)) == summary


def test_summary_of_one_episode_without_references() -> None:
    summary = evaluation([4.0]).summary()
    assert (summary["mean"], summary["std"], summary["iqm_low"], summary["iqm_high"]) == (4.0, 0.0, 4.0, 4.0)
    assert summary["expert_fraction"] is None
    assert summary["normalised_score"] is None


def test_normalised_score() -> None:
    assert normalised_score(50.0, 0.0, 200.0) == 0.25
    assert normalised_score(-675.0, -1200.0, -150.0) == 0.5
    assert normalised_score(1.0, 2.0, 2.0) is None


def test_an_evaluation_needs_episodes() -> None:
    with pytest.raises(InputError, match="at least one episode"):
        evaluation([])
