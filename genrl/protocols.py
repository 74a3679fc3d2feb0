"""What a model can do. Roles ask for these abilities, never for a family of models by name."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor
from torch.distributions import Distribution

from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.transitions import Transitions

__all__ = [
    "Classifier",
    "Codec",
    "Completer",
    "Density",
    "Discrete",
    "JointSampler",
    "Mode",
    "Policy",
    "ReparameterisedSampler",
    "ResumableEnv",
    "RewardModel",
    "Sampler",
    "ScoreFunction",
    "TakesStandardisers",
    "Trainable",
    "TrajectorySampler",
    "Transfer",
    "UnscaledReward",
    "WorldModel",
    "no_density",
]


@runtime_checkable
class Sampler(Protocol):
    """Draws from p(x) or p(x given context)."""

    def sample(self, sample_shape: tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Samples of shape `sample_shape + event_shape`."""
        ...


@runtime_checkable
class JointSampler(Protocol):
    """Draws rows together with what may stand beside them, where a `Sampler` must be given that."""

    def sample_joint(self, n: int) -> tuple[Tensor, Tensor]:
        """(n, ...) rows and, row by row, their labels, their contexts, or what else the model says."""
        ...


@runtime_checkable
class Density(Protocol):
    """Tells how likely x is, and how exactly it knows."""

    log_prob_kind: Literal["exact", "lower_bound", "unnormalized"]

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(batch,) in nats."""
        ...


def no_density(model: Any) -> InputError:
    """What is raised where a density is asked of a generative model without: why there is none, and who has one."""
    return InputError(
        f"{type(model).__name__} has no density: {model.why_no_density}. Models of genrl.mixtures, genrl.flows and "
        "genrl.bayes have one, genrl.autoencoders.VAE has a bound of it"
    )


@runtime_checkable
class Discrete(Protocol):
    """May model rows of integers 0 .. K - 1, whose `log_prob` is the log of a probability, not of a density."""

    takes_integers: bool


def knows_probabilities(model: Any) -> bool:
    """It models integers and gives their probabilities exactly; a density of real numbers has no bound."""
    discrete = isinstance(model, Discrete) and model.takes_integers
    return discrete and isinstance(model, Density) and model.log_prob_kind == "exact"


@runtime_checkable
class Completer(Protocol):
    """Draws what is missing of a row."""

    def complete(self, x: Tensor, mask: Tensor, context: Tensor | None = None) -> Tensor:
        """Rows whose numbers are those of x where the mask is true, which is one for all rows or one for each."""
        ...


@runtime_checkable
class Mode(Protocol):
    """Knows one x that stands for all that it would sample."""

    def mode(self, context: Tensor | None = None) -> Tensor:
        """Of the shape of a sample: one x, or one for each row of the context."""
        ...


@runtime_checkable
class ReparameterisedSampler(Protocol):
    """Draws with gradients in its parameters and its context, and knows how likely each draw was."""

    def rsample_with_log_prob(
        self, sample_shape: tuple[int, ...] = (), context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Samples of shape `sample_shape + (rows,) + event_shape`, and their log-densities in nats."""
        ...


@runtime_checkable
class Classifier(Protocol):
    """Tells classes apart."""

    def log_posterior(self, x: Tensor) -> Tensor:
        """(rows, classes) log p(class given x) in nats."""
        ...


@runtime_checkable
class Codec(Protocol):
    """Maps x to a code and back."""

    def encode(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """The code of x."""
        ...

    def decode(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """The x that z stands for."""
        ...


@runtime_checkable
class Transfer(Protocol):
    """Maps rows of one domain to rows of another; learned by `fit(X, y)` from rows of both."""

    paired: ClassVar[bool]
    """Whether the rows of both domains must be pairs."""

    def transfer(self, x: Tensor) -> Tensor:
        """Rows of the source as they would be in the target."""
        ...


@runtime_checkable
class ScoreFunction(Protocol):
    """The gradient of the log-density, never a log-likelihood."""

    def score_function(self, x: Tensor, noise_level: Tensor, context: Tensor | None = None) -> Tensor:
        """grad_x log p(x; noise_level), the shape of x."""
        ...


@runtime_checkable
class Trainable(Protocol):
    """Trained by minimising a loss over batches."""

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """Scalars; `loss` is the one that is minimised, the others are logged."""
        ...


@runtime_checkable
class RewardModel(Protocol):
    """A learned reward: high where a transition looks like the expert's."""

    def reward(self, transitions: Transitions) -> Tensor:
        """(batch,), each a function of its own row only."""
        ...

    def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        """Learn from both sides; what is returned is logged."""
        ...


@runtime_checkable
class UnscaledReward(RewardModel, Protocol):
    """A reward whose zero and unit mean nothing, such as a log-density: whoever pays it puts it on a scale."""

    unscaled: Literal[True]


@runtime_checkable
class TakesStandardisers(Protocol):
    """Sees transitions in units that are known only once an agent has its demonstrations."""

    def take_standardisers(self, observations: Standardise, actions: Standardise) -> None:
        """The agent's units, before anything else is asked."""
        ...


@runtime_checkable
class Policy(Protocol):
    """Acts, with the signature of stable-baselines3's `predict`."""

    def predict(
        self,
        observation: NDArray[Any],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """Actions for raw observations, one or a batch, and the next recurrent state."""
        ...


@runtime_checkable
class ResumableEnv(Protocol):
    """An environment whose state can be kept and put back, so that an interrupted run goes on as it was."""

    def simulator_state(self) -> dict[str, NDArray[Any]]:
        """Everything that decides what follows, random states included."""
        ...

    def restore_simulator_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from there."""
        ...


@runtime_checkable
class WorldModel(Protocol):
    """Predicts what the environment does next."""

    def predict(self, obs: Tensor, actions: Tensor) -> Distribution:
        """The distribution of what follows."""
        ...

    def as_vec_env(self) -> VecEnv:
        """An environment that steps in the model."""
        ...


@runtime_checkable
class TrajectorySampler(Protocol):
    """Draws whole trajectories, to plan with."""

    def sample(self, n: int, horizon: int, conditions: Any = None, guide: Any = None, *, alike: bool = False) -> Tensor:
        """(n, horizon, features); each from the same noise if they are to be alike."""
        ...
