"""Masked autoregressive flows: fast to evaluate, sequential to sample."""

from __future__ import annotations

from genrl.argument_checks import at_least
from genrl.flows.autoregressive import MaskedAffine
from genrl.flows.flow import Flow
from genrl.flows.latent import BaseName
from genrl.flows.shuffle import turned
from genrl.flows.transform import Transform
from genrl.nn import Activation
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["MaskedAutoregressiveFlow"]


class MaskedAutoregressiveFlow(Flow):
    """A stack of autoregressive affine transforms, the order of columns reversed after each (Papamakarios et al. 2017).

    `log_prob` is one pass; a sample takes one step for each column, in which each hidden unit is computed once.
    Departure from the paper: no batch normalisation between the transforms.

    Args:
        transforms: how many.
        hidden: widths of each transform's masked network, at least one.
        activation: of those networks.
        base: "normal" or the robust "student_t".
        fitting: settings of the fit.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.flows import MaskedAutoregressiveFlow
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> c = torch.randn(1000, 1)
    >>> x = c.repeat(1, 2) + 0.3 * torch.randn(1000, 2)
    >>> flow = MaskedAutoregressiveFlow(transforms=2, fitting=GradientFitting(updates=60)).fit(x, context=c)
    >>> flow.sample(5, torch.tensor([[-1.0], [1.0]])).shape
    torch.Size([5, 2, 2])
    >>> here = torch.ones(1, 2)
    >>> bool(flow.log_prob(here, torch.tensor([[1.0]])) > flow.log_prob(here, torch.tensor([[-1.0]])))
    True
    """

    architecture = "masked; a sample takes a pass for each column"

    def __init__(
        self,
        *,
        transforms: int = 5,
        hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "relu",
        base: BaseName = "normal",
        fitting: GradientFitting = GradientFitting(),
    ) -> None:
        super().__init__(base=base, fitting=fitting)
        at_least(1, transforms=transforms, hidden=hidden, layers_in_hidden=len(hidden))
        self.transforms = transforms
        self.hidden = tuple(hidden)
        self.activation = activation

    def _transforms(self, event_shape: tuple[int, ...], context_features: int) -> list[Transform]:
        def layer(features: int) -> Transform:
            return MaskedAffine(features, context_features, hidden=self.hidden, activation=self.activation)

        return turned(layer, event_shape, self.transforms)
