"""What a saved policy's networks see of an observation, as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from genrl.errors import InputError
from genrl.generative_model import describe_model, rebuild_model
from genrl.nn import Standardise
from genrl.policies.encoder_features import EncoderFeatures
from genrl.policies.standardised_features import StandardisedFeatures
from genrl.training.reading import bounded, bounded_shape, shorten

__all__ = ["describe_features", "rebuild_features"]

PREFIX = "features_extractor."
SAVED = "the saved policy"


def describe_features(network: Any) -> dict[str, Any]:
    """What `rebuild_features` needs beside the tensors, as JSON.

    Args:
        network: a policy or an actor of stable-baselines3.

    Raises:
        InputError: its features extractor is none of this package.
    """
    extractor = network.features_extractor
    if isinstance(extractor, StandardisedFeatures):
        return {"observation_columns": extractor.standardise.in_features, "clip": extractor.standardise.clip}
    if isinstance(extractor, EncoderFeatures):
        space = extractor._observation_space
        return {
            "observation": {"shape": list(space.shape or ()), "dtype": str(space.dtype)},
            "normalize_images": network.normalize_images,
            "encoder": describe_model(extractor.encoder),
            "trainable": extractor.trainable,
        }
    raise InputError(
        f"a policy with {type(extractor).__name__} has no form on disk without pickle: make it with "
        "StandardisedFeatures or EncoderFeatures of genrl.policies, or use stable-baselines3's own save"
    )


def rebuild_features(
    description: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> tuple[spaces.Box, dict[str, Any]]:
    """The observation space, and the keywords of a policy that make its features extractor.

    Args:
        description: that holds what `describe_features` gave.
        tensors: of the network, by name.

    Raises:
        InputError: the encoder's description is damaged, or a size.
        KeyError, TypeError, ValueError: something is missing, or no number.
    """
    if "encoder" in description:
        seen = description["observation"]
        shape = bounded_shape(seen["shape"], "the shape of an observation", SAVED)
        image = seen["dtype"] == "uint8"  # only of images does stable-baselines3 look at the bounds
        low, high = (0, 255) if image else (-np.inf, np.inf)
        space = spaces.Box(low, high, shape, np.uint8 if image else np.float32)
        encoder = {"encoder": rebuild_model(description["encoder"]), "trainable": bool(description["trainable"])}
        return space, {
            "features_extractor_class": EncoderFeatures,
            "features_extractor_kwargs": encoder,
            "normalize_images": bool(description["normalize_images"]),
        }
    standardise = Standardise(
        bounded(description["observation_columns"], "observation_columns", SAVED),
        *(tensors[f"{PREFIX}standardise.{name}"] for name in ("columns", "mean", "std")),
        clip=_clip(description.get("clip", 10.0)),
    )
    return spaces.Box(-np.inf, np.inf, (standardise.in_features,), np.float32), {
        "features_extractor_class": StandardisedFeatures,
        "features_extractor_kwargs": {"standardise": standardise},
    }


def _clip(value: Any) -> float:
    """Infinity, or a number of float32."""
    clip = float(value)
    if not clip > 0 or torch.finfo(torch.float32).max < clip < float("inf"):
        raise InputError(f"clip must be a positive number of float32, not {shorten(value)}")
    return clip
