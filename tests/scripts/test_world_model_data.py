from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPTS)


def test_random_experience_has_its_steps_and_follows_from_its_seed() -> None:
    from world_model_data import random_experience

    first, again, other = (random_experience("Hopper-v4", 150, seed=seed) for seed in (1, 1, 2))
    assert len(first) == 150
    assert first.ends[-1]
    assert torch.equal(first.observations, again.observations)
    assert not torch.equal(first.observations, other.observations)
    for start in first.windows(2).tolist():
        assert torch.equal(first.next_observations[start], first.observations[start + 1])


def test_noise_keeps_within_the_bounds() -> None:
    from world_model_data import NoisyPolicy

    from genrl.evaluation.random_policy import RandomPolicy

    space = spaces.Box(np.float32([-1.0, 0.0]), np.float32([1.0, 4.0]))

    class Still(RandomPolicy):
        def predict(self, observation, state=None, episode_start=None, deterministic=False):  # type: ignore[no-untyped-def]
            return np.tile([[0.0, 2.0]], (len(observation), 1)), state

    actions, _ = NoisyPolicy(Still(space), space, 0.1).predict(np.zeros((4000, 1)))
    np.testing.assert_allclose(actions.std(0), [0.1, 0.2], rtol=0.1)
    actions, _ = NoisyPolicy(Still(space), space, 2.0).predict(np.zeros((400, 1)))
    assert (actions >= space.low).all()
    assert (actions <= space.high).all()
