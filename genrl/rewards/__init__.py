"""Reward models: what a learner is paid with instead of the task's own reward."""

from genrl.rewards.absorbing import AbsorbingReward
from genrl.rewards.adversarial import AdversarialReward, AdversarialTraining
from genrl.rewards.classifier import ClassifierReward
from genrl.rewards.density import DensityRatioReward, DensityReward
from genrl.rewards.discriminator import Discriminator
from genrl.rewards.following_density import DensityTraining
from genrl.rewards.frozen import FrozenReward
from genrl.rewards.inputs import InputParts, TransitionInputs, check_demonstrations
from genrl.rewards.novelty import NoveltyBonus
from genrl.rewards.pseudo_count_bonus import PseudoCountBonus
from genrl.rewards.score_discriminator import ScoreDiscriminator
from genrl.rewards.standardised import StandardisedReward
from genrl.rewards.variational_discriminator import Bottleneck, VariationalDiscriminator

__all__ = [
    "AbsorbingReward",
    "AdversarialReward",
    "AdversarialTraining",
    "Bottleneck",
    "ClassifierReward",
    "DensityRatioReward",
    "DensityReward",
    "DensityTraining",
    "Discriminator",
    "FrozenReward",
    "InputParts",
    "NoveltyBonus",
    "PseudoCountBonus",
    "ScoreDiscriminator",
    "StandardisedReward",
    "TransitionInputs",
    "VariationalDiscriminator",
    "check_demonstrations",
]
