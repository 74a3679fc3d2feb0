"""Transitions read back from a rollout are those that the environments made."""

import numpy as np
import torch
from point_env import point_envs
from stable_baselines3.common.buffers import RolloutBuffer

from agents.learner_env import LearnerEnv
from agents.rollout_transitions import EpisodeEnds, rollout_transitions


def test_successors_and_terminations_are_the_environments_own() -> None:
    env = LearnerEnv(point_envs(3, horizon=7))
    rng = np.random.default_rng(0)
    buffer = RolloutBuffer(40, env.observation_space, env.action_space, n_envs=3, device="cpu")
    ends, expected_next, expected_ends = EpisodeEnds(), [], []
    observations = env.reset()
    for step in range(40):
        actions = rng.normal(-0.3, 1.5, (3, 2)).astype(np.float32)  # to the left, so that some episodes terminate
        new, rewards, dones, infos = env.step(np.clip(actions, -1, 1))
        ends.note(step, dones, infos)
        buffer.add(observations, actions, rewards, dones, torch.zeros(3), torch.zeros(3))
        expected_next.append([infos[i]["terminal_observation"] if dones[i] else new[i] for i in range(3)])
        expected_ends.append([dones[i] and not infos[i]["TimeLimit.truncated"] for i in range(3)])
        observations = new
    transitions = rollout_transitions(buffer, ends, observations, env.action_space)
    assert len(transitions) == 120
    np.testing.assert_allclose(transitions.next_observations, np.reshape(expected_next, (120, 2)), rtol=1e-6)
    assert transitions.terminations.tolist() == np.reshape(expected_ends, 120).tolist()
    assert transitions.terminations.any()
    assert not transitions.terminations.all()
    # One step of the point's own law: the successor belongs to this row's state and clipped action.
    law = np.clip(transitions.observations.numpy() + 0.2 * transitions.actions.numpy(), -1.5, 1.0)
    np.testing.assert_allclose(transitions.next_observations, law, atol=1e-6)
    assert transitions.actions.abs().max() <= 1.0
