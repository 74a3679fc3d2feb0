"""A sampler of many steps taught to a network that takes few."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from genrl.argument_checks import at_least
from genrl.score.few_step_sampler import FewStepSampler
from genrl.score.network import Denoiser
from genrl.score.probability_flow import heun, karras_levels
from genrl.score.sampling import drown
from genrl.score.score_model import ScoreModel
from genrl.training.fit import FitEpoch
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient

__all__ = ["distil"]

FINE = 16  # steps of the teacher for one of the student's


def distil(
    teacher: ScoreModel,
    steps: int = 4,
    *,
    context: Any = None,
    samples: int = 20_000,
    fitting: GradientFitting = GradientFitting(updates=4000, average=0.999, max_grad_norm=1.0),
    progress: Callable[[FitEpoch], bool | None] | None = None,
) -> FewStepSampler:
    """A student that goes the teacher's way from noise to rows in a few steps.

    The probability flow is a function: what noise becomes is settled by the noise. The teacher carries noise along it
    by small steps of Heun's method, and the student learns the place after every few of them from the place before, in
    the form of a denoised row that leads there in one straight step (Salimans & Ho 2022, appendix G). Departures from
    the paper: the steps are shortened at once rather than halved again and again, and no data are needed.

    Args:
        teacher: fitted; it is left as it is, and taught with its guidance as it is now.
        steps: of the student.
        context: (rows, columns) or labels to learn for, if the teacher takes one.
        samples: ways of the teacher that the student learns from.
        fitting: settings.
        progress: called after each pass.

    Raises:
        InputError: the teacher is not fitted, has one noise level only, or the context is wrong.

    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> brief = GradientFitting(updates=100, learning_rate=1e-2)
    >>> teacher = ScoreModel(hidden=(16,), fitting=brief).fit(3.0 + 2.0 * torch.randn(1000, 1))
    >>> student = distil(teacher, steps=2, samples=1000, fitting=brief)
    >>> samples = student.sample(1000)
    >>> 2.5 < float(samples.mean()) < 3.5, 1.5 < float(samples.std()) < 2.5
    (True, True)
    """
    at_least(1, steps=steps, samples=samples)
    event_shape = teacher.require_built()
    given = teacher.encode_context(context)
    student = FewStepSampler.like(teacher, steps).to(teacher.device)
    student.build(event_shape, teacher.context_features)
    student.classes = teacher.classes
    student.start_from(teacher)
    with torch.random.fork_rng([teacher.device] if teacher.device.type == "cuda" else []), torch.no_grad():
        torch.manual_seed(fitting.seed)
        known = None if given is None else given[torch.randint(len(given), (samples,))]
        if known is not None and student.context_units is not None:
            known = student.context_units.remove(known)
        places = ways(teacher, student.levels, samples, known)
    lesson = Lesson(student.denoiser, student.levels)
    fit_by_gradient(lesson, places, known, fitting, progress)
    return student


def ways(teacher: ScoreModel, levels: Tensor, samples: int, context: Tensor | None) -> Tensor:
    """(samples, steps + 1, features) where the teacher's flow is at each of the levels; all in standard units."""
    score = teacher.standard_score(context)
    x = drown(teacher.noise, teacher.units.mean.new_empty(samples, len(teacher.units.mean)))
    places = [x]
    for level, after in pairwise(levels):
        x = heun(score, x, karras_levels(after, level, FINE))
        places.append(x)
    return torch.stack(places, 1)


class Lesson(nn.Module):
    """What `fit` minimises: the error of each of the student's steps, from the place where the teacher was."""

    def __init__(self, denoiser: Denoiser, levels: Tensor) -> None:
        super().__init__()
        self.denoiser = denoiser
        self._levels = levels

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The mean squared error of where one step leads, by the distance of that place from where it began.

        Args:
            x: (rows, steps + 1, features) places on the teacher's way.
            context: (rows, columns) in standard units, or None.
        """
        steps = len(self._levels) - 1
        before, after = x[:, :-1].flatten(0, 1), x[:, 1:].flatten(0, 1)
        level = self._levels[:-1].repeat(len(x))[:, None]
        ratio = (self._levels[1:] / self._levels[:-1]).repeat(len(x))[:, None]
        given = None if context is None else context.repeat_interleave(steps, 0)
        wanted = (after - ratio * before) / (1 - ratio)  # the denoised row that leads there
        found = self.denoiser(before, level, given)
        return {"loss": ((found - wanted) * (1 - ratio)).square().mean()}
