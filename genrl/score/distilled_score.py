"""A score model and its student as one model, which is fitted to data and sampled in a few steps."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from genrl.argument_checks import at_least
from genrl.generative_model import GenerativeModel, Progress
from genrl.score.distillation import distil
from genrl.score.few_step_sampler import FewStepSampler
from genrl.score.score_model import ScoreModel
from genrl.training.gradient_fitting import GradientFitting
from genrl.training.stages import Stages

__all__ = ["DistilledScore"]


class DistilledScore(GenerativeModel):
    """Fits a score model, and then the student that it teaches, which draws the samples (`genrl.score.distil`).

    A fit that is asked to end while the teacher learns leaves the student with the teacher's weights, untaught.

    Args:
        teacher: not fitted.
        steps: of the student, each an evaluation of its network.
        ways: of the teacher from noise to rows, that the student learns from.
        fitting: settings of both fits, in place of the teacher's own.

    Raises:
        InputError: a hyperparameter is out of its range, or the teacher has one noise level only.

    >>> import torch
    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> brief = GradientFitting(updates=100, learning_rate=1e-2)
    >>> model = DistilledScore(teacher=ScoreModel(hidden=(16,)), steps=2, ways=1000, fitting=brief)
    >>> samples = model.fit(3.0 + 2.0 * torch.randn(1000, 1)).sample(1000)
    >>> 2.5 < float(samples.mean()) < 3.5, 1.5 < float(samples.std()) < 2.5
    (True, True)
    """

    architecture = "any network of the rows' size, and another of the same that it teaches"

    def __init__(
        self,
        *,
        teacher: ScoreModel,
        steps: int = 4,
        ways: int = 20_000,
        fitting: GradientFitting = GradientFitting(updates=5000, average=0.999),
    ) -> None:
        super().__init__()
        at_least(1, steps=steps, ways=ways)
        self.teacher = teacher
        self.steps = steps
        self.ways = ways
        self.fitting = fitting
        self.student = FewStepSampler.like(teacher, steps)

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws of shape `sample_shape + event_shape`, or `sample_shape + (rows,) + event_shape` given a context."""
        return self.student.sample(sample_shape, self.encode_context(context))

    def mode(self, context: Tensor | None = None) -> Tensor:
        """What noise of 0 becomes: one row, or one for each row of the context."""
        return self.student.mode(self.encode_context(context))

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        self.teacher.build(event_shape, context_features)
        self.student.build(event_shape, context_features)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        stages = Stages(progress)
        self.teacher.fitting = self.fitting
        self.teacher.fit(x, context=context, progress=stages)
        if stages.asked:
            self.student.start_from(self.teacher)
            return
        teaching = replace(self.fitting, max_grad_norm=1.0)
        self.student = distil(
            self.teacher, self.steps, context=context, samples=self.ways, fitting=teaching, progress=stages
        )
