"""The memory of a replay buffer, taken when training begins rather than row by row."""

from __future__ import annotations

from stable_baselines3.common.buffers import ReplayBuffer

from genrl.training.learner_state import REPLAY

__all__ = ["reserve_replay_memory"]


def reserve_replay_memory(buffer: ReplayBuffer, total_timesteps: int) -> None:
    """Take the memory that a replay buffer will need for a run of so many environment steps.

    stable-baselines3 allocates arrays of zeros, to which the operating system gives memory only as they are written: on
    a machine that has too little, a run would end after hours. This writes the zeros now. Rows that are filled stay as
    they are, and so does all that is learned.

    Args:
        buffer: of a learner that is about to train.
        total_timesteps: at the end of the run, over all environments.
    """
    planned = min(-(-total_timesteps // buffer.n_envs), buffer.buffer_size)
    for name in REPLAY:
        getattr(buffer, name)[buffer.size() : planned] = 0
