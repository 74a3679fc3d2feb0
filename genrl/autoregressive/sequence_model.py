"""Sequences: each value from those before it, by a recurrent network or a transformer."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genrl.autoregressive.autoregressive_model import AutoregressiveModel
from genrl.autoregressive.cores import Core, CoreSteps, Recurrent, Transformer
from genrl.autoregressive.heads import Output
from genrl.autoregressive.levels import LevelInputs
from genrl.autoregressive.ordered_sampling import Network, Steps
from genrl.errors import InputError
from genrl.nn import Units
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["SequenceModel"]

REACH = 10.0  # no network sees a number further out, in deviations


class SequenceModel(AutoregressiveModel):
    """Rows (length,) whose values are told to a network one after the other, from the first to the last.

    The chain rule holds in any order, but a network learns some of them more easily: `ordering` chooses one.

    Integers get a distribution of K levels each, and their `log_prob` is the log of a probability. Real numbers
    (`output="gaussians"`) get a mixture of Gaussians each, in units measured on the data of a fit, and their `log_prob`
    is the log of a density: an autoregressive model of the columns of a table (Uria et al. 2013, with one recurrent
    network in place of shared hidden units). The loss is the cross-entropy in nats, the entropy of the data plus the
    Kullback-Leibler divergence from the data to the model.

    Args:
        core: `Recurrent(...)` or `Transformer(...)`: what remembers the values before.
        levels: K of integers 0 .. K - 1; None finds it in the data.
        output: "categorical", "logistics" for levels in order, or "gaussians" for real numbers.
        mixtures: components of the latter two.
        ordering: the columns in the order in which they are drawn, each given those named before it; None from the
            first to the last. Rows, masks and samples keep their columns where they are.
        fitting: how `fit` trains it.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.autoregressive import Recurrent, SequenceModel
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x = (torch.randint(3, (600, 1)) + torch.arange(6)) % 3  # counts modulo 3 from a random start
    >>> quick = GradientFitting(updates=100, learning_rate=0.02)
    >>> model = SequenceModel(core=Recurrent(width=16), fitting=quick).fit(x)
    >>> bool(1 <= model.perplexity(x.float()) < 1.25)  # 3 ** (1 / 6) is 1.2
    True
    >>> model.complete(torch.tensor([[1.0, 0, 0, 0, 0, 0]]), torch.arange(6) < 1)
    tensor([[1., 2., 0., 1., 2., 0.]])
    """

    architecture = "recurrent or attention; a sample takes a step for each value"

    def __init__(
        self,
        *,
        core: Recurrent | Transformer = Recurrent(),
        levels: int | None = None,
        output: Output = "categorical",
        mixtures: int = 8,
        ordering: tuple[int, ...] | None = None,
        fitting: GradientFitting = GradientFitting(updates=2000),
    ) -> None:
        super().__init__(levels=levels, output=output, mixtures=mixtures, fitting=fitting)
        if ordering is not None and sorted(ordering) != list(range(len(ordering))):
            raise InputError(f"ordering must name each column once, 0 .. {len(ordering) - 1}, not {tuple(ordering)}")
        self.core = core
        self.ordering = None if ordering is None else tuple(ordering)

    def perplexity(self, x: Tensor, context: Tensor | None = None) -> float:
        """Among how many equally likely levels each value seems to be, in the mean: 2 to the bits of each.

        Raises:
            InputError: the values are real numbers, among which there is no counting.
        """
        if not self.takes_integers:
            raise InputError("perplexity is of integers: of real numbers ask bits_per_dim")
        return 2.0 ** self.bits_per_dim(x, context)

    def _in_order(self, x: Tensor) -> Tensor:
        return super()._in_order(x if self.ordering is None else x[:, self.ordering])

    def _restored(self, values: Tensor) -> Tensor:
        if self.ordering is None:
            return super()._restored(values)
        places = sorted(range(len(self.ordering)), key=self.ordering.__getitem__)
        return super()._restored(values[:, places])

    def _make_network(self, event_shape: tuple[int, ...], context_features: int, levels: int, outputs: int) -> Network:
        if len(event_shape) != 1:
            raise InputError(f"X must hold sequences (rows, length) for SequenceModel, not rows of shape {event_shape}")
        if self.ordering is not None and len(self.ordering) != event_shape[0]:
            raise InputError(f"ordering names {len(self.ordering)} columns, X has {event_shape[0]}: name each of them")
        told = LevelInputs(1, levels, self.core.width) if self.takes_integers else None
        return _SequenceNetwork(self.core.build(), self.core.width, event_shape[0], context_features, told, outputs)

    @property
    def _advice(self) -> str:
        return f", or output='gaussians' for real numbers{super()._advice}"


class _SequenceNetwork(Network):
    """A core between what tells it values, places and context, and the numbers of the head."""

    def __init__(
        self, core: Core, width: int, length: int, context_features: int, levels: LevelInputs | None, outputs: int
    ) -> None:
        super().__init__()
        self.core, self.levels = core, levels
        self.values = nn.Linear(1 if levels is None else width, width)
        self.first = nn.Parameter(torch.zeros(width))
        self.places = nn.Parameter(torch.randn(length, width) / math.sqrt(width))
        self.units = Units((context_features,)) if context_features else None
        self.condition = nn.Linear(context_features, width) if context_features else None
        self.head = nn.Linear(width, outputs)

    def measure(self, x: Tensor, context: Tensor | None) -> None:
        """Take the units of the context."""
        if self.units is not None and context is not None:
            self.units.measure(context)

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        """(rows, places) to (rows, places, outputs)."""
        found: Tensor = self.head(self.core(self.inputs(x, context)))
        return found

    def inputs(self, x: Tensor, context: Tensor | None) -> Tensor:
        """(rows, places, width): at each place the value before it, the place and the context."""
        first = self.first.expand(len(x), 1, -1)
        before = torch.cat((first, self.told(x[:, :-1])), 1) + self.places[: x.shape[1]]
        return before if context is None else before + self.conditioned(context)[:, None]

    def told(self, x: Tensor) -> Tensor:
        """(rows, places, width) of values (rows, places)."""
        if self.levels is None:
            return self.values(x.clamp(-REACH, REACH)[..., None])
        return self.values(self.levels(x[:, None]).movedim(1, -1))

    def conditioned(self, context: Tensor) -> Tensor:
        """(rows, width)."""
        assert self.units is not None
        assert self.condition is not None
        found: Tensor = self.condition(self.units.remove(context).clamp(-REACH, REACH))
        return found

    def steps(self, x: Tensor, context: Tensor | None, start: int) -> Steps:
        """Value by value."""
        before = self.inputs(x[:, :start], context) if start else self.places.new_zeros(len(x), 0, len(self.first))
        return _SequenceSteps(self, self.core.steps(before), x, context, start)


class _SequenceSteps:
    """The core's state, and the value that it has not yet been told."""

    def __init__(
        self, network: _SequenceNetwork, core: CoreSteps, x: Tensor, context: Tensor | None, start: int
    ) -> None:
        self.network, self.core = network, core
        self.last = network.told(x[:, start - 1 : start])[:, 0] if start else network.first.expand(len(x), -1)
        self.condition = None if context is None else network.conditioned(context)

    def numbers(self, place: int) -> Tensor:
        """(rows, outputs)."""
        told = self.last + self.network.places[place]
        found: Tensor = self.network.head(self.core.next(told if self.condition is None else told + self.condition))
        return found

    def put(self, place: int, values: Tensor) -> None:
        """(rows,)."""
        self.last = self.network.told(values[:, None])[:, 0]
