"""Learners of stable-baselines3 that stop as soon as NaN or infinity has reached what they have learned."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.save_util import recursive_getattr
from torch import Tensor

from genrl.errors import InputError, NotFiniteError
from genrl.finite import name_not_finite

__all__ = ["FiniteLearning", "finite_learning"]

ROUNDS_BETWEEN_CHECKS = 64
DISTRIBUTION = re.compile(r"Expected parameter (\w+) ")  # how torch begins to refuse what a distribution is made of
ADVICE = "a smaller learning rate often helps, or rewards and observations of a smaller scale"


class FiniteLearning(BaseCallback):
    """Raises when a loss that the learner has logged, or one of its parameters, is not finite.

    Losses are checked after each update; parameters after each update of an on-policy learner, after every 64th one of
    an off-policy learner, whose updates are small, and at the end. Put it first in the list of callbacks, so that no
    other one evaluates or saves what is not finite.

    Raises:
        NotFiniteError: the message names the loss or the parameter, the number of environment steps and of updates.
    """

    def _on_training_start(self) -> None:
        self._rounds = 0

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self._rounds += 1
        if isinstance(self.model, OnPolicyAlgorithm) or self._rounds % ROUNDS_BETWEEN_CHECKS == 0:
            require_finite(self.model)
        else:
            _require_finite_losses(self.model)

    def _on_training_end(self) -> None:
        require_finite(self.model)


@contextmanager
def finite_learning(learner: BaseAlgorithm) -> Iterator[FiniteLearning]:
    """Around `learner.learn`: gives a callback for it, and puts errors that follow from NaN down to their cause.

    An update that fails in its middle leaves parameters that are not finite, and the next use of them an error of
    torch's that names neither a parameter nor a step.

    Raises:
        NotFiniteError: as `FiniteLearning`, or in place of another error where a parameter is not finite.
    """
    try:
        yield FiniteLearning()
    except (InputError, NotFiniteError):
        raise
    except (ValueError, RuntimeError, AssertionError, ArithmeticError) as error:
        try:
            require_finite(learner)
        except NotFiniteError as cause:
            raise cause from error
        parameter = DISTRIBUTION.match(str(error))
        if parameter is not None:
            what = f"the {parameter[1]} of the actions' distribution"
            raise NotFiniteError(f"{what} of {_when(learner)} is NaN or infinite: {ADVICE}") from error
        raise


def require_finite(learner: BaseAlgorithm) -> None:
    """Raise a `NotFiniteError` that names a loss or a parameter if one is not finite."""
    _require_finite_losses(learner)
    parameters: dict[str, Tensor] = {f"policy.{name}": weights for name, weights in learner.policy.named_parameters()}
    _, variables = learner._get_torch_save_params()
    parameters |= {name: recursive_getattr(learner, name) for name in variables}
    name = name_not_finite(parameters)
    if name is not None:
        raise NotFiniteError(f"the parameter {name} of {_when(learner)} is not finite: {ADVICE}")


def _require_finite_losses(learner: BaseAlgorithm) -> None:
    for name, value in learner.logger.name_to_value.items():
        if name.startswith("train/") and "loss" in name and not math.isfinite(value):
            raise NotFiniteError(f"{name} of {_when(learner)} is {value}: {ADVICE}")


def _when(learner: BaseAlgorithm) -> str:
    return f"{type(learner).__name__} after {learner.num_timesteps:,} environment steps (update {learner._n_updates:,})"
