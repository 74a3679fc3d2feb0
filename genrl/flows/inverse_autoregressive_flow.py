"""Inverse autoregressive flows: fast to sample, sequential to evaluate."""

from __future__ import annotations

from genrl.argument_checks import at_least
from genrl.flows.autoregressive import Inverted, MaskedAffine
from genrl.flows.flow import Flow
from genrl.flows.latent import BaseName
from genrl.flows.shuffle import turned
from genrl.flows.transform import Transform
from genrl.nn import Activation
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["InverseAutoregressiveFlow"]


class InverseAutoregressiveFlow(Flow):
    """The masked autoregressive flow turned round (Kingma et al. 2016): the noise before decides, not the data.

    A sample and its density are one pass, which suits a posterior or a student (`distil`). The density of a row that
    is given takes one step for each column, and so does a gradient step of `fit`.

    Args:
        transforms: how many.
        hidden: widths of each transform's masked network, at least one.
        activation: of those networks.
        base: "normal" or the robust "student_t".
        fitting: settings of the fit.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from genrl.flows import InverseAutoregressiveFlow
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x = torch.randn(1000, 1).repeat(1, 2) + 0.3 * torch.randn(1000, 2)
    >>> flow = InverseAutoregressiveFlow(transforms=2, fitting=GradientFitting(updates=40)).fit(x)
    >>> samples, log_densities = flow.rsample_with_log_prob(5)
    >>> torch.allclose(flow.log_prob(samples), log_densities, atol=1e-3)
    True
    >>> with TemporaryDirectory() as folder:
    ...     flow.save(folder)
    ...     InverseAutoregressiveFlow.load(folder).sample(5).shape
    torch.Size([5, 2])
    """

    architecture = "masked; a density takes a pass for each column"

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
            transform = MaskedAffine(features, context_features, hidden=self.hidden, activation=self.activation)
            return Inverted(transform)

        return turned(layer, event_shape, self.transforms)
