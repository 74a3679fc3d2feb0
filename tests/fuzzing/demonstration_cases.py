"""Sound demonstrations to damage, what is done with them once they are read, and odd JSON."""

import contextlib

import numpy as np
from gymnasium import spaces
from hypothesis import strategies as st

from genrl.errors import InputError
from genrl.transitions import Demonstrations

__all__ = ["FIELDS", "IMITATION", "JSON_VALUES", "LENGTHS", "ODD_JSON", "use"]

RNG = np.random.default_rng(0)
LENGTHS = np.array([4, 1, 3])
FIELDS = {
    "observations": RNG.normal(size=(11, 2)),
    "actions": RNG.uniform(-1, 1, size=(8, 1)).astype(np.float32),
    "rewards": RNG.normal(size=8),
    "terminations": np.isin(np.arange(8), [3]),
    "truncations": np.isin(np.arange(8), [4, 7]),
    "episode_lengths": LENGTHS,
    "env_id": np.array("Hopper-v4"),
    "expert_return": np.array(12.5),
}
IMITATION = {
    "obs": FIELDS["observations"],
    "acts": FIELDS["actions"],
    "rews": FIELDS["rewards"],
    "terminal": np.array([True, False, False]),
    "indices": np.array([4, 5]),
}
BOX = spaces.Box(-1, 1, (1,), np.float32)
OBSERVATIONS = spaces.Box(-np.inf, np.inf, (2,), np.float64)


def use(demonstrations: Demonstrations) -> Demonstrations:
    """What every learner does with demonstrations."""
    assert np.isfinite(demonstrations.returns).all()
    assert sum(len(t) for t in demonstrations.trajectories()) == demonstrations.num_steps
    demonstrations.first(1).subsample(2, np.random.default_rng(0))
    for space in (BOX, spaces.Discrete(3)):
        with contextlib.suppress(InputError):
            demonstrations.check_spaces(OBSERVATIONS, space)
            transitions = demonstrations.transitions(space)
            assert transitions.observations.isfinite().all()
            assert transitions.actions.isfinite().all()
    return demonstrations


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ODD_JSON = ["", "{", "[]", "nul", "NaN", "[" * 5000, "9" * 5000, '{"a": 1e999}', '{"\\ud800": 1}', "\ufeff{}", "{}}"]
