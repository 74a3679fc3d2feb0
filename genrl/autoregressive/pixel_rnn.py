"""PixelRNN: images by two-dimensional recurrent networks."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from genrl.argument_checks import at_least, one_of
from genrl.autoregressive.autoregressive_model import AutoregressiveModel
from genrl.autoregressive.conditions import Told
from genrl.autoregressive.heads import DiscreteOutput
from genrl.autoregressive.levels import LevelInputs
from genrl.autoregressive.lstm import DiagonalBiLSTM, RowLSTM
from genrl.autoregressive.masked_convolution import MaskedConvolution, groups, within
from genrl.autoregressive.ordered_sampling import Steps
from genrl.autoregressive.pixel_inputs import PixelInputs, image_shape
from genrl.autoregressive.pixel_network import PixelNetwork
from genrl.errors import InputError
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["PixelRNN"]


class PixelRNN(AutoregressiveModel):
    """Pixels in the order of reading, each from the states of a recurrent network that went over those before it.

    Van den Oord et al. 2016a, sections 3.1 to 3.3 and table 1: a convolution of type A, recurrent layers with residual
    connections, two 1x1 convolutions. A sample evaluates, for each pixel, the rows down to its own: where speed matters
    take `GatedPixelCNN`. The paper's multi-scale model is `MultiScale` of two of these.

    Args:
        recurrence: "row", which sees a triangle above each pixel, or "diagonal", which sees all that was read.
        width: features of a state, twice as many between the layers; a multiple of the channels does best.
        layers: recurrent ones.
        kernel: size of the first convolution, odd.
        levels: K of pixels that are integers 0 .. K - 1; None finds it in the data.
        output: "categorical" or "logistics".
        mixtures: of "logistics".
        inputs: how the network is told pixels and context.
        fitting: how `fit` trains it.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.autoregressive import PixelRNN
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x = torch.randint(2, (500, 1, 1, 1)).expand(-1, -1, 2, 2)  # all pixels alike: one bit for four
    >>> quick = GradientFitting(updates=60, batch_size=64, learning_rate=0.02)
    >>> model = PixelRNN(width=8, layers=1, kernel=3, fitting=quick).fit(x)
    >>> bool(0.9 < 4 * model.bits_per_dim(x.float()) < 1.2)
    True
    """

    architecture = "recurrent over two dimensions; a sample takes a step for each pixel"

    def __init__(
        self,
        *,
        recurrence: Literal["row", "diagonal"] = "diagonal",
        width: int = 16,
        layers: int = 2,
        kernel: int = 7,
        levels: int | None = None,
        output: DiscreteOutput = "categorical",
        mixtures: int = 5,
        inputs: PixelInputs = PixelInputs(),
        fitting: GradientFitting = GradientFitting(updates=2000, batch_size=64),
    ) -> None:
        super().__init__(levels=levels, output=output, mixtures=mixtures, fitting=fitting)
        one_of(("row", "diagonal"), recurrence=recurrence)
        at_least(1, width=width, layers=layers)
        if kernel < 1 or kernel % 2 == 0:
            raise InputError(f"kernel must be odd, not {kernel}")
        self.recurrence: Literal["row", "diagonal"] = recurrence
        self.width = width
        self.layers = layers
        self.kernel = kernel
        self.inputs = inputs

    def _make_network(
        self, event_shape: tuple[int, ...], context_features: int, levels: int, outputs: int
    ) -> PixelNetwork:
        shape = image_shape(event_shape, type(self).__name__)
        return _PixelRNNNetwork(
            shape,
            self.inputs.levels(shape, levels),
            self.inputs.condition(context_features, shape, 2 * self.width),
            outputs,
            kind=RowLSTM if self.recurrence == "row" else DiagonalBiLSTM,
            width=self.width,
            layers=self.layers,
            kernel=self.kernel,
        )


class _PixelRNNNetwork(PixelNetwork):
    def __init__(
        self,
        event_shape: tuple[int, int, int],
        inputs: LevelInputs,
        condition: Told | None,
        outputs: int,
        *,
        kind: type[RowLSTM] | type[DiagonalBiLSTM],
        width: int,
        layers: int,
        kernel: int,
    ) -> None:
        super().__init__(event_shape, inputs, condition, outputs)
        channels = event_shape[0]
        state, features = groups(width, channels), groups(2 * width, channels)
        self.first = MaskedConvolution.raster(
            groups(inputs.outputs, channels), features, within(kernel, event_shape), "A"
        )
        self.states = nn.ModuleList(kind(2 * width, width, channels, inputs.outputs) for _ in range(layers))
        self.widen = nn.ModuleList(MaskedConvolution.raster(state, features, 1, "B") for _ in range(layers))
        self.last = MaskedConvolution.raster(features, features, 1, "B")
        self.head = MaskedConvolution.raster(features, groups(channels * outputs, channels), 1, "B")

    def image(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """(rows, channels * outputs, height, width); fewer rows than an image has are the upper ones of it."""
        found = self.first(x)
        for states, widen in zip(self.states, self.widen, strict=True):
            told = found if condition is None else found + condition[:, :, : x.shape[2]]
            found = found + widen(states(told, x))
        return self.head(F.relu(self.last(F.relu(found))))

    def steps(self, x: Tensor, context: Tensor | None, start: int) -> Steps:
        """Pixel by pixel."""
        return _UpperRows(self, x, context)


class _UpperRows:
    """The whole network for each value, but of no row below its own."""

    def __init__(self, network: _PixelRNNNetwork, x: Tensor, context: Tensor | None) -> None:
        self.network, self.x = network, network.pixels(x).clone()
        self.condition = network.conditioned(context)

    def numbers(self, place: int) -> Tensor:
        """(rows, outputs)."""
        channels, _, width = self.network.event_shape
        rows = place // (channels * width) + 1
        found = self.network.image(self.network.inputs(self.x[:, :, :rows]), self.condition)
        return self.network.in_order(found)[:, place]

    def put(self, place: int, values: Tensor) -> None:
        """(rows,)."""
        pixel, channel = divmod(place, self.x.shape[1])
        row, column = divmod(pixel, self.x.shape[3])
        self.x[:, channel, row, column] = values
