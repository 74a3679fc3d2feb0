"""A learned code as stable-baselines3's features extractor: policy and value function see what an encoder makes."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.protocols import Codec

__all__ = ["EncoderFeatures"]


class EncoderFeatures(BaseFeaturesExtractor):
    """The code of an observation, from a model that was fitted to observations.

    Any learner of stable-baselines3 takes it in its `policy_kwargs`. Each extractor has a copy of the model of its own:
    the learner's networks do not share it, and training leaves the caller's as it is.

    Images reach an extractor as stable-baselines3 prepares them, channels first and divided by 255: fit the model to
    such rows.

    Args:
        observation_space: a Box, of columns or of images.
        encoder: fitted to such observations without a context; an autoencoder of any kind.
        trainable: let the learner train the encoder, too. Otherwise its weights are no parameters at all, but buffers:
            an optimiser, a trust region or the slow copy of a value function then cannot move them.

    Raises:
        InputError: the model does not encode, has not been fitted, takes a context, or was fitted to other rows.

    >>> import numpy as np
    >>> from stable_baselines3 import PPO
    >>> from genrl.autoencoders import VAE
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> seen = np.random.default_rng(0).uniform(-1, 1, (500, 3))
    >>> vae = VAE(latents=2, hidden=(16,), fitting=GradientFitting(updates=50)).fit(seen)
    >>> kwargs = dict(features_extractor_class=EncoderFeatures, features_extractor_kwargs=dict(encoder=vae))
    >>> learner = PPO("MlpPolicy", "Pendulum-v1", n_steps=64, batch_size=64, policy_kwargs=kwargs).learn(64)
    >>> learner.policy.features_extractor.features_dim
    2
    """

    def __init__(self, observation_space: spaces.Box, encoder: GenerativeModel, *, trainable: bool = False) -> None:
        own = _checked(observation_space, encoder)
        super().__init__(observation_space, _code_columns(own))
        self.trainable = trainable
        self.encoder = own
        if not trainable:
            _freeze(own)

    def forward(self, observations: Tensor) -> Tensor:
        """(batch, *observation_shape) to (batch, features)."""
        assert isinstance(self.encoder, Codec)
        return self.encoder.encode(observations).flatten(1).float()

    def apply(self, fn: Callable[[nn.Module], None]) -> EncoderFeatures:
        """Nothing: stable-baselines3 applies its orthogonal start to an extractor, and what was learned would go."""
        return self

    def train(self, mode: bool = True) -> EncoderFeatures:
        """As any module, but the encoder stays as it is when evaluated: a code is a function of its row."""
        super().train(mode)
        self.encoder.eval()
        return self


def _checked(observation_space: spaces.Box, encoder: GenerativeModel) -> GenerativeModel:
    """A copy of the model on the CPU, where stable-baselines3 makes its networks."""
    name = type(encoder).__name__
    if not isinstance(encoder, GenerativeModel) or not isinstance(encoder, Codec):
        raise InputError(f"encoder must be a model that encodes, such as those of genrl.autoencoders, not a {name}")
    if encoder.event_shape is None:
        raise InputError(f"encoder, a {name}, has not been fitted: fit it to observations first")
    if encoder.context_features:
        raise InputError(f"encoder, a {name}, was fitted with a context, which a policy does not have: fit it without")
    if encoder.event_shape != observation_space.shape:
        raise InputError(
            f"encoder, a {name}, was fitted to rows of shape {encoder.event_shape}, and observations have the shape "
            f"{observation_space.shape} here (images: channels first, divided by 255): fit it to such rows"
        )
    return deepcopy(encoder).cpu().eval()


@torch.no_grad()
def _code_columns(encoder: GenerativeModel) -> int:
    assert isinstance(encoder, Codec)
    return encoder.encode(torch.zeros(1, *encoder.require_built())).flatten(1).shape[1]


def _freeze(module: nn.Module) -> None:
    """Turn every parameter into a buffer of the same name."""
    for part in module.modules():
        for name, weight in list(part.named_parameters(recurse=False)):
            del part._parameters[name]
            part.register_buffer(name, weight.detach())
