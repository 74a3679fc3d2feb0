"""The discriminator: a small network that tells the expert's transitions from the learner's."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from genrl.nn import Activation, mlp
from genrl.rewards.inputs import TransitionInputs
from genrl.transitions import Transitions

__all__ = ["Discriminator"]


class Discriminator(nn.Module):
    """Logit of the probability D that a transition is the expert's; 0 everywhere before training.

    Args:
        inputs: what of a transition is seen.
        hidden: widths of the hidden layers.
        activation: between them.
        spectral: constrain each hidden layer's largest singular value to 1.
    """

    def __init__(
        self,
        inputs: TransitionInputs,
        *,
        hidden: Sequence[int] = (64, 64),
        activation: Activation = "tanh",
        spectral: bool = False,
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.network = mlp(
            [inputs.out_features, *hidden, 1], activation=activation, spectral=spectral, zero_output=True
        )

    def logits_of_inputs(self, rows: Tensor) -> Tensor:
        """(batch,) for rows that `inputs` made."""
        return self.network(rows).squeeze(-1)

    def forward(self, transitions: Transitions) -> Tensor:
        """(batch,) logits; high means the expert's."""
        return self.logits_of_inputs(self.inputs(transitions))
