"""The tensors and optimisers of a reward model, whatever it is composed of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.protocols import RewardModel
from genrl.training.learner_state import LearnerState
from genrl.training.optimizer_state import flatten_optimizer, unflatten_optimizer

__all__ = ["restore_reward_model", "reward_model_state"]


def reward_model_state(model: RewardModel) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Tensors and documents of a checkpoint; none for a model that is no torch module and keeps its own state."""
    tensors: dict[str, dict[str, Tensor]] = {}
    documents: dict[str, Any] = {}
    if isinstance(model, nn.Module):
        tensors["reward_model"] = model.state_dict()
        for index, optimizer in enumerate(_optimizers(model)):
            name = f"reward_optimizer_{index}"
            tensors[name], documents[name] = flatten_optimizer(optimizer.state_dict())
    return tensors, documents


def restore_reward_model(model: RewardModel, state: LearnerState) -> None:
    """Put back what `reward_model_state` gave.

    Raises:
        InputError: the saved reward model is of another kind or shape.
    """
    if not isinstance(model, nn.Module):
        return
    try:
        model.load_state_dict(state.tensors["reward_model"])
        for index, optimizer in enumerate(_optimizers(model)):
            name = f"reward_optimizer_{index}"
            optimizer.load_state_dict(unflatten_optimizer(state.tensors[name], state.documents[name]))
    except (KeyError, RuntimeError, ValueError) as error:
        raise InputError(f"the saved reward model does not fit this agent's: {error}") from error


def _optimizers(model: nn.Module) -> list[torch.optim.Optimizer]:
    found = [getattr(module, "optimizer", None) for module in model.modules()]
    return [optimizer for optimizer in found if isinstance(optimizer, torch.optim.Optimizer)]
