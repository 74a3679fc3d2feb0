"""Wiring of the default reward model: a discriminator, its objective, its penalty and the form it pays in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from genrl.gans import losses, penalties
from genrl.nn import Activation, Standardise
from genrl.protocols import RewardModel
from genrl.rewards import (
    AbsorbingReward,
    AdversarialReward,
    AdversarialTraining,
    Discriminator,
    InputParts,
    StandardisedReward,
    TransitionInputs,
    forms,
)

__all__ = ["DiscriminatorConfig", "RewardFormName", "build_discriminator_reward"]

RewardFormName = Literal["logit", "airl", "gail", "log-d", "fairl"]

REWARD_FORMS: dict[RewardFormName, forms.RewardForm] = {
    "logit": forms.airl,
    "airl": forms.airl,
    "gail": forms.gail,
    "log-d": forms.log_d,
    "fairl": forms.fairl,
}

OBJECTIVES: dict[str, losses.DiscriminatorLoss] = {
    "gan": losses.cross_entropy_discriminator,
    "lsgan": losses.least_squares_discriminator,
    "wgan": losses.wasserstein_discriminator,
}

PENALTIES: dict[str, penalties.GradientPenalty] = {
    "interpolation": penalties.interpolation_penalty,
    "real": penalties.real_penalty,
}


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """The discriminator that pays the learner."""

    inputs: InputParts = "state-action"
    """What of a transition it sees."""
    hidden: tuple[int, ...] = (64, 64)
    """Widths of the hidden layers."""
    activation: Activation = "tanh"
    """Between the layers."""
    spectral_norm: bool = False
    """Constrain each hidden layer's largest singular value to 1."""
    objective: Literal["gan", "lsgan", "wgan"] = "gan"
    """Cross-entropy, least squares or Wasserstein."""
    penalty: Literal["interpolation", "real"] = "interpolation"
    """Gradient penalty: towards norm 1 between the two sides (WGAN-GP), or towards 0 on the expert's side (R1)."""
    training: AdversarialTraining = field(default_factory=AdversarialTraining)
    """How it is trained."""


def build_discriminator_reward(
    config: DiscriminatorConfig,
    observations: Standardise,
    actions: Standardise,
    *,
    form: RewardFormName,
    scale: float,
    absorbing: bool,
    gamma: float,
) -> RewardModel:
    """The reward model of GAIL and its kin.

    Args:
        config: the discriminator's.
        observations: standardiser, shared with the policy.
        actions: standardiser.
        form: `logit` is the logit standardised by each rollout's statistics, plus 1; the others pay as they are.
        scale: of the standardised logit.
        absorbing: pay for what follows an early end (see `AbsorbingReward`).
        gamma: the learner's discount.
    """
    seen = observations.with_extra_column() if absorbing else observations
    discriminator = Discriminator(
        TransitionInputs(config.inputs, seen, actions),
        hidden=config.hidden,
        activation=config.activation,
        spectral=config.spectral_norm,
    )
    adversarial = AdversarialReward(
        discriminator,
        loss=OBJECTIVES[config.objective],
        penalty=PENALTIES[config.penalty],
        form=REWARD_FORMS[form],
        training=config.training,
    )
    scaled = StandardisedReward(adversarial, scale=scale) if form == "logit" else adversarial
    return AbsorbingReward(scaled, gamma=gamma) if absorbing else scaled
