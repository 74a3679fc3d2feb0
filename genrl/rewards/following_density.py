"""A density that is kept fitted to rows which change from one update to the next."""

from __future__ import annotations

import warnings
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genrl.errors import InputError, NotFiniteError
from genrl.generative_model import GenerativeModel
from genrl.protocols import Classifier, Density, Discrete, Trainable, no_density

__all__ = ["DensityTraining", "FollowingDensity"]

TRIAL_COLUMNS = 4  # of rows that a model is built for to see whether it can be; how many there will be is not known yet


@dataclass(frozen=True, kw_only=True)
class DensityTraining:
    """How a density follows its rows.

    Raises:
        InputError: a number is out of its range.
    """

    steps: int = 8
    """Gradient steps of an update, if the density is trained by its gradient."""
    first_steps: int = 2000
    """Gradient steps of the first update on rows that stay the same."""
    batch_size: int = 512
    """Rows of a gradient step."""
    learning_rate: float = 1e-3
    """Adam's step size."""
    fitted_rows: int = 4096
    """Rows drawn for an update, if the density is fitted anew each time."""
    noise: float = 0.1
    """Deviation of the noise added to rows that are learned from, in standardised units. A strong expert's actions are
    a function of its states, and the density of such rows has no upper bound without it."""
    limit: float = 100.0
    """Log-densities below minus this times the number of columns are held there, so that one row does not outweigh all
    others."""

    def __post_init__(self) -> None:
        if min(self.steps, self.first_steps, self.batch_size, self.fitted_rows) < 1:
            raise InputError("steps, first_steps, batch_size and fitted_rows of a density must be 1 or more")
        if not self.learning_rate > 0 or not self.limit > 0 or not self.noise >= 0:
            raise InputError("learning_rate and limit of a density must be above 0, and its noise 0 or more")


class FollowingDensity(nn.Module):
    """Keeps a density up to date, by whichever way of learning it has.

    One that is trained by its gradient (a flow) takes a few steps from where it is; one that is fitted in closed form
    or by expectation-maximisation (a mixture, a Gaussian) is fitted anew.

    Args:
        density: with `log_prob`; its own settings of fitting are used if it is fitted anew.
        training: how.

    Raises:
        InputError: the model does not know its density, is one of integers, or cannot do without labels or a context.
    """

    def __init__(self, density: GenerativeModel, training: DensityTraining) -> None:
        super().__init__()
        _require_following(density)
        self.density = density
        self.training_config = training
        self.optimizer: torch.optim.Optimizer | None = None

    def build(self, columns: int) -> None:
        """Make the parameters, unless the model has been fitted before."""
        if self.density.event_shape is None:
            self.density.build(columns)
        if self.density.event_shape != (columns,):
            raise InputError(
                f"{type(self.density).__name__} was fitted to rows of shape {self.density.event_shape}, and a "
                f"transition has {columns} columns here: leave it unfitted, or fit it to standardised transitions"
            )
        if isinstance(self.density, Trainable):
            self.optimizer = torch.optim.Adam(self.density.parameters(), self.training_config.learning_rate)

    def log_prob(self, rows: Tensor) -> Tensor:
        """(batch,) in nats, bounded from below."""
        assert isinstance(self.density, Density)
        lowest = -self.training_config.limit * rows.shape[1]
        return self.density.log_prob(rows).nan_to_num(nan=lowest).clamp(min=lowest)

    def update(self, rows: Tensor, *, steps: int | None = None) -> float:
        """Learn from rows, and give the mean negative log-likelihood that was met, in nats.

        Args:
            rows: (batch, columns).
            steps: gradient steps, if it takes any; by default those of the settings.

        Raises:
            NotFiniteError: a loss or a gradient became NaN or infinite; the weights are those of the step before.
        """
        if self.optimizer is None:
            drawn = self._draw(rows, self.training_config.fitted_rows)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it has not settled: the rows will not stay the same either
                self.density.fit(drawn)
            with torch.no_grad():
                return -float(self.log_prob(drawn).mean())
        return self._descend(rows, self.training_config.steps if steps is None else steps)

    def _descend(self, rows: Tensor, steps: int) -> float:
        assert isinstance(self.density, Trainable)
        assert self.optimizer is not None
        losses = []
        self.density.train()
        for step in range(1, steps + 1):
            loss = self.density.loss(self._draw(rows, self.training_config.batch_size))["loss"]
            self.optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(self.density.parameters(), 10.0)
            if not torch.isfinite(norm + loss.detach()):
                self.density.eval()
                what = "gradient" if loss.isfinite() else "loss"
                raise NotFiniteError(
                    f"the {what} of the density {type(self.density).__name__} is not finite in gradient step {step} of "
                    f"{steps} of its update; a smaller learning_rate often helps"
                )
            self.optimizer.step()
            losses.append(float(loss.detach()))
        self.density.eval()
        return sum(losses) / len(losses)

    def _draw(self, rows: Tensor, count: int) -> Tensor:
        drawn = rows[torch.randint(len(rows), (count,), device=rows.device)]
        return drawn + self.training_config.noise * torch.randn_like(drawn)


def _require_following(density: GenerativeModel) -> None:
    """Refuse what would fail only when the first rows come."""
    name = type(density).__name__
    families = (
        "take a model of genrl.mixtures or genrl.flows, genrl.bayes.GaussianConditional, or genrl.autoencoders.VAE for "
        "a bound"
    )
    if not isinstance(density, Density):
        raise no_density(density)
    if isinstance(density, Discrete) and density.takes_integers:
        raise InputError(
            f"{name} is of integers, and rows are real numbers here, of which it knows no density, only probabilities "
            "of integers: wrap it in genrl.discretised.Discretised"
        )
    if density.context_features:
        raise InputError(
            f"{name} was made with a context, which rows have none of here: pass one without, or {families}"
        )
    if density.event_shape is None:
        try:
            with torch.random.fork_rng(devices=[]):  # a trial changes nothing of what is drawn later
                deepcopy(density).build(TRIAL_COLUMNS)
        except InputError as error:
            advice = "pay with genrl.rewards.ClassifierReward, or " if isinstance(density, Classifier) else ""
            raise InputError(f"{name} cannot follow rows of numbers ({error}): {advice}{families}") from error
