"""Wiring of the default reward model: a discriminator, its objective, its penalty and the form it pays in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from genrl.errors import InputError
from genrl.gans import objectives, penalties
from genrl.nn import Activation, ExtraColumn, Standardise
from genrl.protocols import RewardModel
from genrl.rewards import (
    AbsorbingReward,
    AdversarialReward,
    AdversarialTraining,
    Bottleneck,
    Discriminator,
    InputParts,
    ScoreDiscriminator,
    StandardisedReward,
    TransitionInputs,
    VariationalDiscriminator,
    forms,
)
from genrl.score import ScoreModel, VarianceExploding

from .generative_choices import RewardName

__all__ = ["DiscriminatorConfig", "ObjectiveName", "RewardFormName", "build_discriminator_reward"]

RewardFormName = Literal["logit", "airl", "gail", "log-d", "fairl"]
ObjectiveName = Literal["gan", "lsgan", "wgan", "hinge"]

REWARD_FORMS: dict[RewardFormName, forms.RewardForm] = {
    "logit": forms.raw,
    "airl": forms.airl,
    "gail": forms.gail,
    "log-d": forms.log_d,
    "fairl": forms.fairl,
}

OBJECTIVES: dict[ObjectiveName, objectives.Objective] = {
    "gan": objectives.CROSS_ENTROPY,
    "lsgan": objectives.LEAST_SQUARES,
    "wgan": objectives.WASSERSTEIN,
    "hinge": objectives.HINGE,
}

DENOISED = VarianceExploding(least=0.1, most=3.0)
"""Noise that a score discriminator takes out: with less all rows look alike, with more nothing is left of them."""

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
    penalty: Literal["interpolation", "real"] = "interpolation"
    """Gradient penalty: towards norm 1 between the two sides (WGAN-GP), or towards 0 on the expert's side (R1)."""
    training: AdversarialTraining = field(default_factory=AdversarialTraining)
    """How it is trained."""


def build_discriminator_reward(
    config: DiscriminatorConfig,
    observations: Standardise,
    actions: Standardise,
    *,
    objective: ObjectiveName,
    form: RewardFormName,
    offset: float,
    scale: float,
    absorbing: bool,
    gamma: float,
    momentum: float,
    kind: RewardName,
    bottleneck: Bottleneck,
) -> RewardModel:
    """The reward model of GAIL and its kin.

    Args:
        config: the discriminator's.
        observations: standardiser, shared with the policy.
        actions: standardiser.
        objective: what the discriminator is trained by.
        form: `logit` is the logit standardised by each rollout's statistics; the others pay as they are.
        offset: of the standardised logit.
        scale: of the standardised logit and its offset.
        absorbing: pay for what follows an early end (see `AbsorbingReward`).
        gamma: the learner's discount.
        momentum: weight of the newest statistics of the logit.
        kind: vail for one behind a bottleneck, score for one that denoises; else a network that gives the logit.
        bottleneck: what a vail discriminator may know of a transition.

    Raises:
        InputError: the form has no meaning for the objective's output, or the kind none for an objective or a setting.
    """
    seen = ExtraColumn(observations) if absorbing else observations
    adversarial = AdversarialReward(
        _discriminator(kind, config, TransitionInputs(config.inputs, seen, actions), bottleneck),
        loss=OBJECTIVES[objective].loss,
        penalty=PENALTIES[config.penalty],
        form=forms.paid_on_output(REWARD_FORMS[form], OBJECTIVES[objective]),
        training=config.training,
    )
    scaled: RewardModel = adversarial
    if form == "logit":
        scaled = StandardisedReward(adversarial, offset=offset, scale=scale, momentum=momentum)
    return AbsorbingReward(scaled, gamma=gamma) if absorbing else scaled


def _discriminator(
    kind: RewardName, config: DiscriminatorConfig, inputs: TransitionInputs, bottleneck: Bottleneck
) -> Discriminator | VariationalDiscriminator | ScoreDiscriminator:
    hidden, activation, spectral = config.hidden, config.activation, config.spectral_norm
    if kind == "vail":
        return VariationalDiscriminator(
            inputs, hidden=hidden, activation=activation, spectral=spectral, bottleneck=bottleneck
        )
    if kind == "score":
        if spectral:
            raise InputError("a discriminator that denoises has no spectral norm: leave spectral_norm out")
        return ScoreDiscriminator(inputs, ScoreModel(noise=DENOISED, hidden=hidden, activation=activation))
    return Discriminator(inputs, hidden=hidden, activation=activation, spectral=spectral)
