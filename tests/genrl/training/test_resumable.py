import signal

import gymnasium as gym
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from genrl.stop_signals import StopSignals
from genrl.training.resumable import Resumable


class StopAt(BaseCallback):
    """Asks to stop at a step, as a signal would."""

    def __init__(self, stop, step):
        super().__init__()
        self.stop, self.step = stop, step

    def _on_step(self):
        if self.num_timesteps == self.step:
            self.stop.requested = True
        return True


class Saved:
    """What was saved: at which step, and the policy as it was."""

    def __init__(self):
        self.steps, self.weights, self.model = [], [], None

    def __call__(self, steps):
        self.steps.append(steps)
        self.weights.append(self.model.policy.action_net.weight.detach().clone())


@pytest.fixture
def saved():
    return Saved()


@pytest.fixture
def ppo(saved):
    saved.model = PPO("MlpPolicy", gym.make("CartPole-v1"), n_steps=16, batch_size=16, n_epochs=1, seed=0, device="cpu")
    return saved.model


def test_it_saves_at_the_start_and_at_the_end(ppo, saved):
    ppo.learn(64, Resumable(saved, StopSignals()))
    assert saved.steps == [0, 64]
    assert torch.equal(saved.weights[-1], ppo.policy.action_net.weight)


def test_it_saves_between_rollouts_after_the_time_given(ppo, saved):
    ppo.learn(48, Resumable(saved, StopSignals(), every_seconds=0.0))
    assert saved.steps == [0, 16, 32, 48]
    # Each after the update with the rollout before it.
    assert not any(torch.equal(a, b) for a, b in zip(saved.weights, saved.weights[1:], strict=False))


def test_a_stop_ends_with_a_checkpoint_of_the_policy_as_it_stays(ppo, saved):
    stop = StopSignals()
    ppo.learn(160, [StopAt(stop, 20), Resumable(saved, stop)])
    assert saved.steps == [0, 32]
    assert ppo.num_timesteps < 48
    assert torch.equal(saved.weights[-1], ppo.policy.action_net.weight)


def test_a_real_signal_stops_training(ppo, saved):
    class Interrupt(BaseCallback):
        def _on_step(self):
            if self.num_timesteps == 5:
                signal.raise_signal(signal.SIGTERM)
            return True

    with StopSignals() as stop:
        ppo.learn(10_000, [Interrupt(), Resumable(saved, stop)])
    assert saved.steps == [0, 16]


def test_a_stop_in_the_last_rollout_loses_nothing(ppo, saved):
    stop = StopSignals()
    ppo.learn(32, [StopAt(stop, 30), Resumable(saved, stop)])
    assert saved.steps == [0, 32]


def test_going_on_does_not_save_what_was_just_read(ppo, saved):
    ppo.learn(32, Resumable(saved, StopSignals()))
    saved.steps.clear()
    ppo.learn(32, Resumable(saved, StopSignals()), reset_num_timesteps=False)
    assert saved.steps == [64]
