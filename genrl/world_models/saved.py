"""World models on disk: `model.json` and `model.safetensors`, no pickle."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from gymnasium import spaces
from torch import Tensor

from genrl.envs.saved_space import rebuild_box
from genrl.errors import InputError
from genrl.generative_model import describe_argument, rebuild_arguments
from genrl.training.checkpoint import read_checkpoint, write_checkpoint
from genrl.training.reading import bounded, load_tensors, reading, validate
from genrl.world_models.dynamics import Dynamics
from genrl.world_models.ensemble import EnsembleWorldModel
from genrl.world_models.latent import LatentWorldModel
from genrl.world_models.recurrent import RecurrentWorldModel
from genrl.world_models.sampled import SamplerWorldModel

__all__ = ["describe_world_model", "load_world_model", "rebuild_world_model", "save_world_model"]

KINDS: dict[str, type[Dynamics]] = {
    "ensemble": EnsembleWorldModel,
    "latent": LatentWorldModel,
    "recurrent": RecurrentWorldModel,
    "sampler": SamplerWorldModel,
}


def save_world_model(model: Dynamics, folder: Path | str) -> None:
    """Write a fitted model, atomically.

    Raises:
        InputError: it has not been fitted.
    """
    write_checkpoint(
        Path(folder), tensors={"model": model.state_dict()}, documents={"model": describe_world_model(model)}
    )


def load_world_model(folder: Path | str) -> Dynamics:
    """The model that `save_world_model` wrote.

    Raises:
        InputError: the folder holds none, or a damaged one.
    """
    saved = read_checkpoint(Path(folder))
    if "model" not in saved.documents or "model" not in saved.tensors:
        raise InputError(f"{folder} holds no world model")
    return rebuild_world_model(saved.documents["model"], saved.tensors["model"])


def describe_world_model(model: Dynamics) -> dict[str, Any]:
    """JSON from which `rebuild_world_model` makes the model, beside its tensors.

    Raises:
        InputError: it has not been fitted.
    """
    settings = {name: getattr(model, name) for name in inspect.signature(type(model)).parameters}
    return {
        "kind": next(kind for kind, model_class in KINDS.items() if type(model) is model_class),
        "hyperparameters": {name: describe_argument(value) for name, value in settings.items()},
        "observation_features": model.observation_features,
        "action_space": _describe_space(model.require_built()),
        "learns_terminations": model.learns_terminations,
    }


def rebuild_world_model(document: Any, tensors: dict[str, Tensor]) -> Dynamics:
    """The model that was described, with its weights.

    Raises:
        InputError: document or tensors are damaged.
    """
    source = "the world model"
    with reading(source, [tensors]):
        kind = KINDS[document["kind"]]
        features = bounded(document["observation_features"], "observation_features", source)
        space = _rebuild_space(document["action_space"], source)
        learns_terminations = validate(bool, document["learns_terminations"], source, "learns_terminations")
        model = kind(**rebuild_arguments(document["hyperparameters"], kind)).build(features, space, learns_terminations)
        model.starts = tensors["starts"]  # as many as there were
        if model.starts.ndim != 2 or model.starts.shape[1] != features:
            raise InputError(f"starts has the shape {tuple(model.starts.shape)}, not (states, {features})")
        load_tensors(model, tensors, source)
    return model.eval()


def _describe_space(space: spaces.Space[Any]) -> dict[str, Any]:
    if isinstance(space, spaces.Discrete):
        return {"n": int(space.n)}
    assert isinstance(space, spaces.Box)  # Dynamics.build takes no other
    return {"low": space.low.tolist(), "high": space.high.tolist()}


def _rebuild_space(document: dict[str, Any], source: str) -> spaces.Space[Any]:
    if "n" in document:
        return spaces.Discrete(bounded(document["n"], "n of the action space", source))
    return rebuild_box(document["low"], document["high"])
