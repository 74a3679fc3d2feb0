"""How a model is fitted by gradient descent: the settings that every such family takes, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.training.fit import FitEpoch, FitHistory, fit

__all__ = ["GradientFitting", "falling_adam", "fit_by_gradient"]


@dataclass(frozen=True, kw_only=True)
class GradientFitting:
    """Settings of a fit by Adam, whose step size falls along half a cosine."""

    updates: int = 3000
    """Gradient steps, rounded up to whole passes over the data."""
    batch_size: int = 256
    """Rows of a gradient step."""
    learning_rate: float = 2e-3
    """Adam's step size at first."""
    final_fraction: float = 0.0
    """What is left of the step size at the end; 1 keeps it as it is."""
    validation: float = 0.1
    """Fraction of the rows held out; the weights that do best on them are kept. 0 keeps the last."""
    patience: int | None = None
    """Stop after so many passes without a better loss of the rows held out; None never does."""
    max_grad_norm: float | None = 10.0
    """Longer gradients are scaled down to this norm; None leaves them."""
    average: float = 0.0
    """Decay of a moving average of the weights, which are then the ones kept; 0 for none."""
    seed: int = 0
    """Of the rows held out, their order, and the noise of the loss."""

    def __post_init__(self) -> None:
        for name in ("updates", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate must be above 0, not {self.learning_rate}")
        if not 0 <= self.final_fraction <= 1:
            raise InputError(f"final_fraction must be within 0 .. 1, not {self.final_fraction}")
        if not 0 <= self.average < 1:
            raise InputError(f"average must be within 0 .. 1, not {self.average}")


def falling_adam(
    model: nn.Module, settings: GradientFitting, epochs: int
) -> tuple[torch.optim.Adam, torch.optim.lr_scheduler.LRScheduler]:
    """Adam, and the schedule of its step size, which is to be told of each of the epochs.

    >>> adam, schedule = falling_adam(nn.Linear(1, 1), GradientFitting(learning_rate=0.1, final_fraction=0.5), epochs=1)
    >>> adam.step(), schedule.step(), adam.param_groups[0]["lr"]
    (None, None, 0.05)
    """
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate)
    last = settings.final_fraction * settings.learning_rate
    return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs, eta_min=last)


def fit_by_gradient(
    model: nn.Module,
    x: Tensor,
    context: Tensor | None,
    settings: GradientFitting,
    progress: Callable[[FitEpoch], bool | None] | None = None,
) -> FitHistory:
    """Minimise `model.loss` over the rows.

    Args:
        model: fitted from the weights that it has.
        x: (rows, ...).
        context: (rows, columns) or None.
        settings: how.
        progress: called after each pass; a False that it returns ends the fit.
    """
    held_out = settings.validation if len(x) * settings.validation >= 1 else 0.0  # of a few rows none can be spared
    trained = len(x) - round(held_out * len(x))
    epochs = -(-settings.updates // -(-trained // settings.batch_size))
    optimizer, schedule = falling_adam(model, settings, epochs)

    return fit(
        model,
        x,
        context,
        optimizer=optimizer,
        schedule=schedule,
        epochs=epochs,
        batch_size=settings.batch_size,
        validation=held_out,
        patience=settings.patience if held_out else None,
        max_grad_norm=settings.max_grad_norm,
        average=settings.average,
        seed=settings.seed,
        progress=progress,
    )
