"""Reward models: what a learner is paid with instead of the task's own reward."""

from genrl.rewards.absorbing import AbsorbingReward
from genrl.rewards.adversarial import AdversarialReward, AdversarialTraining
from genrl.rewards.discriminator import Discriminator
from genrl.rewards.frozen import FrozenReward
from genrl.rewards.inputs import InputParts, TransitionInputs, check_demonstrations
from genrl.rewards.standardised import StandardisedReward

__all__ = [
    "AbsorbingReward",
    "AdversarialReward",
    "AdversarialTraining",
    "Discriminator",
    "FrozenReward",
    "InputParts",
    "StandardisedReward",
    "TransitionInputs",
    "check_demonstrations",
]
