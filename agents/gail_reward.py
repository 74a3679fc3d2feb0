"""The reward model of an agent: the one that its settings name, or the caller's, in its units and on its scale."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from genrl.protocols import RewardModel, TakesStandardisers, UnscaledReward
from genrl.rewards import InputParts, StandardisedReward

from .discriminator_reward import build_discriminator_reward
from .gail_config import GAILConfig
from .generative_choices import REWARDS
from .learner_config import LearnerConfig
from .standardisers import Standardisers

__all__ = ["build_reward", "parts_seen"]


def parts_seen(config: GAILConfig) -> InputParts:
    """What of a transition the reward model that the settings name looks at."""
    inputs = config.discriminator.inputs
    return "state-next-state" if config.state_only and "action" in inputs else inputs


def build_reward(
    config: GAILConfig, learner: LearnerConfig, standardisers: Standardisers, given: RewardModel | None, *, device: str
) -> RewardModel:
    """The reward model that pays the learner.

    Args:
        config: names it, if none is given.
        learner: which asks for a pace of the discriminator and of the statistics that standardise it.
        standardisers: the agent's; whoever shares them sees it when they go over to other statistics.
        given: the caller's. One whose unit means nothing is put on the scale of the standardised logit.
        device: where it goes.
    """
    model = given or REWARDS[config.reward](parts_seen(config))
    if model is None:
        model = _discriminator(config, learner, standardisers)
    else:
        model = _paid(model, config, learner, standardisers)
    return model.to(device) if isinstance(model, nn.Module) else model


def _discriminator(config: GAILConfig, learner: LearnerConfig, standardisers: Standardisers) -> RewardModel:
    training = learner.discriminator_training(config.discriminator.training)
    return build_discriminator_reward(
        replace(config.discriminator, inputs=parts_seen(config), training=training),
        standardisers.observations,
        standardisers.actions,
        objective=config.objective,
        form=config.reward_form,
        offset=config.reward_offset,
        scale=config.reward_scale,
        absorbing=config.absorbing,
        gamma=learner.gamma,
        momentum=learner.statistics_momentum,
        kind=config.reward,
        bottleneck=config.vail,
    )


def _paid(model: RewardModel, config: GAILConfig, learner: LearnerConfig, standardisers: Standardisers) -> RewardModel:
    if isinstance(model, TakesStandardisers):
        model.take_standardisers(standardisers.observations, standardisers.actions)
    if isinstance(model, UnscaledReward):
        momentum = learner.statistics_momentum
        return StandardisedReward(model, offset=config.reward_offset, scale=config.reward_scale, momentum=momentum)
    return model
