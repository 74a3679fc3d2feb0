import numpy as np
import pytest

from genrl.transitions import Demonstrations, Trajectory


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GENRL_CACHE", str(folder))
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(folder / "minari"))
    return folder / "genrl-imitation"


@pytest.fixture
def small():
    """Three episodes shaped like Hopper's; the second one terminates."""
    rng = np.random.default_rng(0)
    trajectories = [
        Trajectory(
            observations=rng.normal(size=(length + 1, 11)).astype(np.float32),
            actions=rng.uniform(-1, 1, size=(length, 3)).astype(np.float32),
            rewards=rng.normal(size=length).astype(np.float32),
            terminated=length == 3,
            truncated=length != 3,
        )
        for length in (5, 3, 4)
    ]
    return Demonstrations.from_trajectories(trajectories, env_id="Hopper-v4", expert_return=12.5)


@pytest.fixture
def same():
    """Asserts that two sets of demonstrations hold the same episodes."""

    def check(a, b):
        for name in ("observations", "actions", "rewards", "terminations", "truncations", "episode_lengths"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)

    return check
