"""What of a transition a reward model looks at."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.nn import ExtraColumn, Standardise
from genrl.transitions import Demonstrations, Transitions

__all__ = ["InputParts", "TransitionInputs", "check_demonstrations", "rows_of"]

InputParts = Literal["state", "state-action", "state-next-state", "state-action-next-state"]


class TransitionInputs(nn.Module):
    """Turns a transition into one standardised row.

    Args:
        parts: which of (s), (s, a), (s, s'), (s, a, s').
        observations: standardiser of s and s', the one that policy and value function use too.
        actions: standardiser of a.

    Raises:
        InputError: `parts` is none of the four.
    """

    def __init__(self, parts: InputParts, observations: Standardise | ExtraColumn, actions: Standardise) -> None:
        super().__init__()
        if parts not in get_args(InputParts):
            raise InputError(f"a reward model sees one of {', '.join(get_args(InputParts))}, not {parts!r}")
        names = parts.replace("next-state", "next").split("-")
        self.uses_action = "action" in names
        self.uses_next = "next" in names
        self.observations = observations
        self.actions = actions

    @property
    def out_features(self) -> int:
        """Width of a row."""
        states = self.observations.out_features * (1 + self.uses_next)
        return states + self.actions.out_features * self.uses_action

    def forward(self, transitions: Transitions) -> Tensor:
        """(batch, out_features)."""
        columns = [self.observations(transitions.observations)]
        if self.uses_action:
            columns.append(self.actions(transitions.actions))
        if self.uses_next:
            columns.append(self.observations(transitions.next_observations))
        return torch.cat(columns, dim=1)


@torch.no_grad()
def rows_of(inputs: TransitionInputs | None, transitions: Transitions) -> Tensor:
    """(batch, columns) standardised.

    Raises:
        InputError: nobody has said yet in which units.
    """
    if inputs is None:
        raise InputError("this reward model has no units yet: call take_standardisers, or give it to GAIL, which does")
    return inputs(transitions)


def check_demonstrations(parts: InputParts, demonstrations: Demonstrations) -> None:
    """Refuse to look at actions that nobody knows.

    Args:
        parts: what a reward model is going to see.
        demonstrations: what it is going to be trained on.

    Raises:
        InputError: `parts` names the action, and the demonstrations hold none.
    """
    if "action" in parts.split("-"):
        demonstrations.require_actions(f"a reward model that sees {parts}")
