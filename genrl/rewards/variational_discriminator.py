"""A discriminator behind a bottleneck of information, as variational adversarial imitation (VAIL) has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genrl.autoencoders.gaussians import kl_divergence, reparameterise
from genrl.errors import InputError
from genrl.nn import Activation, mlp
from genrl.rewards.discriminator import Judgement
from genrl.rewards.inputs import TransitionInputs
from genrl.transitions import Transitions

__all__ = ["Bottleneck", "VariationalDiscriminator"]

LEAST_LOG_STD, GREATEST_LOG_STD = -7.0, 2.0  # of a code; the prior's is 0


@dataclass(frozen=True, kw_only=True)
class Bottleneck:
    """How much a discriminator may know of what it judges.

    Raises:
        InputError: a number is out of its range.
    """

    codes: int = 16
    """Columns of the code."""
    information: float = 0.5
    """Nats about a row that its code may hold on average (the paper's I_c)."""
    dual_step: float = 0.01
    """Step size of beta, the price of a nat; the paper has 1e-5, and thousands of times as many steps."""

    def __post_init__(self) -> None:
        if self.codes < 1 or not self.information >= 0 or not self.dual_step > 0:
            raise InputError(
                "a bottleneck needs 1 or more codes, an information of 0 or more and a dual_step above 0, not "
                f"{self.codes}, {self.information} and {self.dual_step}"
            )


class VariationalDiscriminator(nn.Module):
    """Logit of D, read off a noisy code of the transition that is held to few nats (Peng et al. 2019, section 4).

    An encoder turns a row into a Gaussian over codes, and the logit is linear in a draw of it. The mean divergence of
    these Gaussians from a standard normal, which bounds what the code knows of the row, is held at the bottleneck's
    `information` by a price `beta`, which rises while it is above and falls while it is below. So the two sides stay
    hard to tell apart, and the logit keeps a slope where a free discriminator would be sure.

    Only training draws codes. Whoever asks for a logit gets that of the mean code (section 4.1), a function of the row.

    Departures from the paper: beta starts at 0; `AdversarialReward` chooses the objective, the gradient penalty, which
    is that of the mean code, and the form in which the logit is paid.

    Args:
        inputs: what of a transition is seen.
        hidden: widths of the encoder's hidden layers.
        activation: between them.
        spectral: constrain each of the encoder's layers' largest singular value to 1.
        bottleneck: how narrow.

    >>> from genrl.nn import Standardise
    >>> inputs = TransitionInputs("state", Standardise.identity(3), Standardise.identity(1))
    >>> discriminator = VariationalDiscriminator(inputs, bottleneck=Bottleneck(codes=2))
    >>> judged = discriminator.judge(torch.randn(8, 3))
    >>> judged.logits.shape, sorted(judged.metrics)
    (torch.Size([8]), ['beta', 'divergence'])
    """

    beta: Tensor

    def __init__(
        self,
        inputs: TransitionInputs,
        *,
        hidden: Sequence[int] = (64, 64),
        activation: Activation = "tanh",
        spectral: bool = False,
        bottleneck: Bottleneck = Bottleneck(),
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.bottleneck = bottleneck
        widths = [inputs.out_features, *hidden, 2 * bottleneck.codes]
        self.encoder = mlp(widths, activation=activation, spectral=spectral)
        self.network = mlp([bottleneck.codes, 1], zero_output=True)
        self.register_buffer("beta", torch.zeros(()))

    def logits_of_inputs(self, rows: Tensor) -> Tensor:
        """(batch,) of the mean codes of rows that `inputs` made."""
        mean, _ = self._code(rows)
        return self.network(mean).squeeze(-1)

    def judge(self, rows: Tensor) -> Judgement:
        """The logits of drawn codes, and the price of what the codes know: beta (divergence - information)."""
        mean, log_std = self._code(rows)
        divergence = kl_divergence(mean, log_std).sum(1).mean()
        return Judgement(
            logits=self.network(reparameterise(mean, log_std, torch.randn_like(mean))).squeeze(-1),
            cost=self.beta * (divergence - self.bottleneck.information),
            metrics={"divergence": divergence.item(), "beta": self.beta.item()},
        )

    def after_step(self, judgement: Judgement) -> None:
        """Let beta climb its own gradient, never below 0."""
        excess = judgement.metrics["divergence"] - self.bottleneck.information
        self.beta.add_(self.bottleneck.dual_step * excess).clamp_(min=0)

    def forward(self, transitions: Transitions) -> Tensor:
        """(batch,) logits; high means the expert's."""
        return self.logits_of_inputs(self.inputs(transitions))

    def _code(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-deviation, (batch, codes) each."""
        mean, log_std = self.encoder(rows).chunk(2, 1)
        return mean, log_std.clamp(LEAST_LOG_STD, GREATEST_LOG_STD)
