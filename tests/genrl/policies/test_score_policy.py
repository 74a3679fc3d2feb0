"""The diffusion policy: both ways are kept, plans are followed, the rule without noise, disk, refusals."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from learned import Learned
from stable_baselines3 import PPO

from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.policies import (
    ActionScore,
    ActorCriticNetwork,
    DensityPolicy,
    SamplerPolicy,
    ScorePolicy,
    StandardisedFeatures,
    load_policy,
    save_policy,
)
from genrl.protocols import Mode, Policy
from genrl.score import ScoreModel
from genrl.training.gradient_fitting import GradientFitting

OBSERVATIONS = spaces.Box(-1, 1, (2,), np.float32)
ACTIONS = spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 1.0], np.float32))


def policy_of(updates=600, seed=0, **options):
    torch.manual_seed(seed)
    standardise = Standardise(2, torch.arange(2), torch.full((2,), 0.2), torch.full((2,), 0.5))
    fitting = GradientFitting(updates=updates, learning_rate=5e-3, average=0.99)
    return ScorePolicy(
        OBSERVATIONS,
        ACTIONS,
        sampler=ActionScore(hidden=(64, 64), evaluations=12, fitting=fitting),
        features_extractor_class=StandardisedFeatures,
        features_extractor_kwargs={"standardise": standardise},
        **{"chunk": 3, "executed": 2, **options},
    )


def walks(count=500, length=4, seed=0):
    """The first action is the observation's first column; the second is .1 or .9, the same for a whole walk."""
    generator = torch.Generator().manual_seed(seed)
    observations = 2 * torch.rand(count * length, 2, generator=generator) - 1
    second = torch.where(torch.rand(count, generator=generator) < 0.5, 0.1, 0.9).repeat_interleave(length)
    actions = torch.stack([observations[:, 0], second], 1) + 0.03 * torch.randn(count * length, 2, generator=generator)
    return observations, actions, torch.arange(count).repeat_interleave(length)


@pytest.fixture(scope="module")
def fitted(seed):
    observations, actions, episodes = walks(seed=seed)
    return policy_of(seed=seed).fit(observations, actions, episodes=episodes)


def test_both_ways_are_kept_and_each_for_a_whole_chunk(fitted, seed: int, learned: Learned):
    observations = np.random.default_rng(seed).uniform(-1, 1, (400, 2)).astype(np.float32)
    torch.manual_seed(1)
    actions, (plans, _) = fitted.predict(observations, deterministic=False)
    learned("error", np.abs(actions[:, 0] - observations[:, 0]).mean(), below=0.2, baseline=0.5)  # drawn blindly
    high, low = np.abs(plans[:, :, 1] - 0.9) < 0.2, np.abs(plans[:, :, 1] - 0.1) < 0.2
    learned("share of the rarer way", min(high[:, 0].mean(), low[:, 0].mean()), above=0.2, baseline=0.0)
    learned("near a way", (high | low).mean(), above=0.8, baseline=0.4)
    learned("keeps to its way", (high[:, 0] == high[:, 2]).mean(), above=0.85, baseline=0.5)


def test_plans_are_followed_through_the_state(fitted):
    observations = np.random.default_rng(0).uniform(-1, 1, (3, 2)).astype(np.float32)
    none = np.zeros(3, bool)
    first, state = fitted.predict(observations)
    second, state = fitted.predict(-observations, state, none)
    np.testing.assert_array_equal(second, np.clip(state[0][:, 1], ACTIONS.low, ACTIONS.high))
    np.testing.assert_array_equal(first, np.clip(state[0][:, 0], ACTIONS.low, ACTIONS.high))
    _, after = fitted.predict(-observations, state, np.array([False, True, False]))
    assert after[1].tolist() == [1, 1, 1]  # two of three were taken: all plan anew
    one, state = fitted.predict(observations[0])
    assert one.shape == (2,)
    assert fitted.predict(observations[0], state, np.array([False]))[0].shape == (2,)


def test_without_noise_it_is_the_flow_from_the_middle_of_the_noise_and_a_function_of_the_row(
    fitted, seed: int, learned: Learned
):
    observations = np.random.default_rng(seed).uniform(-0.9, 0.9, (20, 2)).astype(np.float32)
    state = torch.get_rng_state()
    acted, _ = fitted.predict(observations, deterministic=True)
    assert torch.equal(torch.get_rng_state(), state)
    alone = np.array([fitted.predict(row, deterministic=True)[0] for row in observations])
    np.testing.assert_allclose(alone, acted, atol=1e-4)
    learned("error", np.abs(acted[:, 0] - observations[:, 0]).mean(), below=0.15, baseline=0.45)


def test_the_mode_of_gaussian_rows_is_their_mean(seed: int, learned: Learned):
    """The flow of a Gaussian scales all deviations from its mean alike, so that 0 stays the mean."""
    torch.manual_seed(seed)
    fitting = GradientFitting(updates=150, learning_rate=5e-3)
    model = ActionScore(hidden=(16,), fitting=fitting).fit(3.0 + 2.0 * torch.randn(2000, 2))
    assert isinstance(model, Mode)
    assert model.mode().shape == (2,)
    learned("error", (model.mode() - 3.0).abs().max(), below=0.4, baseline=3.0)
    model.sampler = "euler_maruyama"
    with pytest.raises(InputError, match="heun"):
        model.mode()


def test_saved_without_pickle_and_loaded(fitted, tmp_path):
    save_policy(fitted, ActorCriticNetwork(), tmp_path / "policy", "Task-v0")
    assert {path.suffix for path in (tmp_path / "policy").iterdir()} == {".json", ".safetensors"}
    loaded = load_policy(tmp_path / "policy")
    assert isinstance(loaded, Policy)
    assert (loaded.chunk, loaded.executed) == (3, 2)
    observations = np.random.default_rng(0).uniform(-1, 1, (8, 2)).astype(np.float32)
    for deterministic in (True, False):
        acted = []
        for one in (fitted, loaded):
            torch.manual_seed(3)
            acted.append(one.predict(observations, deterministic=deterministic)[0])
        np.testing.assert_array_equal(*acted)


def test_what_cannot_work_is_refused():
    with pytest.raises(InputError, match=r"within 1 \.\. chunk, not 4 of 3"):
        policy_of(executed=4)
    with pytest.raises(InputError, match=r"ScoreModel cannot act.*ActionScore"):
        SamplerPolicy(OBSERVATIONS, ACTIONS, sampler=ScoreModel())
    with pytest.raises(InputError, match="one after the other"):
        policy_of(updates=1).fit(torch.zeros(4, 2), torch.zeros(4, 2), episodes=torch.tensor([0, 1, 0, 1]))


def test_ppo_refuses_it():
    """Its log-probability is exact but for a solver's steps, which is not what a learner improves."""
    with pytest.raises(InputError, match=r"ActionScore does not know the exact probability.*cloned"):
        PPO(DensityPolicy, "Pendulum-v1", policy_kwargs={"density": ActionScore()})
