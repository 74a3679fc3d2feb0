"""The fit of a world model: rows to train on first, the rows held out after them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from genrl.training.fit import FitEpoch, FitHistory, LossFunction, fit
from genrl.training.gradient_fitting import GradientFitting, falling_adam
from genrl.world_models.experience import Experience

__all__ = ["fit_windows", "fit_with_held_out"]


def fit_with_held_out(
    model: nn.Module,
    trained: Tensor,
    held_out: Tensor,
    loss: LossFunction,
    settings: GradientFitting,
    progress: Callable[[FitEpoch], bool | None] | None,
) -> FitHistory:
    """Minimise `loss(rows, None)` by Adam as `settings` have it, and keep the weights that do best on the held out.

    Args:
        model: trained from the weights that it has.
        trained: (rows, ...).
        held_out: (rows, ...), whose loss is that of the kept weights; without any the last weights are kept.
        loss: of a batch of rows; what is noted beside `loss` is reported.
        settings: their `validation` is not used, the caller has made the split.
        progress: called after each pass; a False that it returns ends the fit.
    """
    epochs = -(-settings.updates // -(-len(trained) // settings.batch_size))
    optimizer, schedule = falling_adam(model, settings, epochs)

    rows = torch.cat([trained, held_out])
    return fit(
        model,
        rows,
        loss=loss,
        optimizer=optimizer,
        schedule=schedule,
        epochs=epochs,
        batch_size=settings.batch_size,
        validation=torch.arange(len(trained), len(rows)) if len(held_out) else 0.0,
        patience=settings.patience if len(held_out) else None,
        max_grad_norm=settings.max_grad_norm,
        seed=settings.seed,
        progress=progress,
    )


def fit_windows(
    model: nn.Module,
    experience: Experience,
    held_out: Experience,
    window: int,
    *,
    rows: Callable[[Experience], Tensor],
    loss: Callable[[Tensor, Tensor], Mapping[str, Tensor]],
    settings: GradientFitting,
    progress: Callable[[FitEpoch], bool | None] | None,
) -> FitHistory:
    """`fit_with_held_out`, of steps that follow on from each other.

    A window begins at every step, also shortly before an end: of full windows alone a model would learn that an episode
    never ends early in one.

    Args:
        model: on whose device the loss is taken.
        experience: to train on.
        held_out: to judge by; its windows overlap by half.
        window: steps of a sequence; fewer where both sides have no piece as long.
        rows: (steps, columns) from experience.
        loss: of (windows, window, columns), and which of their steps count, (windows, window) bool: those up to the
            first end.
        settings: of the fit, a row being a window.
        progress: as there.
    """
    while window > 1 and not (len(experience.windows(window)) and len(held_out.windows(window))):
        window -= 1
    both = torch.cat([rows(experience), rows(held_out)])
    ends = torch.cat([experience.ends.cpu(), held_out.ends.cpu()])
    ends[[len(experience) - 1, -1]] = True
    steps = torch.arange(window)
    device = next(model.parameters()).device

    def of_starts(starts: Tensor, context: Tensor | None) -> Mapping[str, Tensor]:
        picked = (starts.cpu()[:, None] + steps).clamp_max(len(both) - 1)
        ended = ends[picked].cumsum(1) - ends[picked].long()  # before the step
        return loss(both[picked].to(device), (ended == 0).to(device))

    every_half = torch.arange(0, len(held_out), max(1, window // 2))
    return fit_with_held_out(
        model, torch.arange(len(experience)), len(experience) + every_half, of_starts, settings, progress
    )
