"""What all autoregressive models do in the same way, whatever network computes the conditional distributions."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor

from genrl.argument_checks import at_least, one_of
from genrl.autoregressive.heads import Choice, Head, Output, make_head
from genrl.autoregressive.levels import check_integers, count_levels
from genrl.autoregressive.ordered_sampling import (
    FullPasses,
    Network,
    Steps,
    draw_in_order,
    evaluating,
    first_unknown,
)
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import Units, resampled
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient

__all__ = ["AutoregressiveModel", "truths"]


class AutoregressiveModel(GenerativeModel, ABC):
    """p(x) as the product of p(x_i given all x_j before it): the chain rule, with one network for all factors.

    Rows are integers 0 .. K - 1, and `log_prob` is the log of a probability; bits per number are `bits_per_dim`. If
    they are real numbers, both are of a density.

    Args:
        levels: K; None finds it in the data of a fit, as one more than the greatest integer.
        output: "categorical", a softmax of K; "logistics", a discretised mixture of logistics, for many levels in
            order; "gaussians", a mixture of Gaussians for real numbers.
        mixtures: components of the latter two.
        fitting: how `fit` trains it.

    Raises:
        InputError: a hyperparameter is out of its range.
    """

    log_prob_kind: Literal["exact"] = "exact"

    network: Network
    found_levels: Tensor

    def __init__(self, *, levels: int | None, output: Output, mixtures: int, fitting: GradientFitting) -> None:
        super().__init__()
        at_least(2, levels=levels)
        at_least(1, mixtures=mixtures)
        one_of(("categorical", "logistics", "gaussians"), output=output)
        if output == "gaussians" and levels is not None:
            raise InputError("levels are of integers: leave them out with output='gaussians'")
        self.levels = levels
        self.output: Output = output
        self.mixtures = mixtures
        self.fitting = fitting
        self.head: Head | None = None
        self.units: Units | None = None  # of continuous values

    @property
    def takes_integers(self) -> bool:
        """Rows are integers, not real numbers: they are, but with `output="gaussians"`."""
        return self.output != "gaussians"

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) the log of the probability of each row, in nats.

        Raises:
            InputError: wrong shapes, or other values than those of the levels.
        """
        return self.place_log_probs(x, context).sum(1)

    def place_log_probs(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, places) the log-probability of each value given those before it, in the order in which they are drawn.

        Raises:
            InputError: wrong shapes, or other values than those of the levels.
        """
        given = self.check_rows(x, context)
        self._check(x)
        values = self._places(x)
        found = self._head.log_prob(self.network(values, self._moved(given)), values)
        return found if self.units is None else found - self._in_order(self.units.deviation.log()[None])

    def bits_per_dim(self, x: Tensor, context: Tensor | None = None) -> float:
        """Bits that it takes to store one number of these rows with this model, in the mean."""
        with torch.no_grad(), evaluating(self):
            return -float(self.place_log_probs(x, context).mean()) / math.log(2)

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The mean of -log p(x) in nats, and in bits for each number."""
        nats = -self.place_log_probs(x, context).mean()
        return {"loss": nats * prod(self.require_built()), "bits_per_dim": nats.detach() / math.log(2)}

    def sample(
        self,
        sample_shape: int | tuple[int, ...] = (),
        context: Tensor | None = None,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
    ) -> Tensor:
        """Draws: `sample_shape + event_shape`, or `sample_shape + (rows,) + event_shape` given a context.

        Each value costs what is new in the network's activations; the others are kept.

        Args:
            sample_shape: how many.
            context: (rows, columns) or labels.
            temperature: below 1 prefers what is likely, 0 takes the likeliest value each time, of a mixture the
                middle of its heaviest component.
            top_k: only the likeliest k levels can be drawn.

        Raises:
            InputError: a wrong context, or a choice out of range.
        """
        event_shape, given = self.require_built(), self.encode_context(context)
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        shape = shape if given is None else (*shape, len(given))
        repeated = None if given is None else given.expand(*shape, -1).reshape(prod(shape), given.shape[1])
        unknown = self._zeros(prod(shape))
        choice = Choice(temperature=temperature, top_k=top_k)
        found = self._restored(self._drawn(unknown, unknown.bool(), self._moved(repeated), choice))
        return found.reshape(*shape, *event_shape)

    def sample_by_full_passes(self, rows: int, context: Tensor | None = None) -> Tensor:
        """The same as `sample`, with the whole network evaluated for each value: slow, and what `sample` must equal."""
        given, unknown = self._moved(self.encode_context(context)), self._zeros(rows)
        with evaluating(self):
            noise = self._head.noise(tuple(unknown.shape), unknown)
            steps = FullPasses(self.network, unknown, given)
            return self._restored(draw_in_order(steps, self._head, unknown, unknown.bool(), noise, Choice(), 0))

    def mode(self, context: Tensor | None = None) -> Tensor:
        """One row, or one for each row of the context: the draw of temperature 0.

        This greedy row is not the likeliest of all, which only a search would find.
        """
        return self.sample((), context, temperature=0.0)

    def complete(
        self,
        x: Tensor,
        mask: Tensor,
        context: Tensor | None = None,
        *,
        candidates: int = 1,
        temperature: float = 1.0,
        top_k: int | None = None,
        alike: bool = False,
    ) -> Tensor:
        """Rows whose known numbers are those of x, and whose others are drawn in order, each given all before it.

        A known number that is drawn after an unknown one cannot influence it. With more `candidates`, so many
        completions of each row are drawn, and one of them is taken with a probability in proportion to that of the
        known numbers given the drawn ones before them: with ever more candidates this tends to a draw from
        p(unknown given known), wherever the known numbers are.

        Args:
            x: (rows, ...); what stands at unknown places is not looked at.
            mask: true where x is given, one (...) for all rows or (rows, ...).
            context: (rows, columns) or labels.
            candidates: to choose from.
            temperature: as of `sample`.
            top_k: as of `sample`.
            alike: draw every row, with one candidate, from the same noise.

        Raises:
            InputError: wrong shapes, or known numbers other than those of the levels.
        """
        if candidates < 1:
            raise InputError(f"candidates must be 1 or more, not {candidates}")
        given = self._moved(self.check_rows(x, context))
        known = truths(mask, x)
        filled = torch.where(known, x, 0)
        self._check(filled)
        places, is_known = self._places(filled), self._in_order(known)
        if candidates > 1:
            places, is_known = (part.repeat_interleave(candidates, 0) for part in (places, is_known))
            given = None if given is None else given.repeat_interleave(candidates, 0)
        choice = Choice(temperature=temperature, top_k=top_k)
        found = self._drawn(places, is_known, given, choice, alike=alike and candidates == 1)
        if candidates > 1:
            found = self._chosen(found, is_known, given, candidates)
        return torch.where(known, x, self._restored(found).to(x.dtype))

    @abstractmethod
    def _make_network(self, event_shape: tuple[int, ...], context_features: int, levels: int, outputs: int) -> Network:
        """A network with `outputs` numbers for each place of a row."""

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        self._make(self.levels or 2)

    def _make(self, levels: int) -> None:
        """Everything whose shape depends on the number of levels."""
        event_shape = self.require_built()
        self.register_buffer("found_levels", torch.tensor(levels))
        self.head = make_head(self.output, levels, self.mixtures)
        self.units = None if self.takes_integers else Units(event_shape)
        self.network = self._make_network(event_shape, self.context_features, levels, self.head.outputs)
        self.to(self.device)  # levels may be found when the model has moved

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Parameters of a fit, which may have found other levels than this model was built for."""
        found = state_dict.get(f"{prefix}found_levels")
        if found is not None and self.event_shape is not None and int(found) != int(self.found_levels):
            self._make(int(found))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        if self.takes_integers:
            found = self.levels or count_levels(x, self._advice)
            check_integers(x, found, self._advice)
            if found != int(self.found_levels):
                self._make(found)
        if self.units is not None:
            self.units.measure(x)
        self.network.measure(self._places(x), context)
        fit_by_gradient(self, x, context, self.fitting, progress)

    @property
    def _head(self) -> Head:
        assert self.head is not None
        return self.head

    @property
    def _advice(self) -> str:
        """Why data that are no integers are refused; before it, what else could be done with them."""
        return "; it has probabilities of integers, not a density"

    def _check(self, x: Tensor) -> None:
        if self.takes_integers:
            check_integers(x, int(self.found_levels), self._advice)

    def _in_order(self, x: Tensor) -> Tensor:
        """(rows, places) of (rows, *event_shape): the channels of a pixel side by side."""
        return x.movedim(1, -1).flatten(1)

    def _places(self, x: Tensor) -> Tensor:
        """The values of rows, as the network and the head see them, in order."""
        values = x if self.units is None else self.units.remove(x)
        return self._in_order(values).to(self._zeros(0))

    def _restored(self, values: Tensor) -> Tensor:
        """Rows from values in order."""
        event_shape = self.require_built()
        x = values.reshape(-1, *event_shape[1:], event_shape[0]).movedim(-1, 1)
        return x if self.units is None else self.units.restore(x)

    def _drawn(
        self, values: Tensor, known: Tensor, context: Tensor | None, choice: Choice, alike: bool = False
    ) -> Tensor:
        noise = self._head.noise((1 if alike else len(values), values.shape[1]), values)
        start = first_unknown(known)
        if start == values.shape[1] or not len(values):
            return values.clone()
        with torch.no_grad(), evaluating(self):
            steps: Steps = self.network.steps(values, context, start)
            return draw_in_order(steps, self._head, values, known, noise.expand(len(values), -1, -1), choice, start)

    def _chosen(self, values: Tensor, known: Tensor, context: Tensor | None, candidates: int) -> Tensor:
        """One of each row's candidates, by the weight of its known values (sampling-importance-resampling)."""
        with torch.no_grad(), evaluating(self):
            each = self._head.log_prob(self.network(values, context), values)
        return resampled(values, torch.where(known, each, 0).sum(1), candidates)

    def _zeros(self, rows: int) -> Tensor:
        like = next(self.network.parameters())
        return like.new_zeros(rows, prod(self.require_built()))

    def _moved(self, context: Tensor | None) -> Tensor | None:
        return None if context is None else context.to(self._zeros(0))


def truths(mask: Tensor, x: Tensor) -> Tensor:
    """A truth value for each number of x.

    Raises:
        InputError: the mask does not say.
    """
    truths = torch.as_tensor(mask, device=x.device)
    if truths.dtype != torch.bool or tuple(truths.shape) not in (tuple(x.shape), tuple(x.shape[1:])):
        raise InputError(
            f"mask must hold truth values of the shape {tuple(x.shape)} or {tuple(x.shape[1:])}, "
            f"not {truths.dtype} of {tuple(truths.shape)}"
        )
    return truths.expand_as(x)
