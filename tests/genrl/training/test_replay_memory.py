"""Memory of a replay buffer that is reserved changes no row, and none beyond the plan is touched."""

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer

from genrl.training.learner_state import REPLAY
from genrl.training.replay_memory import reserve_replay_memory


def test_rows_that_are_filled_stay_and_those_planned_are_written() -> None:
    buffer = ReplayBuffer(20, spaces.Box(-1, 1, (3,)), spaces.Box(-1, 1, (2,)), "cpu", n_envs=2)
    for name in REPLAY:
        getattr(buffer, name)[:] = 7  # what is written is then seen
    buffer.pos = 2
    reserve_replay_memory(buffer, 9)  # five rows of two environments
    for name in REPLAY:
        rows = getattr(buffer, name).reshape(buffer.buffer_size, -1)
        assert np.flatnonzero((rows == 0).all(1)).tolist() == [2, 3, 4], name
    reserve_replay_memory(buffer, 1000)
    assert not buffer.rewards[2:].any()
    buffer.full = True
    buffer.rewards[:] = 7
    reserve_replay_memory(buffer, 1000)
    assert (buffer.rewards == 7).all()
