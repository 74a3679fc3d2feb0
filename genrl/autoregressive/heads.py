"""What the numbers that a network gives for one value mean: its distribution given the values before it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from genrl.errors import InputError

__all__ = [
    "Categorical",
    "Choice",
    "DiscreteOutput",
    "GaussianMixture",
    "Head",
    "LogisticMixture",
    "Output",
    "make_head",
]

DiscreteOutput = Literal["categorical", "logistics"]
Output = Literal["categorical", "logistics", "gaussians"]

LEAST_LOG_SCALE, GREATEST_LOG_SCALE = -7.0, 7.0


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How a value is chosen from its distribution.

    Attributes:
        temperature: divides the logits of levels or components, and multiplies the variance of a component; 1 samples,
            0 takes the likeliest level, or the middle of the heaviest component, each time.
        top_k: only the likeliest k levels can be chosen; None leaves all.

    Raises:
        InputError: out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise InputError(f"temperature must be a number from 0 upwards, not {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise InputError(f"top_k must be 1 or more, not {self.top_k}")


def chosen(logits: Tensor, noise: Tensor, choice: Choice) -> Tensor:
    """(...) which of the (..., K) is chosen: where the distribution function passes the uniform noise (...).

    >>> chosen(torch.tensor([0.5, 0.25, 0.25]).log(), torch.tensor(0.6), Choice())
    tensor(1)
    """
    if choice.temperature == 0:
        return logits.argmax(-1)
    if choice.top_k is not None and choice.top_k < logits.shape[-1]:
        likeliest, which = logits.topk(choice.top_k)
        logits = torch.full_like(logits, -math.inf).scatter(-1, which, likeliest)
    tempered = logits if choice.temperature == 1 else logits / choice.temperature
    reached = tempered.softmax(-1).cumsum(-1)
    # The sum of rounded probabilities may end below the noise: compare with what it ended at.
    return (reached[..., :-1] <= noise[..., None] * reached[..., -1:]).sum(-1)


class Head(ABC):
    """The distributions of values, each from `outputs` numbers.

    The noise of a draw is made apart from the draw, so that two samplers that see the same noise draw the same values.

    Attributes:
        outputs: numbers for each value.
    """

    outputs: int

    @abstractmethod
    def log_prob(self, numbers: Tensor, x: Tensor) -> Tensor:
        """(...) in nats, of numbers (..., outputs) and values (...)."""

    @abstractmethod
    def noise(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """(*shape, n) random numbers, enough for one draw each, on the device of `like`."""

    @abstractmethod
    def draw(self, numbers: Tensor, noise: Tensor, choice: Choice) -> Tensor:
        """(...) values, a function of numbers (..., outputs) and noise (..., n)."""


class _Levels(Head):
    """A distribution on the integers 0 .. K - 1, drawn by inverting its distribution function."""

    @abstractmethod
    def log_probs(self, numbers: Tensor) -> Tensor:
        """(..., K) in nats, up to a constant of each row."""

    def noise(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """A uniform number each."""
        return torch.rand(*shape, 1, dtype=like.dtype, device=like.device)

    def draw(self, numbers: Tensor, noise: Tensor, choice: Choice) -> Tensor:
        """The level at which the distribution function passes the noise; of temperature 0 the likeliest level."""
        return chosen(self.log_probs(numbers), noise[..., 0], choice).to(noise)


class Categorical(_Levels):
    """K free probabilities: a softmax.

    Args:
        levels: K.
    """

    def __init__(self, levels: int) -> None:
        self.outputs = levels

    def log_prob(self, numbers: Tensor, x: Tensor) -> Tensor:
        """(...) in nats."""
        return -F.cross_entropy(numbers.movedim(-1, 1), x.long(), reduction="none")

    def log_probs(self, numbers: Tensor) -> Tensor:
        """(..., K) unnormalised."""
        return numbers


class LogisticMixture(_Levels):
    """A mixture of logistic densities over the levels, each level given what lies in its bin (Salimans et al. 2017).

    Equation 2 of the paper: the first and the last level get the tails, so that the probabilities sum to 1. A bin is
    computed as a product of sigmoids and an expm1, which needs no second formula where it is narrow. Departure from the
    paper: channels depend on each other through the network's masks, not through linear terms here.

    Args:
        levels: K, brought to -1 .. 1.
        mixtures: how many logistics.
    """

    def __init__(self, levels: int, mixtures: int) -> None:
        self.levels, self.outputs = levels, 3 * mixtures

    def log_prob(self, numbers: Tensor, x: Tensor) -> Tensor:
        """(...) in nats."""
        weights, means, log_scales = numbers.unflatten(-1, (3, -1)).unbind(-2)
        inverse = torch.exp(-log_scales.clamp(LEAST_LOG_SCALE, GREATEST_LOG_SCALE))
        half = 1 / (self.levels - 1)
        level = x[..., None]
        centre = inverse * (2 * half * level - 1 - means)
        above, below = centre + half * inverse, centre - half * inverse
        is_first, is_last = level == 0, level == self.levels - 1
        inside = torch.where(is_first | is_last, 0.0, torch.log(-torch.expm1(below - above)))
        up_to = torch.where(is_last, 0.0, F.logsigmoid(above))
        from_on = torch.where(is_first, 0.0, F.logsigmoid(-below))
        return (weights.log_softmax(-1) + up_to + from_on + inside).logsumexp(-1)

    def log_probs(self, numbers: Tensor) -> Tensor:
        """(..., K) in nats."""
        levels = torch.arange(self.levels, dtype=numbers.dtype, device=numbers.device)
        return self.log_prob(numbers[..., None, :], levels.expand(*numbers.shape[:-1], -1))

    def draw(self, numbers: Tensor, noise: Tensor, choice: Choice) -> Tensor:
        """The level at which the distribution function of the cooled mixture passes the noise.

        Components are cooled rather than levels, as those of Gaussians are: where numbers were clipped, the end that
        holds them all is the likeliest single level long before it is likely, and cooled levels would end there.
        """
        weights, means, log_scales = numbers.unflatten(-1, (3, -1)).unbind(-2)
        if choice.temperature == 0:
            heaviest = means.gather(-1, weights.argmax(-1, keepdim=True))[..., 0]
            return (0.5 * (heaviest + 1) * (self.levels - 1)).round().clamp(0, self.levels - 1)
        narrower = log_scales.clamp(LEAST_LOG_SCALE, GREATEST_LOG_SCALE) + 0.5 * math.log(choice.temperature)
        cooled = torch.cat([weights / choice.temperature, means, narrower], -1)
        return super().draw(cooled, noise, replace(choice, temperature=1.0))


class GaussianMixture(Head):
    """A mixture of Gaussians on the real line, of values in units of their own.

    Args:
        mixtures: how many.
    """

    def __init__(self, mixtures: int) -> None:
        self.outputs = 3 * mixtures

    def log_prob(self, numbers: Tensor, x: Tensor) -> Tensor:
        """(...) log-densities in nats."""
        weights, means, log_stds = self._parameters(numbers)
        distance = (x[..., None] - means) * (-log_stds).exp()
        each = -0.5 * distance.square() - log_stds - 0.5 * math.log(2 * math.pi)
        return (weights.log_softmax(-1) + each).logsumexp(-1)

    def noise(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """A uniform and a normal number each."""
        empty = like.new_empty(shape)
        return torch.stack([torch.rand_like(empty), torch.randn_like(empty)], -1)

    def draw(self, numbers: Tensor, noise: Tensor, choice: Choice) -> Tensor:
        """A component by the first noise, a place in it by the second; of temperature 0 the heaviest one's mean.

        Other temperatures divide the logits of the components, and multiply their variances.

        Raises:
            InputError: `top_k` is given, which is a number of levels.
        """
        if choice.top_k is not None:
            raise InputError("top_k is for levels: of continuous values leave it out")
        weights, means, log_stds = self._parameters(numbers)
        component = chosen(weights, noise[..., 0], choice)[..., None]
        mean, std = (part.gather(-1, component)[..., 0] for part in (means, log_stds.exp()))
        return mean + choice.temperature**0.5 * std * noise[..., 1]

    def _parameters(self, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weights, means, log_stds = numbers.unflatten(-1, (3, -1)).unbind(-2)
        return weights, means, log_stds.clamp(LEAST_LOG_SCALE, GREATEST_LOG_SCALE)


def make_head(output: Output, levels: int, mixtures: int) -> Head:
    """The head of that name; levels are of the discrete ones, mixtures of all but the softmax."""
    if output == "categorical":
        return Categorical(levels)
    return LogisticMixture(levels, mixtures) if output == "logistics" else GaussianMixture(mixtures)
