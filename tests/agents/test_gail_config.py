"""What a configuration refuses, before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest

from agents.discriminator_reward import DiscriminatorConfig
from agents.gail_config import GAILConfig
from agents.gail_reward import parts_seen
from agents.learners import PPOConfig, TRPOConfig
from agents.off_policy_learners import CrossQConfig, EntropyConfig, SACConfig, TD3Config, TQCConfig
from genrl.errors import InputError
from genrl.rewards import AdversarialTraining, InputParts

OUT_OF_RANGE = [
    (PPOConfig, "gamma", 1.5),
    (PPOConfig, "gae_lambda", -0.1),
    (PPOConfig, "n_steps", 0),
    (PPOConfig, "batch_size", 0),
    (PPOConfig, "n_epochs", 0),
    (PPOConfig, "learning_rate", -1.0),
    (PPOConfig, "desired_kl", -1.0),
    (PPOConfig, "clip_range", 0.0),
    (TRPOConfig, "target_kl", 0.0),
    (TRPOConfig, "n_critic_updates", 0),
    (SACConfig, "gamma", 0.0),
    (SACConfig, "batch_size", 0),
    (SACConfig, "buffer_size", 0),
    (SACConfig, "train_freq", 0),
    (SACConfig, "gradient_steps", 0),
    (SACConfig, "expert_share", 1.0),
    (SACConfig, "reward_update_every", 0),
    (SACConfig, "reward_window", 0),
    (SACConfig, "reward_rows", 0),
    (SACConfig, "reward_momentum", 0.0),
    (SACConfig, "learning_starts", -1),
    (SACConfig, "tau", 0.0),
    (EntropyConfig, "temperature", 0.0),
    (TD3Config, "tau", 1.5),
    (TD3Config, "policy_delay", 0),
    (TD3Config, "action_noise", float("nan")),
    (TQCConfig, "tau", -0.1),
    (TQCConfig, "n_critics", 0),
    (TQCConfig, "top_quantiles_to_drop", 25),
    (CrossQConfig, "policy_delay", 0),
    (CrossQConfig, "learning_rate", float("nan")),
    (GAILConfig, "reward_scale", -1.0),
    (GAILConfig, "reward_scale", 0.0),
    (GAILConfig, "untrained_steps", -5),
    (GAILConfig, "time_limit", 0),
]


@pytest.mark.parametrize(("kind", "name", "value"), OUT_OF_RANGE)
def test_a_number_out_of_its_range_is_refused_by_name(kind: Any, name: str, value: float) -> None:
    with pytest.raises(InputError, match=name) as caught:
        kind(**{name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [{"absorbing": True}, {"objective": "wgan"}, {"reward_form": "gail"}])
@pytest.mark.parametrize("reward", ["flow", "bayes", "density-flow"])
def test_settings_of_a_discriminator_are_refused_where_there_is_none(reward: Any, given: dict[str, Any]) -> None:
    with pytest.raises(
        InputError, match=f"{next(iter(given))} is of a discriminator, and the reward {reward} has none"
    ):
        GAILConfig(reward=reward, **given)
    for one in ("discriminator", "vail", "score"):
        GAILConfig(reward=one, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [{"reward_offset": 0.0}, {"reward_scale": 1.0}])
def test_settings_of_the_standardised_logit_are_refused_beside_another_form(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(given))} is of the standardised logit"):
        GAILConfig(reward_form="airl", **given)
    GAILConfig(**given)


def test_an_off_policy_learner_has_a_pace_of_its_own_for_the_discriminator() -> None:
    config = GAILConfig(discriminator=DiscriminatorConfig(training=AdversarialTraining(steps=3)))
    assert config.settings("ppo") is config.ppo
    with pytest.raises(InputError, match=r"sac\.reward_training"):
        config.settings("sac")
    assert GAILConfig().settings("sac").discriminator_training(AdversarialTraining()).learning_rate == 3e-4


@pytest.mark.parametrize(
    ("configured", "seen"),
    [("state-action", "state-next-state"), ("state", "state"), ("state-next-state", "state-next-state")],
)
def test_a_discriminator_of_states_alone_never_sees_actions(configured: InputParts, seen: InputParts) -> None:
    discriminator = DiscriminatorConfig(inputs=configured)
    assert parts_seen(GAILConfig(state_only=True, discriminator=discriminator)) == seen
    assert parts_seen(GAILConfig(discriminator=discriminator)) == configured
