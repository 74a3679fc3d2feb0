import signal

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger

from genrl.errors import InputError
from genrl.evaluation import Evaluation
from genrl.evaluation.callback import KeepBest
from genrl.stop_signals import StopSignals


class Memory(KVWriter):
    def __init__(self):
        self.rows = []

    def write(self, key_values, key_excluded, step=0):
        self.rows.append((step, dict(key_values)))

    def close(self):
        pass


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def ppo(memory):
    model = PPO("MlpPolicy", gym.make("CartPole-v1"), n_steps=16, batch_size=16, n_epochs=1, seed=0, device="cpu")
    model.set_logger(Logger(folder=None, output_formats=[memory]))
    return model


def scripted(*means):
    """Gives one evaluation after the other, two episodes around each mean."""
    left = iter(means)

    def evaluate():
        mean = next(left)
        return Evaluation(env_id="CartPole-v1", returns=np.array([mean - 1, mean + 1]), lengths=np.array([7, 9]))

    return evaluate


def test_only_improvements_are_kept(ppo):
    kept = []
    callback = KeepBest(scripted(5.0, 3.0, 8.0, 8.0), lambda e: kept.append(float(e.returns.mean())), every=16)
    ppo.learn(64, callback)
    assert kept == [5.0, 8.0]
    assert callback.best == 8.0
    assert callback.latest.returns.mean() == 8.0


def test_a_start_worth_keeping_is_evaluated_before_the_first_step(ppo, memory):
    kept = []
    keep = KeepBest(scripted(9.0, 3.0), lambda e: kept.append(float(e.returns.mean())), every=32, from_start=True)
    ppo.learn(32, keep)
    assert kept == [9.0]
    assert [step for step, row in memory.rows if "eval/mean_reward" in row] == [0, 32]
    # A run that goes on had its start evaluated before.
    ppo.learn(32, KeepBest(scripted(5.0), lambda _: None, every=32, from_start=True), reset_num_timesteps=False)


def test_evaluations_come_between_rollouts_and_at_the_end(ppo, memory):
    ppo.learn(80, KeepBest(scripted(1.0, 2.0, 3.0), lambda _: None, every=32))
    evaluated = [
        (step, row["eval/mean_reward"], row["eval/mean_ep_length"])
        for step, row in memory.rows
        if "eval/mean_reward" in row
    ]
    assert evaluated == [(32, 1.0, 8.0), (64, 2.0, 8.0), (80, 3.0, 8.0)]


def test_a_period_that_is_no_multiple_of_the_rollout_does_not_drift(ppo, memory):
    ppo.learn(112, KeepBest(scripted(*range(9)), lambda _: None, every=40))
    assert [step for step, row in memory.rows if "eval/mean_reward" in row] == [48, 80, 112]


def test_a_stop_does_not_evaluate_the_same_policy_twice(ppo):
    calls = []

    class Quit(BaseCallback):
        def _on_step(self):
            return self.num_timesteps < 17

    evaluate = scripted(1.0, 2.0, 3.0)
    ppo.learn(64, [KeepBest(lambda: calls.append(ppo.num_timesteps) or evaluate(), lambda _: None, every=16), Quit()])
    assert calls == [16]


def test_a_stop_evaluates_a_policy_that_was_not(ppo):
    calls = []

    class Quit(BaseCallback):
        def _on_step(self):
            return self.num_timesteps < 20

    evaluate = scripted(1.0)
    ppo.learn(64, [KeepBest(lambda: calls.append(ppo.num_timesteps) or evaluate(), lambda _: None, every=32), Quit()])
    assert calls == [20]


def test_a_resumed_run_must_beat_its_past(ppo):
    kept = []
    callback = KeepBest(scripted(5.0, 7.0), kept.append, every=16, best=6.0)
    ppo.learn(32, callback)
    assert [e.returns.mean() for e in kept] == [7.0]


def test_a_return_that_is_no_number_is_never_the_best(ppo):
    kept = []
    ppo.learn(32, KeepBest(scripted(float("nan"), 1.0), kept.append, every=16))
    assert [e.returns.mean() for e in kept] == [1.0]


def test_the_policy_that_is_kept_is_the_one_that_was_evaluated(ppo):
    weights = []

    def evaluate():
        weights.append(ppo.policy.action_net.weight.detach().clone())
        return scripted(float(len(weights)))()

    kept = []
    ppo.learn(48, KeepBest(evaluate, lambda _: kept.append(ppo.policy.action_net.weight.detach().clone()), every=16))
    assert all((a == b).all() for a, b in zip(weights, kept, strict=True))


@pytest.mark.parametrize("every", [0, -1])
def test_an_impossible_period_is_refused(every):
    with pytest.raises(InputError, match="1 or more"):
        KeepBest(scripted(), lambda _: None, every=every)


class SignalAt(BaseCallback):
    """A stop signal at a step; training ends in the next rollout."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def _on_step(self):
        if self.num_timesteps == self.step:
            signal.raise_signal(signal.SIGTERM)
        return self.num_timesteps <= self.step + 12


def test_after_a_stop_no_evaluation_begins_and_the_one_that_was_due_is_named(ppo):
    left_out = []
    with StopSignals() as stop:
        keep = KeepBest(scripted(1.0), lambda _: None, every=16, stop=stop, left_out=left_out.append)
        ppo.learn(64, [SignalAt(20), keep])
    assert keep.best == 1.0
    assert left_out == [32]


def test_a_stop_breaks_an_evaluation_off_and_training_ends_in_good_order(ppo):
    left_out = []

    def evaluate():
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it goes on")

    with StopSignals() as stop:
        ppo.learn(32, KeepBest(evaluate, lambda _: None, every=16, stop=stop, left_out=left_out.append))
    assert left_out[0] == 16


def test_ctrl_c_without_anybody_who_handles_it_ends_training(ppo):
    def evaluate():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ppo.learn(32, KeepBest(evaluate, lambda _: None, every=16))


def test_an_evaluation_that_was_left_out_comes_first_when_a_run_goes_on(ppo, memory):
    ppo.learn(32)
    keep = KeepBest(scripted(2.0, 3.0), lambda _: None, every=32, overdue=True)
    ppo.learn(16, keep, reset_num_timesteps=False)
    assert [step for step, row in memory.rows if "eval/mean_reward" in row] == [32, 48]
