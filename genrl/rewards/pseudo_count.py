"""How often a state seems to have been visited, by how much surer a density becomes of it when it is seen once more."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from genrl.errors import InputError, NotFiniteError
from genrl.finite import describe_not_finite, is_finite
from genrl.generative_model import GenerativeModel
from genrl.protocols import Density, Trainable, knows_probabilities

__all__ = ["GradientRecorder", "Recorder", "pseudo_count"]


def pseudo_count(before: Tensor, after: Tensor) -> Tensor:
    """The N of p = N / n and p' = (N + 1) / (n + 1): p (1 - p') / (p' - p) (Bellemare et al. 2016, equation 2).

    Args:
        before: (rows,) log-probabilities p of states.
        after: (rows,) those once each has been seen once more; not below `before`.

    Returns:
        (rows,) 0 or more; infinite where nothing was gained.

    >>> pseudo_count(torch.tensor([3 / 10]).log(), torch.tensor([4 / 11]).log())
    tensor([3.0000])
    """
    return -torch.expm1(after) / torch.expm1(after - before)


class Recorder(Protocol):
    """A density of states that is told them as they come."""

    def record(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Learn states, and give (rows,) log-probabilities of each before and after."""
        ...


class GradientRecorder:
    """A model of integers that takes a gradient step on each batch of states (Ostrovski et al. 2017, section 3).

    Departures from the paper: Adam in place of RMSProp, and all environments' states in one step.

    Args:
        model: with exact probabilities and a loss, such as `PixelCNN` with `levels`; built for the states, or not yet.
        shape: of a state.
        learning_rate: Adam's step size.

    Raises:
        InputError: the model knows no probabilities of integers, or is not trained by its gradient.
    """

    def __init__(self, model: GenerativeModel, shape: tuple[int, ...], *, learning_rate: float = 1e-3) -> None:
        if not knows_probabilities(model) or not isinstance(model, Trainable):
            raise InputError(
                f"{type(model).__name__} cannot count: it has no exact probabilities of integers, or no loss to learn "
                "by as states come. Take a model of genrl.autoregressive with levels"
            )
        if not learning_rate > 0:
            raise InputError(f"learning_rate must be above 0, not {learning_rate}")
        if model.event_shape is None:
            model.build(shape)
        self.model = model.eval()
        self.optimizer = torch.optim.Adam(model.parameters(), learning_rate)

    def record(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """One step on the mean of -log p(state), and (rows,) log-probabilities before and after it."""
        assert isinstance(self.model, Density)
        before = self.model.log_prob(states)
        if not is_finite(before.detach()):
            raise NotFiniteError(
                f"the log-probabilities of {type(self.model).__name__} are not finite "
                f"({describe_not_finite(before)}): a smaller learning_rate often helps"
            )
        self.optimizer.zero_grad()
        (-before.mean()).backward()
        self.optimizer.step()
        with torch.no_grad():
            return before.detach(), self.model.log_prob(states)
