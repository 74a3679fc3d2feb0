"""What the two loops of adversarial imitation share: they know when collecting begins, and what came before it."""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Mapping

from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor, nn

from genrl.errors import NotFiniteError
from genrl.finite import name_not_finite
from genrl.protocols import RewardModel
from genrl.transitions import Transitions

from .learned_rewards_replay import require_finite_rewards

__all__ = ["CollectingBegins", "ImitationHook"]

LOSS = re.compile("loss|nll")


class ImitationHook(BaseCallback):
    """A callback that trains a reward model, pays a learner with it, and logs the seconds of each part."""

    reward_model: RewardModel

    def _update(self, expert: Transitions, rows: Transitions) -> Mapping[str, float]:
        """Train the reward model, and give what it reports.

        Raises:
            NotFiniteError: its loss or one of its parameters is not finite.
        """
        metrics = self.reward_model.update(expert, rows)
        name = next((name for name in metrics if LOSS.search(name) and not math.isfinite(metrics[name])), None)
        what = None if name is None else f"{name} is {metrics[name]}"
        if what is None and isinstance(self.reward_model, nn.Module):
            name = name_not_finite(self.reward_model.named_parameters())
            what = None if name is None else f"the parameter {name} is not finite"
        if what is not None:
            raise NotFiniteError(
                f"the reward model {type(self.reward_model).__name__} was updated after {self.num_timesteps:,} "
                f"environment steps, and {what}: a smaller learning rate of it often helps"
            )
        return metrics

    def _rewards(self, rows: Transitions) -> Tensor:
        """(rows,) the rewards that the reward model computes.

        Raises:
            NotFiniteError: some of it is not finite.
        """
        return require_finite_rewards(self.reward_model, self.reward_model.reward(rows), self.num_timesteps)

    @abstractmethod
    def collecting_begins(self) -> None:
        """What other callbacks had to do between two rollouts is done: the learner collects from here on."""


class CollectingBegins(BaseCallback):
    """Tells a hook that collecting begins. Put it last: evaluations and checkpoints also wait for this moment.

    Without it their seconds would be booked as the collecting that they delay.
    """

    def __init__(self, hook: ImitationHook) -> None:
        super().__init__()
        self._hook = hook

    def _on_rollout_start(self) -> None:
        self._hook.collecting_begins()

    def _on_step(self) -> bool:
        return True
