"""A discriminator that asks how well a diffusion model takes noise out of a transition."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.rewards.discriminator import Judgement
from genrl.rewards.inputs import TransitionInputs
from genrl.score import ScoreModel
from genrl.score.network import target
from genrl.transitions import Transitions

__all__ = ["ScoreDiscriminator", "logit_of_error"]

LEAST_ERROR = 1e-4  # of D = exp(-error): the logit of smaller ones would exceed 9


class ScoreDiscriminator(nn.Module):
    """Logit of D = exp(-denoising error), of a score model trained against the learner (DiffAIL, Wang et al. 2024).

    The error of a row is the squared error of denoising it, averaged over its columns and over `levels` noise levels
    from end to end of the process. The model learns to denoise the expert's rows and not to denoise the learner's.

    Training draws noise and levels anew. Whoever asks for a logit gets that of fixed levels and of noise that is fixed
    for each of them, the same for all rows, so that it is a function of the row.

    Departures from the paper: the noise level is continuous, errors are in units where to know nothing but mean and
    variance costs about 1 at every level, and each row is judged at several levels in every step rather than at one.

    Args:
        inputs: what of a transition is seen.
        model: a score model, not fitted; its settings of sampling and fitting are not used.
        levels: of noise, at which a row is judged.
        seed: of the fixed noise.

    Raises:
        InputError: no level, or the model was made for other rows.

    >>> from genrl.nn import Standardise
    >>> inputs = TransitionInputs("state", Standardise.identity(3), Standardise.identity(1))
    >>> discriminator = ScoreDiscriminator(inputs, ScoreModel(hidden=(16,)))
    >>> discriminator.logits_of_inputs(torch.randn(8, 3)).shape
    torch.Size([8])
    """

    noise: Tensor

    def __init__(self, inputs: TransitionInputs, model: ScoreModel, *, levels: int = 4, seed: int = 0) -> None:
        super().__init__()
        if levels < 1:
            raise InputError(f"levels must be 1 or more, not {levels}")
        columns = inputs.out_features
        if model.event_shape is None:
            model.build(columns)
        if model.event_shape != (columns,) or model.context_features:
            raise InputError(
                f"the score model must be of rows of {columns} columns without a context: leave it unfitted"
            )
        self.inputs = inputs
        self.model = model
        self.levels = levels
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("noise", torch.randn(levels, columns, generator=generator))

    def errors(self, rows: Tensor, times: Tensor, noise: Tensor) -> Tensor:
        """(batch,) mean over levels and columns of squared errors of denoising.

        Args:
            rows: (batch, columns) that `inputs` made.
            times: (levels,) shares 0 .. 1 of the way from the least noise to the most.
            noise: (levels, columns) for all rows, or (batch, levels, columns).
        """
        process = self.model.noise
        level = process.noise_level(process.earliest + (1 - process.earliest) * times)[:, None]
        clean = rows[:, None].expand(-1, len(times), -1).flatten(0, 1)
        each = level.expand(len(rows), -1, -1).flatten(0, 1)
        noisy = clean + each * noise.expand(len(rows), -1, -1).flatten(0, 1)
        found = self.model.denoiser.residual(noisy, each)
        return (found - target(clean, noisy, each)).square().mean(1).reshape(len(rows), -1).mean(1)

    def logits_of_inputs(self, rows: Tensor) -> Tensor:
        """(batch,) for rows that `inputs` made."""
        return logit_of_error(self.errors(rows, self._times(0.5), self.noise))

    def judge(self, rows: Tensor) -> Judgement:
        """The logits by fresh noise, at levels moved together by a random part of the way to the next."""
        noise = torch.randn(len(rows), *self.noise.shape).to(rows)
        error = self.errors(rows, self._times(float(torch.rand(()))), noise)
        return Judgement(logits=logit_of_error(error), metrics={"denoising_error": float(error.detach().mean())})

    def after_step(self, judgement: Judgement) -> None:
        """Called after a gradient step with what it was made of: nothing is left to do."""

    def forward(self, transitions: Transitions) -> Tensor:
        """(batch,) logits; high means the expert's."""
        return self.logits_of_inputs(self.inputs(transitions))

    def _times(self, offset: float) -> Tensor:
        return (torch.arange(self.levels).to(self.noise) + offset) / self.levels


def logit_of_error(error: Tensor) -> Tensor:
    """Log D - log(1 - D) of D = exp(-error); 0 where the error is log 2, and falling.

    >>> logit_of_error(torch.tensor([0.6931472]))
    tensor([0.])
    """
    bounded = error.clamp(min=LEAST_ERROR)
    return -bounded - torch.log(-torch.expm1(-bounded))
