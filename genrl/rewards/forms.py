"""Rewards as functions of the discriminator's logit h = log D - log(1 - D); high logits mean "expert".

With an optimal discriminator h = log(expert density / learner density), so each form is a function of the
density ratio and makes the learner minimise one divergence. The sign decides what a form teaches about ending an
episode: a reward that is never negative pays for staying alive, one that is never positive pays for dying early.

Not every discriminator gives that logit: `paid_on_output` says what a form means for the output of another objective.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from genrl.errors import InputError
from genrl.gans.objectives import Objective

__all__ = ["RewardForm", "airl", "fairl", "gail", "log_d", "paid_on_output", "raw"]

RewardForm = Callable[[Tensor], Tensor]


def gail(logits: Tensor) -> Tensor:
    """-log(1 - D) = softplus(h), never negative: for tasks whose episodes should last (Ho & Ermon 2016).

    Minimises the Jensen-Shannon divergence. Flat where D is sure that a step is the learner's.

    >>> gail(torch.tensor([0.0]))
    tensor([0.6931])
    """
    return F.softplus(logits)


def log_d(logits: Tensor) -> Tensor:
    """Log D = -softplus(-h), never positive: for tasks whose episodes should end soon (Ho & Ermon 2016)."""
    return -F.softplus(-logits)


def airl(logits: Tensor) -> Tensor:
    """Log D - log(1 - D) = h, of either sign: the sum of the two above (Fu et al. 2018, section 4).

    In expectation under the learner it is minus the reverse KL divergence to the expert: while the learner is told
    apart from the expert, its average step is a cost, and ending the episode soon is the cheapest.
    """
    return logits


def fairl(logits: Tensor) -> Tensor:
    """-h exp(h): the forward KL divergence, E_expert[-h] by importance weights (Ghasemipour et al. 2019, table 1).

    Positive where the learner goes too often (h < 0), steeply negative where the expert goes far more often than the
    learner; exp(h) is limited at h = 10, where a step would otherwise outweigh a whole batch.

    Its sign is turned round: alone of all forms, it pays a step less the more it looks like the expert's (from h = -1
    on). A learner gains by spreading out, until h is 0 wherever the expert goes; it does not climb from step to step.
    """
    return -logits * torch.exp(logits.clamp(max=10.0))


def raw(outputs: Tensor) -> Tensor:
    """The discriminator's output as it is, whatever it was trained by, for `StandardisedReward` to put on a scale.

    Standardising takes out an arbitrary zero and scale, so it asks for no log ratio.
    """
    return outputs


def paid_on_output(form: RewardForm, objective: Objective) -> RewardForm:
    """`form` as a function of what a discriminator trained by `objective` gives out.

    - Cross-entropy: the output is the logit, and every form is what it says.
    - Least squares: `raw` pays the output, about -1 to 1; the other forms pay the logit that it stands for.
    - Wasserstein: `raw` and `airl` pay the critic's height. Its zero is arbitrary, and with it whether an average step
      is worth living for: standardise it, or use absorbing states. The other forms are refused, for there is no D.
    - Hinge: likewise, but the margin's zero is where both sides are as likely, and beyond it lies little more than 1:
      paid as it is, an average step costs something while the learner is told apart, as with `airl` of a logit.

    A gradient penalty pulls the output's slope towards its own target and so away from the log ratio. Where the two
    sides are hardly apart, least squares with a penalty towards norm 1 gives log ratios several times too large, and
    `fairl`, which is exponential in them, is the first to suffer.

    Raises:
        InputError: the form needs the log ratio, and the objective does not give it.

    >>> from genrl.gans.objectives import LEAST_SQUARES
    >>> paid_on_output(log_d, LEAST_SQUARES)(torch.tensor([0.5]))  # log 3/4
    tensor([-0.2877])
    """
    to_log_ratio = objective.log_ratio
    if form is raw:
        return form
    if to_log_ratio is not None:
        return lambda outputs: form(to_log_ratio(outputs))
    if form is airl:
        return form
    raise InputError(
        "the output of a Wasserstein critic or a hinge is no log ratio, and the reward form needs one: use the forms "
        "logit or airl with it, or the objectives gan or lsgan"
    )
