"""Spline coupling flows."""

from __future__ import annotations

from genrl.argument_checks import at_least
from genrl.errors import InputError
from genrl.flows.coupling import SplineCoupling
from genrl.flows.flow import Flow
from genrl.flows.latent import BaseName
from genrl.flows.shuffle import shuffled
from genrl.flows.transform import Transform
from genrl.nn import Activation
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["NeuralSplineFlow"]


class NeuralSplineFlow(Flow):
    """A stack of rational-quadratic spline couplings (Durkan et al. 2019): the default flow.

    One pass in either direction, and flexible enough for several modes. Outside the box the splines are the identity,
    so that no input is out of range. Departures from the paper: the networks have no residual blocks, and columns are
    shuffled rather than mixed by a linear layer.

    Args:
        transforms: couplings.
        hidden: widths of each coupling's network.
        activation: of those networks.
        bins: of each spline.
        box: half the side of the box, in deviations of the data.
        base: "normal" or the robust "student_t".
        fitting: settings of the fit.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from genrl.flows import NeuralSplineFlow
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x = torch.cat([torch.randn(500, 2) - 4.0, torch.randn(500, 2) + 4.0])
    >>> flow = NeuralSplineFlow(transforms=2, fitting=GradientFitting(updates=60)).fit(x)
    >>> bool(flow.log_prob(torch.tensor([[4.0, 4.0]])) > flow.log_prob(torch.tensor([[0.0, 0.0]])))
    True
    >>> with TemporaryDirectory() as folder:
    ...     flow.save(folder)
    ...     NeuralSplineFlow.load(folder).sample(5).shape
    torch.Size([5, 2])
    """

    architecture = "invertible: half the columns bend the other half"

    def __init__(
        self,
        *,
        transforms: int = 4,
        hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "relu",
        bins: int = 8,
        box: float = 5.0,
        base: BaseName = "normal",
        fitting: GradientFitting = GradientFitting(),
    ) -> None:
        super().__init__(base=base, fitting=fitting)
        at_least(1, transforms=transforms, hidden=hidden)
        if bins < 2:
            raise InputError(f"bins must be 2 or more, not {bins}")
        if not box > 0:
            raise InputError(f"box must be above 0, not {box}")
        self.transforms = transforms
        self.hidden = tuple(hidden)
        self.activation = activation
        self.bins = bins
        self.box = box

    def _transforms(self, event_shape: tuple[int, ...], context_features: int) -> list[Transform]:
        def coupling(features: int) -> Transform:
            return SplineCoupling(
                features,
                context_features,
                hidden=self.hidden,
                activation=self.activation,
                bins=self.bins,
                box=self.box,
            )

        return shuffled(coupling, event_shape, self.transforms)
