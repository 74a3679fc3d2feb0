"""The discriminator: a small network that tells the expert's transitions from the learner's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from genrl.nn import Activation, mlp
from genrl.rewards.inputs import TransitionInputs
from genrl.transitions import Transitions

__all__ = ["Discriminator", "Judgement"]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a discriminator makes of rows while it is trained.

    Attributes:
        logits: (batch,), which the objective is a function of.
        cost: added to the objective, beside it.
        metrics: to be logged.
    """

    logits: Tensor
    cost: Tensor | float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)


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

    def judge(self, rows: Tensor) -> Judgement:
        """What a gradient step on these rows is to be made of: the logits and nothing else."""
        return Judgement(logits=self.logits_of_inputs(rows))

    def after_step(self, judgement: Judgement) -> None:
        """Called after a gradient step with what it was made of: nothing is left to do."""

    def forward(self, transitions: Transitions) -> Tensor:
        """(batch,) logits; high means the expert's."""
        return self.logits_of_inputs(self.inputs(transitions))
