"""A mixture of Gaussians whose weights, means and deviations are computed from the context by a network."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import Activation, Units, mlp
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient

__all__ = ["MixtureDensityNetwork"]

MODE_STEPS = 10

LEAST_LOG_STD, GREATEST_LOG_STD = -7.0, 7.0


class MixtureDensityNetwork(GenerativeModel):
    """p(x given context) as a mixture of Gaussians with independent columns (Bishop 1994, equations 22 to 28).

    Keeps several answers to one question apart, where a single Gaussian gives their mean. Trained by its likelihood;
    without a context it is a mixture like any other, fitted by gradient descent.

    Args:
        n_components: Gaussians.
        hidden: widths of the network's hidden layers; none makes all parameters linear in the context.
        activation: between them.
        fitting: how `fit` trains it.

    Raises:
        InputError: there is no component.

    >>> import torch
    >>> from genrl.mixtures import MixtureDensityNetwork
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> side, angle = torch.randn(2000, 1).sign(), torch.rand(2000, 1)
    >>> quick = GradientFitting(updates=400, learning_rate=0.02)
    >>> model = MixtureDensityNetwork(2, hidden=(16,), fitting=quick).fit(side * (1 + angle), context=angle)
    >>> question = torch.full((1, 1), 0.5)
    >>> samples = model.sample(1000, question)  # 1.5 or -1.5, and nothing between them
    >>> bool(samples.abs().min() > 1.0), samples.shape
    (True, torch.Size([1000, 1, 1]))
    >>> bool(model.log_prob(torch.tensor([[1.5]]), question) > model.log_prob(torch.tensor([[0.0]]), question))
    True
    """

    architecture = "any network of the context; Gaussians with independent columns"
    log_prob_kind: Literal["exact"] = "exact"

    def __init__(
        self,
        n_components: int = 5,
        *,
        hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "tanh",
        fitting: GradientFitting = GradientFitting(),
    ) -> None:
        super().__init__()
        if n_components < 1:
            raise InputError(f"n_components must be 1 or more, not {n_components}")
        self.n_components = n_components
        self.hidden = hidden
        self.activation: Activation = activation
        self.fitting = fitting

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) in nats.

        Raises:
            InputError: wrong shapes.
        """
        logits, means, log_stds = self._parameters_given(self.check_rows(x, context))
        standardised = (self.units.remove(x)[:, None] - means) * (-log_stds).exp()
        log_gaussian = -0.5 * (standardised.square() + math.log(2 * math.pi)) - log_stds
        joint = logits.log_softmax(-1) + log_gaussian.sum(-1)
        return (joint.logsumexp(-1) - self.units.deviation.log().sum()).to(x.dtype)

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws of shape `sample_shape + (columns,)`, or `sample_shape + (rows, columns)` with a context."""
        self.require_built()
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        given = self.encode_context(context)
        with torch.no_grad():
            logits, means, log_stds = self._parameters_given(given)
            # The greatest of the logits with Gumbel noise is a draw by their softmax.
            gumbel = -logits.new_empty(*shape, *logits.shape).exponential_().log()
            picked = (logits + gumbel).argmax(-1)  # (*shape, rows)
            rows = torch.arange(len(logits), device=logits.device)
            chosen = means[rows, picked]
            drawn = self.units.restore(chosen + log_stds[rows, picked].exp() * torch.randn_like(chosen))
        return drawn[..., 0, :] if given is None else drawn

    def mode(self, context: Tensor | None = None) -> Tensor:
        """(columns,) a point of locally greatest density, or (rows, columns) with a context.

        Climbs from the mean of the component that is likeliest there (Carreira-Perpinan 2000, equation 6).
        """
        given = self.encode_context(context)
        with torch.no_grad():
            logits, means, log_stds = self._parameters_given(given)
            heights = logits.log_softmax(-1) - log_stds.sum(-1)
            x = means[torch.arange(len(logits), device=logits.device), heights.argmax(-1)]
            precisions = (-2 * log_stds).exp()
            for _ in range(MODE_STEPS):
                log_gaussian = -0.5 * (precisions * (x[:, None] - means).square()).sum(-1)
                pull = (heights + log_gaussian).softmax(-1)[..., None] * precisions
                x = (pull * means).sum(1) / pull.sum(1)
            found = self.units.restore(x)
        return found[0] if given is None else found

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The mean negative log-likelihood."""
        return {"loss": -self.log_prob(x, context).mean()}

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        if len(event_shape) != 1:
            raise InputError(f"a mixture models rows of columns, not of shape {event_shape}: flatten them")
        columns = event_shape[0]
        outputs = self.n_components * (1 + 2 * columns)
        # Without a context the network sees a constant.
        self.network = mlp([context_features or 1, *self.hidden, outputs], activation=self.activation)
        last = self.network[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            # All answers alike whatever the context, and the components apart from each other.
            last.weight.mul_(0.1)
            last.bias.zero_()
            means = slice(self.n_components, self.n_components * (1 + columns))
            if self.n_components > 1:
                last.bias[means].normal_()
        self.units = Units(event_shape)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        self.units.measure(x)
        given = None if context is None else context.float()
        fit_by_gradient(self, x.float(), given, self.fitting, progress)

    def _parameters_given(self, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (rows, K), means and log-deviations (rows, K, columns); one row without a context."""
        seen = self.units.mean.new_ones(1, 1) if context is None else context.to(self.units.mean)
        columns = self.require_built()[0]
        logits, means, log_stds = self.network(seen).split(
            [self.n_components, self.n_components * columns, self.n_components * columns], dim=-1
        )
        shape = (len(seen), self.n_components, columns)
        return logits, means.reshape(shape), log_stds.reshape(shape).clamp(LEAST_LOG_STD, GREATEST_LOG_STD)
