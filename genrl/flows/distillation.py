"""A slow sampler taught to a fast one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.flows.flow import Flow
from genrl.generative_model import GenerativeModel
from genrl.protocols import Density, Sampler
from genrl.training.fit import FitEpoch, FitHistory
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient

__all__ = ["distil"]

FIRST_ROWS = 4096  # drawn from the teacher, for the units of its columns


def distil(
    teacher: GenerativeModel,
    student: Flow,
    *,
    context: Any = None,
    samples: int = 16_384,
    fitting: GradientFitting = GradientFitting(max_grad_norm=1.0),
    progress: Callable[[FitEpoch], bool | None] | None = None,
) -> FitHistory:
    """Fit a flow to another density by the reverse Kullback-Leibler divergence, KL(student || teacher).

    Probability density distillation (van den Oord et al. 2018, section 4): the student draws, and both say how likely
    they find it, so that a masked autoregressive teacher and an inverse autoregressive student each work in their fast
    direction. This divergence prefers missing a mode of the teacher to inventing one. Departure from the paper: the
    divergence alone is minimised, without losses of audio.

    Args:
        teacher: fitted, with an exact log_prob that passes gradients to its rows; it is left as it is.
        student: built anew for the teacher's rows.
        context: (rows, columns) or labels, to learn for, if the teacher takes one.
        samples: of noise, that the student learns from; those held out give the divergence in `validation`.
        fitting: settings.
        progress: called after each pass.

    Returns:
        The history; "loss" is the divergence in nats.

    Raises:
        InputError: the teacher has no exact density, cannot be sampled or is not fitted, or the context is wrong.

    >>> from genrl.flows import InverseAutoregressiveFlow, MaskedAutoregressiveFlow
    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> brief = GradientFitting(updates=100)
    >>> x = torch.randn(1000, 1).repeat(1, 2) + 0.3 * torch.randn(1000, 2)
    >>> teacher = MaskedAutoregressiveFlow(transforms=2, fitting=brief).fit(x)
    >>> student = InverseAutoregressiveFlow(transforms=2)
    >>> history = distil(teacher, student, samples=2000, fitting=brief)
    >>> history.epochs[-1].validation["loss"] < history.epochs[0].validation["loss"]
    True
    """
    if not isinstance(teacher, Density) or teacher.log_prob_kind != "exact" or not isinstance(teacher, Sampler):
        raise InputError(f"teacher must have an exact density and samples, which {type(teacher).__name__} has not")
    if samples < 2:
        raise InputError(f"samples must be 2 or more, not {samples}")
    event_shape = teacher.require_built()
    given = teacher.encode_context(context)
    student.build(event_shape, teacher.context_features)
    student.classes = teacher.classes
    chosen = None if given is None else _resampled(given, samples, fitting.seed)
    with torch.no_grad():
        first = None if chosen is None else chosen[:FIRST_ROWS]
        rows = teacher.sample((min(samples, FIRST_ROWS),)) if first is None else teacher.sample((), first)
    student.initialise(rows, first)
    noise = _noise(student, samples, fitting.seed)
    lesson = Lesson(teacher, student)
    with _frozen(teacher):
        return fit_by_gradient(lesson, noise, chosen, fitting, progress)


class Lesson(torch.nn.Module):
    """What `fit` minimises: KL(student || teacher), by Monte Carlo from rows of base noise."""

    def __init__(self, teacher: Any, student: Flow) -> None:
        super().__init__()
        self.student = student
        self._teacher = (teacher,)  # in a tuple, so that its parameters are not among those that learn

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The mean of log q(x) - log p(x) over what the student makes of the noise."""
        rows, log_det = self.student.inverse(x, context)
        student = self.student.latent.log_prob(x) - log_det
        return {"loss": (student - self._teacher[0].log_prob(rows, context)).mean()}


def _resampled(context: Tensor, samples: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return context[torch.randint(len(context), (samples,), generator=generator)]


def _noise(student: Flow, samples: int, seed: int) -> Tensor:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return student.latent.sample(samples)


@contextmanager
def _frozen(model: torch.nn.Module) -> Iterator[None]:
    """Without gradients of its parameters, which nobody would use."""
    before = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        for parameter, _ in before:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter, required in before:
            parameter.requires_grad_(required)
