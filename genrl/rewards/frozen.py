"""The control: a reward model that never learns."""

from __future__ import annotations

from torch import Tensor, nn

from genrl.protocols import RewardModel
from genrl.transitions import Transitions

__all__ = ["FrozenReward"]


class FrozenReward(nn.Module):
    """Pays what `inner` pays and never updates it, so no demonstration can reach the learner.

    What a learner reaches with it, it owes to surviving and to its initial network, not to imitation.

    Args:
        inner: the model that would have been trained.
    """

    def __init__(self, inner: RewardModel) -> None:
        super().__init__()
        self.inner = inner

    def reward(self, transitions: Transitions) -> Tensor:
        """(batch,) the inner model's reward."""
        return self.inner.reward(transitions)

    def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        """Leave the inner model as it is; nothing to log."""
        return {}
