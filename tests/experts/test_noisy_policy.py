import numpy as np
import pytest
from gymnasium import spaces

from experts import NoisyPolicy
from genrl.errors import InputError
from genrl.evaluation.random_policy import RandomPolicy


class Still(RandomPolicy):
    def predict(self, observation, state=None, episode_start=None, deterministic=False):  # type: ignore[no-untyped-def]
        return np.tile([[0.0, 2.0]], (len(observation), 1)), state


SPACE = spaces.Box(np.float32([-1.0, 0.0]), np.float32([1.0, 4.0]))


def test_noise_keeps_within_the_bounds() -> None:
    actions, _ = NoisyPolicy(Still(SPACE), SPACE, 0.1).predict(np.zeros((4000, 1)))
    np.testing.assert_allclose(actions.std(0), [0.1, 0.2], rtol=0.1)
    actions, _ = NoisyPolicy(Still(SPACE), SPACE, 2.0).predict(np.zeros((400, 1)))
    assert (actions >= SPACE.low).all()
    assert (actions <= SPACE.high).all()


def test_deterministic_there_is_none() -> None:
    actions, _ = NoisyPolicy(Still(SPACE), SPACE, 0.5).predict(np.zeros((3, 1)), deterministic=True)
    np.testing.assert_array_equal(actions, [[0.0, 2.0]] * 3)


@pytest.mark.parametrize(("lasting", "correlation"), [(0.0, 0.0), (5.0, np.exp(-0.2))])
def test_noise_that_lasts_is_correlated_in_time_and_no_larger(lasting: float, correlation: float) -> None:
    policy = NoisyPolicy(Still(SPACE), SPACE, 0.1, lasting=lasting)
    state, found = None, []
    for _ in range(20):
        actions, state = policy.predict(np.zeros((4000, 1)), state, np.zeros(4000, bool))
        found.append(actions[:, 0])
    assert np.std(found[-1]) == pytest.approx(0.1, rel=0.1)
    assert np.corrcoef(found[-2], found[-1])[0, 1] == pytest.approx(correlation, abs=0.05)


def test_an_episode_begins_with_noise_of_its_own() -> None:
    policy = NoisyPolicy(Still(SPACE), SPACE, 0.1, lasting=1000.0)
    before, state = policy.predict(np.zeros((2000, 1)))
    after, _ = policy.predict(np.zeros((2000, 1)), state, np.arange(2000) < 1000)
    changed = np.abs(after - before)[:, 0]
    assert changed[:1000].mean() > 10 * changed[1000:].mean()


def test_numbers_below_zero_are_refused() -> None:
    with pytest.raises(InputError, match="lasting must be 0 or more"):
        NoisyPolicy(Still(SPACE), SPACE, 0.1, lasting=-1.0)
