import numpy as np
from gymnasium import spaces

from experts import NoisyPolicy
from genrl.evaluation.random_policy import RandomPolicy


def test_noise_keeps_within_the_bounds() -> None:
    space = spaces.Box(np.float32([-1.0, 0.0]), np.float32([1.0, 4.0]))

    class Still(RandomPolicy):
        def predict(self, observation, state=None, episode_start=None, deterministic=False):  # type: ignore[no-untyped-def]
            return np.tile([[0.0, 2.0]], (len(observation), 1)), state

    actions, _ = NoisyPolicy(Still(space), space, 0.1).predict(np.zeros((4000, 1)))
    np.testing.assert_allclose(actions.std(0), [0.1, 0.2], rtol=0.1)
    actions, _ = NoisyPolicy(Still(space), space, 2.0).predict(np.zeros((400, 1)))
    assert (actions >= space.low).all()
    assert (actions <= space.high).all()
