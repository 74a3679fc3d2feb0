"""The student of a score model: samples in a few steps, and has no density."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor

from genrl.argument_checks import at_least
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import Activation, Units
from genrl.score.drawing import draw
from genrl.score.network import Denoiser, Perceptron
from genrl.score.noise import VarianceExploding, VariancePreserving, level_range
from genrl.score.probability_flow import karras_levels
from genrl.score.temporal_unet import TemporalUNet

__all__ = ["FewStepSampler"]


class FewStepSampler(GenerativeModel):
    """Noise to rows in a few evaluations of a network, as taught by `genrl.score.distil`.

    Each step goes straight towards a denoised row until the next noise level (Song et al. 2021, "Denoising diffusion
    implicit models", equation 12 without noise).

    Args:
        steps: evaluations of the network for a sample.
        noise: the teacher's process.
        hidden: widths of the network, a multilayer perceptron.
        activation: between its layers.
        network: another network in its place, as of `ScoreModel`.

    Raises:
        InputError: a hyperparameter is out of its range.
    """

    architecture = "any network of the rows' size, taught by a score model"
    why_no_density = "its few steps have no inverse; the score model that taught it has a density"

    levels: Tensor

    def __init__(
        self,
        steps: int,
        *,
        noise: VarianceExploding | VariancePreserving,
        hidden: tuple[int, ...],
        activation: Activation,
        network: TemporalUNet | None = None,
    ) -> None:
        super().__init__()
        at_least(1, steps=steps, hidden=hidden)
        least, most = level_range(noise, torch.zeros(()))
        if least == most:
            raise InputError("one noise level has no way from noise to rows: the teacher's noise needs two levels")
        self.steps = steps
        self.noise = noise
        self.hidden = tuple(hidden)
        self.activation: Activation = activation
        self.network = network

    @classmethod
    def like(cls, teacher: Any, steps: int) -> FewStepSampler:
        """With the noise and the network of a score model, not built."""
        return cls(
            steps,
            noise=teacher.noise,
            hidden=teacher.hidden,
            activation=teacher.activation,
            network=teacher.network,
        )

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws of shape `sample_shape + event_shape`, or `sample_shape + (rows,) + event_shape` given a context."""
        event_shape = self.require_built()
        return draw(self.walk, self.noise, self.units, sample_shape, event_shape, self._standard_context(context))

    def mode(self, context: Tensor | None = None) -> Tensor:
        """One row, or one for each row of the context: what noise of 0 becomes.

        As for `genrl.policies.ActionScore`: the mean at first, and then the way that lies nearest.
        """
        event_shape, given = self.require_built(), self._standard_context(context)
        rows = () if given is None else (len(given),)
        with torch.no_grad():
            found = self.walk(self.units.mean.new_zeros(prod(rows), prod(event_shape)), given)
        return self.units.restore(found).reshape(*rows, *event_shape)

    def walk(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """From the highest level to the lowest, (rows, features) and (rows, columns) in standard units."""
        for level, after in pairwise(self.levels):
            found = self.denoiser(x, level, context)
            x = found + after / level * (x - found)
        return x

    def start_from(self, teacher: Any) -> None:
        """Take the units and the weights of a score model of the same shape, from which to go on."""
        self.units.load_state_dict(teacher.units.state_dict())
        if self.context_units is not None:
            self.context_units.load_state_dict(teacher.context_units.state_dict())
        self.denoiser.load_state_dict(teacher.denoiser.state_dict())

    def _standard_context(self, context: Tensor | None) -> Tensor | None:
        given = self.encode_context(context)
        return given if given is None or self.context_units is None else self.context_units.remove(given)

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        least, most = level_range(self.noise, torch.zeros(()))
        self.units = Units((prod(event_shape),))
        self.context_units = Units((context_features,)) if context_features else None
        perceptron = Perceptron(hidden=self.hidden, activation=self.activation)
        self.denoiser = Denoiser(
            event_shape, context_features, architecture=self.network or perceptron, least=least, most=most
        )
        self.register_buffer("levels", karras_levels(least, most, self.steps), persistent=False)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        raise InputError("a FewStepSampler learns from a score model, not from data: call genrl.score.distil")
