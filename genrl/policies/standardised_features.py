"""Standardisation as stable-baselines3's features extractor: policy and value function take raw observations."""

from __future__ import annotations

from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor

from genrl.nn import Standardise

__all__ = ["StandardisedFeatures"]


class StandardisedFeatures(BaseFeaturesExtractor):
    """Applies a fitted `Standardise`, which may be shared with a reward model.

    Args:
        observation_space: a Box of one dimension.
        standardise: fitted for it.
    """

    def __init__(self, observation_space: spaces.Box, standardise: Standardise) -> None:
        super().__init__(observation_space, standardise.out_features)
        self.standardise = standardise

    def forward(self, observations: Tensor) -> Tensor:
        """(batch, observation_dim) raw to (batch, features)."""
        return self.standardise(observations)
