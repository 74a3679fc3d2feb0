"""The tensors and optimisers of a reward model, whatever it is composed of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from genrl.protocols import RewardModel
from genrl.training.learner_state import LearnerState
from genrl.training.optimizer_state import flatten_optimizer, restore_optimizer
from genrl.training.reading import load_tensors, reading

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
    with reading("the saved reward model", state.tensors.values()):
        load_tensors(model, state.tensors["reward_model"], "the saved reward model")
        for index, optimizer in enumerate(_optimizers(model)):
            name = f"reward_optimizer_{index}"
            restore_optimizer(optimizer, state.tensors[name], state.documents[name])


def _optimizers(model: nn.Module) -> list[torch.optim.Optimizer]:
    found = [getattr(module, "optimizer", None) for module in model.modules()]
    return [optimizer for optimizer in found if isinstance(optimizer, torch.optim.Optimizer)]
