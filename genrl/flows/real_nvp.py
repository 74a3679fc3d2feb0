"""Affine coupling flows."""

from __future__ import annotations

from genrl.argument_checks import at_least
from genrl.flows.conditioner import Conditioner
from genrl.flows.coupling import AffineCoupling, sizes
from genrl.flows.flow import Flow
from genrl.flows.latent import BaseName
from genrl.flows.shuffle import shuffled
from genrl.flows.transform import Transform
from genrl.nn import Activation
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["RealNVP"]


class RealNVP(Flow):
    """A stack of affine couplings (Dinh et al. 2017), fast in both directions.

    Departures from the paper: rows are plain, so there are no checkerboards and no scales (see `Glow`); halves change
    places after each coupling and columns are shuffled after each second one; no batch normalisation.

    Args:
        transforms: couplings.
        hidden: widths of each coupling's network.
        activation: of those networks.
        base: "normal" or the robust "student_t".
        fitting: settings of the fit.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from genrl.flows import RealNVP
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x = torch.randn(1000, 1).repeat(1, 2) + 0.3 * torch.randn(1000, 2)
    >>> flow = RealNVP(transforms=4, fitting=GradientFitting(updates=60)).fit(x)
    >>> bool(flow.log_prob(torch.tensor([[1.0, 1.0]])) > flow.log_prob(torch.tensor([[1.0, -1.0]])))
    True
    >>> with TemporaryDirectory() as folder:
    ...     flow.save(folder)
    ...     RealNVP.load(folder).sample((3, 2)).shape
    torch.Size([3, 2, 2])
    """

    architecture = "invertible: half the columns scale and shift the other half"

    def __init__(
        self,
        *,
        transforms: int = 8,
        hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "relu",
        base: BaseName = "normal",
        fitting: GradientFitting = GradientFitting(),
    ) -> None:
        super().__init__(base=base, fitting=fitting)
        at_least(1, transforms=transforms, hidden=hidden)
        self.transforms = transforms
        self.hidden = tuple(hidden)
        self.activation = activation

    def _transforms(self, event_shape: tuple[int, ...], context_features: int) -> list[Transform]:
        def coupling(features: int) -> Transform:
            kept, changed = sizes(features)
            network = Conditioner(kept, context_features, 2 * changed, self.hidden, self.activation)
            return AffineCoupling(features, network)

        return shuffled(coupling, event_shape, self.transforms)
