"""The generative models that the scripts offer by name as rewards and as policies; in Python pass your own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from genrl.autoencoders import VAE
from genrl.autoregressive import PixelCNN, Recurrent, SequenceModel
from genrl.bayes import BayesClassifier, GaussianConditional
from genrl.discretised import Discretised
from genrl.flows import RealNVP
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture
from genrl.policies import (
    action_flow,
    action_gan,
    action_mixture,
    action_score,
    action_score_student,
    action_sequence,
    action_vae,
    action_velocity,
    action_vq,
)
from genrl.protocols import RewardModel
from genrl.rewards import ClassifierReward, DensityRatioReward, DensityReward, InputParts

__all__ = ["CHUNKS", "POLICIES", "REWARDS", "LearnedPolicyName", "PolicyName", "RewardName"]

RewardName = Literal[
    "discriminator",
    "vail",
    "score",
    "flow",
    "gmm",
    "bayes",
    "density-flow",
    "density-gmm",
    "vae",
    "sequence",
    "pixel-cnn",
]
LearnedPolicyName = Literal["gaussian", "mixture", "flow", "flow-matching", "autoregressive"]
"""Those with an exact log-probability of an action, which PPO needs; the others can be cloned."""
PolicyName = Literal[LearnedPolicyName, "vae", "gan", "vq", "score", "score-student"]


def _flow() -> GenerativeModel:
    return RealNVP(transforms=4, hidden=(64, 64))


def _mixture() -> GenerativeModel:
    # A few iterations from new clusters each time: what it is fitted to moves on before they settle.
    return GaussianMixture(4, covariance_type="full", reg_covar=1e-3, max_iter=10, tol=1e-2, init_params="k-means++")


def _sequence() -> GenerativeModel:
    return Discretised(SequenceModel(core=Recurrent(width=64), levels=16), bins=16)


def _pixel_cnn() -> GenerativeModel:
    # On a line of columns a first kernel of 15 sees the seven before each, and each block one more.
    return Discretised(PixelCNN(levels=16, width=32, blocks=4, kernel=15), bins=16, as_image=True)


REWARDS: dict[RewardName, Callable[[InputParts], RewardModel | None]] = {
    "discriminator": lambda parts: None,
    "vail": lambda parts: None,
    "score": lambda parts: None,
    "flow": lambda parts: DensityRatioReward(expert=_flow(), learner=_flow(), parts=parts),
    "gmm": lambda parts: DensityRatioReward(expert=_mixture(), learner=_mixture(), parts=parts),
    "bayes": lambda parts: ClassifierReward(BayesClassifier(GaussianConditional(reg_covar=1e-3)), parts=parts),
    "density-flow": lambda parts: DensityReward(_flow(), parts=parts),
    "density-gmm": lambda parts: DensityReward(_mixture(), parts=parts),
    "vae": lambda parts: DensityReward(VAE(latents=8, hidden=(64, 64)), parts=parts),
    "sequence": lambda parts: DensityReward(_sequence(), parts=parts),
    "pixel-cnn": lambda parts: DensityReward(_pixel_cnn(), parts=parts),
}
"""Made for the parts of a transition that are seen; None stands for a discriminator, of one kind or another."""

POLICIES: dict[PolicyName, Callable[[], GenerativeModel | None]] = {
    "gaussian": lambda: None,
    "mixture": action_mixture,
    "flow": action_flow,
    "flow-matching": action_velocity,
    "autoregressive": action_sequence,
    "vae": action_vae,
    "gan": action_gan,
    "vq": action_vq,
    "score": action_score,
    "score-student": action_score_student,
}
"""What actions follow; None stands for the Gaussian of stable-baselines3."""

CHUNKS: dict[PolicyName, int] = {"score": 4, "score-student": 4, "vq": 4}
"""How many actions are drawn together, of those that can be; 1 of the others."""
