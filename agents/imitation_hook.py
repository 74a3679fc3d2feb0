"""What the two loops of adversarial imitation share: they know when collecting begins, and what came before it."""

from __future__ import annotations

from abc import abstractmethod

from stable_baselines3.common.callbacks import BaseCallback

__all__ = ["CollectingBegins", "ImitationHook"]


class ImitationHook(BaseCallback):
    """A callback that trains a reward model, pays a learner with it, and logs the seconds of each part."""

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
