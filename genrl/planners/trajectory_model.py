"""What all trajectory samplers do in the same way, whatever model of the grid they draw from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.planners.conditions import Conditions
from genrl.planners.given import Given
from genrl.training.gradient_fitting import fit_by_gradient

__all__ = ["Guide", "TrajectoryModel"]

Guide = Callable[[Tensor], Tensor]
"""(trajectories, horizon, columns) to (trajectories,) logarithms of a factor by which their density is multiplied."""


class TrajectoryModel(GenerativeModel, ABC):
    """A distribution over trajectories (time, columns), drawn whole, given any of their cells.

    `fit` takes grids (rows, time, columns), the longest that will be drawn; a shorter horizon is the first part of
    those. A subclass turns grids into the rows of its `model` (`_rows`) and draws grids from it (`_draw`), both in the
    columns that change along a trajectory.

    Args:
        model: of rows; its context is what it is told of each trajectory.
        given: what that is; conditions must then always hold it.

    Raises:
        InputError: the model is not made for it.
    """

    why_no_density = "it draws trajectories under conditions, and weighs none"

    def __init__(self, *, model: GenerativeModel, given: Given) -> None:
        super().__init__()
        self.model = model
        self.given = given

    def sample(
        self,
        n: int,
        horizon: int,
        conditions: Conditions | None = None,
        guide: Guide | None = None,
        *,
        alike: bool = False,
    ) -> Tensor:
        """Draw trajectories.

        Args:
            n: how many.
            horizon: their rows, not more than those that the model was fitted to.
            conditions: cells that hold exactly.
            guide: of trajectories (n, horizon, columns); how it leads is said by each class.
            alike: from the same noise each, so that a trajectory is a function of its own conditions and of torch's
                random state, whatever is drawn beside it.

        Returns:
            (n, horizon, columns).

        Raises:
            InputError: numbers out of range, conditions of other shapes, or without what the model must be told.
        """
        longest, columns = self.require_built()
        if n < 1 or not 1 <= horizon <= longest:
            raise InputError(f"n must be 1 or more and horizon 1 .. {longest} (as fitted), not {n} and {horizon}")
        nothing = Conditions(values=torch.zeros(1, 1, columns), known=torch.zeros(1, 1, columns).bool())
        asked = (conditions or nothing).filled(n, horizon)
        if asked.values.shape[2] != columns:
            raise InputError(f"conditions have {asked.values.shape[2]} columns, trajectories have {columns}")
        self.given.check(asked)
        filled, device = asked.filled(n, longest), next(iter(self.state_dict().values())).device
        values, known = filled.values.to(device), filled.known.to(device)

        if not alike or self._shares_noise(known, guide):
            return self._drawn(values, known, horizon, guide, alike)
        seed, drawn = int(torch.randint(2**31, ())), []
        for row in range(n):
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                drawn.append(self._drawn(values[row : row + 1], known[row : row + 1], horizon, guide, alike))
        return torch.cat(drawn)

    def learn(self, X: Tensor, *, progress: Progress | None = None) -> None:
        """Go on with a fit, from the weights as they are.

        Args:
            X: (rows, time, columns), as of the fit.
            progress: called after each pass; a False that it returns ends it.

        Raises:
            InputError: other shapes, or a model that is not fitted by gradient.
        """
        self.check_rows(X)
        fitting = getattr(self.model, "fitting", None)
        if fitting is None:
            raise InputError(f"{type(self.model).__name__} is not fitted by gradient: fit it anew")
        rows, context = self._rows(X[..., self.given.modelled(X.shape[2])]), self.given.told(X)
        fit_by_gradient(self.model, rows, context, fitting, progress)

    def _drawn(self, values: Tensor, known: Tensor, horizon: int, guide: Guide | None, alike: bool) -> Tensor:
        """(rows, horizon, columns) given (rows, longest, columns) of what is known."""

        def whole(modelled: Tensor) -> Tensor:
            # Candidates for one trajectory lie side by side, and have its conditions.
            candidates = len(modelled) // len(values)
            theirs, fixed = values.repeat_interleave(candidates, 0), known.repeat_interleave(candidates, 0)
            return torch.where(fixed, theirs, self.given.whole(modelled, theirs))[:, :horizon]

        led = None if guide is None else lambda modelled: guide(whole(modelled))
        kept = self.given.modelled(values.shape[2])
        return whole(self._draw(values[..., kept], known[..., kept], self.given.told(values), led, alike))

    @abstractmethod
    def _rows(self, grids: Tensor) -> Tensor:
        """Rows of the model."""

    @abstractmethod
    def _draw(self, values: Tensor, known: Tensor, context: Tensor | None, guide: Guide | None, alike: bool) -> Tensor:
        """(rows, time, columns), of which known cells need not hold yet; values are 0 where nothing is known.

        `alike` asks for the same noise for every row; there is one row only, unless `_shares_noise`.
        """

    def _shares_noise(self, known: Tensor, guide: Guide | None) -> bool:
        """Whether many rows can be drawn from the same noise at once, given (rows, time, columns) what is known."""
        return False

    def _prepare(self, grids: Tensor) -> None:
        """Measure what `_rows` needs."""

    @abstractmethod
    def _model_shape(self, horizon: int, columns: int) -> tuple[int, ...]:
        """Of a row of the model, for grids of the columns that change."""

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        if len(event_shape) != 2:
            raise InputError(f"X must hold trajectories (rows, time, columns), not rows of shape {event_shape}")
        if context_features:
            raise InputError("trajectories have no context beside their columns: add columns, and name them in given")
        kept = self.given.modelled(event_shape[1])
        shape = self._model_shape(event_shape[0], len(kept))
        self.model.build(shape, len(self.given.first) + len(self.given.throughout))

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        grids = x[..., self.given.modelled(x.shape[2])]
        self._prepare(grids)
        self.model.fit(self._rows(grids), context=self.given.told(x), progress=progress)
