"""The fit of a world model: rows to train on first, the rows held out after them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from genrl.training.fit import FitEpoch, FitHistory, LossFunction, fit
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["fit_with_held_out"]


def fit_with_held_out(
    model: nn.Module,
    trained: Tensor,
    held_out: Tensor,
    loss: LossFunction,
    settings: GradientFitting,
    progress: Callable[[FitEpoch], bool | None] | None,
) -> FitHistory:
    """Minimise `loss(rows, None)` by Adam along half a cosine, and keep the weights that do best on the held out.

    Args:
        model: trained from the weights that it has.
        trained: (rows, ...).
        held_out: (rows, ...), whose loss is that of the kept weights; without any the last weights are kept.
        loss: of a batch of rows; what is noted beside `loss` is reported.
        settings: their `validation` is not used, the caller has made the split.
        progress: called after each pass; a False that it returns ends the fit.
    """
    epochs = -(-settings.updates // -(-len(trained) // settings.batch_size))
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)

    def after_epoch(epoch: FitEpoch) -> bool | None:
        schedule.step()
        return None if progress is None else progress(epoch)

    rows = torch.cat([trained, held_out])
    return fit(
        model,
        rows,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=settings.batch_size,
        validation=torch.arange(len(trained), len(rows)) if len(held_out) else 0.0,
        patience=settings.patience if len(held_out) else None,
        max_grad_norm=settings.max_grad_norm,
        seed=settings.seed,
        progress=after_epoch,
    )
