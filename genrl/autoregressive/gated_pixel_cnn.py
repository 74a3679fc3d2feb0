"""The gated PixelCNN: two stacks, one for the rows above and one for the own row, that leave no blind spot."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.argument_checks import at_least
from genrl.autoregressive.autoregressive_model import AutoregressiveModel
from genrl.autoregressive.caches import EVERYWHERE, Cache, View
from genrl.autoregressive.conditions import Told
from genrl.autoregressive.heads import DiscreteOutput
from genrl.autoregressive.levels import LevelInputs
from genrl.autoregressive.masked_convolution import MaskedConvolution, MaskType, groups, within
from genrl.autoregressive.ordered_sampling import Steps
from genrl.autoregressive.pixel_inputs import PixelInputs, image_shape
from genrl.autoregressive.pixel_network import PixelNetwork
from genrl.errors import InputError
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["GatedPixelCNN"]


class GatedPixelCNN(AutoregressiveModel):
    """Pixels in the order of reading, each from all before it that are near enough.

    Van den Oord et al. 2016b: a vertical stack sees the rows above, a horizontal one the own row and, in every layer,
    the vertical stack (figure 2); gates take the place of rectifiers (equation 2), and the context is told to every
    gate (equations 4 and 5). Departures: the vertical stack is shifted by a row at its input rather than where it
    joins the horizontal one, which is the same function class and needs no masks; dropout.

    Args:
        width: features of each stack; a multiple of the channels does best.
        layers: of each stack.
        kernel: of the convolutions, odd; a layer reaches half of it upwards and to the sides.
        levels: K of pixels that are integers 0 .. K - 1; None finds it in the data.
        output: "categorical" or "logistics".
        mixtures: of "logistics".
        inputs: how the network is told pixels and context.
        relative: the logistics lie about the pixel above, not about the middle level: of images whose rows are times,
            in which a pixel is near the one before it.
        dropout: fraction of the features of each gate that is hidden while it is trained.
        fitting: how `fit` trains it.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.autoregressive import GatedPixelCNN
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x = torch.randint(2, (500, 1, 1, 1)).expand(-1, -1, 2, 3)  # all pixels alike: one bit for six
    >>> quick = GradientFitting(updates=100, batch_size=64, learning_rate=0.01)
    >>> model = GatedPixelCNN(width=8, layers=2, fitting=quick).fit(x)
    >>> round(6 * model.bits_per_dim(x.float()), 1)
    1.0
    >>> known = torch.tensor([[True, False, False], [False, False, False]])[None]
    >>> model.complete(torch.ones(1, 1, 2, 3), known).tolist()
    [[[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]]]
    """

    architecture = "masked convolutions; a sample takes a step for each pixel"

    def __init__(
        self,
        *,
        width: int = 32,
        layers: int = 6,
        kernel: int = 3,
        levels: int | None = None,
        output: DiscreteOutput = "categorical",
        mixtures: int = 5,
        inputs: PixelInputs = PixelInputs(),
        relative: bool = False,
        dropout: float = 0.0,
        fitting: GradientFitting = GradientFitting(updates=2000, batch_size=64),
    ) -> None:
        super().__init__(levels=levels, output=output, mixtures=mixtures, fitting=fitting)
        if relative and (output != "logistics" or inputs.embedding is not None):
            raise InputError(
                "relative pixels are grey values: it takes output='logistics', and inputs without embedding"
            )
        at_least(1, width=width, layers=layers)
        if kernel < 3 or kernel % 2 == 0:
            raise InputError(f"kernel must be odd, and 3 or more, not {kernel}")
        self.width = width
        self.layers = layers
        self.kernel = kernel
        self.inputs = inputs
        self.relative = relative
        self.dropout = dropout

    def _make_network(
        self, event_shape: tuple[int, ...], context_features: int, levels: int, outputs: int
    ) -> PixelNetwork:
        shape = image_shape(event_shape, type(self).__name__)
        return _GatedNetwork(
            shape,
            self.inputs.levels(shape, levels),
            self.inputs.condition(context_features, shape, self.width),
            outputs,
            width=self.width,
            layers=self.layers,
            kernel=self.kernel,
            relative=self.relative,
            dropout=self.dropout,
        )


class _Layer(nn.Module):
    """Both stacks of figure 2, one layer.

    Args:
        inputs: (features,) the channel that each feature which comes in is about.
        width: features of each stack.
        channels: of the image.
        kernel: odd height and width.
        mask_type: A in the first layer, whose input is the image.
        conditioned: there is a context.
        dropout: fraction of the gated features.
    """

    def __init__(
        self,
        inputs: Tensor,
        width: int,
        channels: int,
        kernel: tuple[int, int],
        mask_type: MaskType,
        conditioned: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        features, gates = groups(width, channels), groups(width, channels, 2)
        self.is_first = mask_type == "A"
        self.vertical = MaskedConvolution.vertical(len(inputs), 2 * width, kernel)
        self.join = nn.Conv2d(2 * width, 2 * width, 1)
        self.horizontal = MaskedConvolution.horizontal(inputs, gates, kernel[1] // 2, mask_type)
        self.mix = MaskedConvolution.raster(features, features, 1, "B")
        self.conditions = nn.Conv2d(width, 4 * width, 1, bias=False) if conditioned else None
        self.dropout = nn.Dropout(dropout)

    def above(self, x: Tensor, told: Tensor | None, view: View) -> tuple[Tensor, Tensor]:
        """The features of the vertical stack, and what they tell the horizontal one."""
        found = view(self.vertical, x)
        gates = found if told is None else found + view.crop(told)
        return gated(gates), self.join(found)

    def along(self, x: Tensor, from_above: Tensor, told: Tensor | None, view: View) -> Tensor:
        """The features of the horizontal stack."""
        gates = view(self.horizontal, x) + view.crop(from_above)
        if told is not None:
            gates = gates + view.crop(told)
        found = view(self.mix, self.dropout(gated(gates)))
        return found if self.is_first else x + found


def gated(x: Tensor) -> Tensor:
    """Equation 2: half of the features, each let through by its gate."""
    features, gates = x.chunk(2, 1)
    return features.tanh() * gates.sigmoid()


class _GatedNetwork(PixelNetwork):
    def __init__(
        self,
        event_shape: tuple[int, int, int],
        inputs: LevelInputs,
        condition: Told | None,
        outputs: int,
        *,
        width: int,
        layers: int,
        kernel: int,
        relative: bool,
        dropout: float,
    ) -> None:
        super().__init__(event_shape, inputs, condition, outputs)
        self.relative = relative
        channels, has_context = event_shape[0], condition is not None
        features = groups(width, channels)
        seen = groups(inputs.outputs, channels)
        size = within(kernel, event_shape)
        first = _Layer(seen, width, channels, size, "A", has_context, dropout)
        later = (_Layer(features, width, channels, size, "B", has_context, dropout) for _ in range(layers - 1))
        self.layers = nn.ModuleList([first, *later])
        self.last = MaskedConvolution.raster(features, features, 1, "B")
        self.head = MaskedConvolution.raster(features, groups(channels * outputs, channels), 1, "B")

    def image(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """(rows, channels * outputs, height, width)."""
        told = self.told(condition)
        rows_before = F.pad(x, (0, 0, 1, 0))[:, :, :-1]
        found = self.along(x, self.above(rows_before, told, EVERYWHERE), told, EVERYWHERE)
        return self.about(rows_before, found) if self.relative else found

    def told(self, condition: Tensor | None) -> list[tuple[Tensor | None, Tensor | None]]:
        """What the vertical and the horizontal gates of each layer are told of the context."""
        layers = [layer for layer in self.layers if isinstance(layer, _Layer)]
        return [
            (None, None) if layer.conditions is None else tuple(layer.conditions(condition).chunk(2, 1))
            for layer in layers
        ]

    def above(self, x: Tensor, told: list[tuple[Tensor | None, Tensor | None]], view: View) -> list[Tensor]:
        """What the vertical stack tells each layer of the horizontal one; x holds, in each row, the pixels above it."""
        found = []
        for layer, (told_here, _) in zip(self.layers, told, strict=True):
            assert isinstance(layer, _Layer)
            x, joined = layer.above(x, told_here, view)
            found.append(joined)
        return found

    def along(
        self, x: Tensor, above: list[Tensor], told: list[tuple[Tensor | None, Tensor | None]], view: View
    ) -> Tensor:
        """The horizontal stack, and the numbers of the head."""
        for layer, from_above, (_, told_here) in zip(self.layers, above, told, strict=True):
            assert isinstance(layer, _Layer)
            x = layer.along(x, from_above, told_here, view)
        return view(self.head, F.relu(view(self.last, F.relu(x))))

    def about(self, above: Tensor, found: Tensor) -> Tensor:
        """The head's numbers, whose means are told as distances from the (rows, channels, ...) pixels above."""
        weights, means, log_scales = found.unflatten(1, (self.event_shape[0], 3, -1)).unbind(2)
        return torch.stack([weights, means + above.unsqueeze(2), log_scales], 2).flatten(1, 3)

    def steps(self, x: Tensor, context: Tensor | None, start: int) -> Steps:
        """Pixel by pixel."""
        return _GatedSteps(self, x, context)


class _GatedSteps:
    """One row of the vertical stack for each row, one column of the horizontal one for each pixel."""

    def __init__(self, network: _GatedNetwork, x: Tensor, context: Tensor | None) -> None:
        self.network, self.x = network, network.pixels(x).clone()
        self.rows, self.columns = Cache(), Cache()
        self.told = network.told(network.conditioned(context))
        seen = network.inputs(self.x)
        self.above = network.above(F.pad(seen, (0, 0, 1, 0))[:, :, :-1], self.told, self.rows)
        network.along(seen, self.above, self.told, self.columns)

    def numbers(self, place: int) -> Tensor:
        """(rows, outputs)."""
        pixel, channel = divmod(place, self.x.shape[1])
        row, column = divmod(pixel, self.x.shape[3])
        if row and not column and not channel:
            self._next_row(row)
        view = self.columns.at(row, column)
        found = self.network.along(self._told(row, column), self.above, self.told, view)
        if self.network.relative and row:
            found = self.network.about(self._told(row - 1, column), found)
        return self.network.of_channel(found, channel)

    def put(self, place: int, values: Tensor) -> None:
        """(rows,)."""
        pixel, channel = divmod(place, self.x.shape[1])
        row, column = divmod(pixel, self.x.shape[3])
        self.x[:, channel, row, column] = values
        first = self.network.layers[0]
        assert isinstance(first, _Layer)
        self.columns.at(row, column).put(first.horizontal, self._told(row, column))

    def _next_row(self, row: int) -> None:
        """The vertical stack, now that the row above is known."""
        width = self.x.shape[3]
        seen = self.network.inputs(self.x[:, :, row - 1 : row])
        found = self.network.above(seen, self.told, self.rows.at_row(row, width))
        for whole, here in zip(self.above, found, strict=True):
            whole[:, :, row : row + 1] = here

    def _told(self, row: int, column: int) -> Tensor:
        """The network's inputs of one pixel."""
        found: Tensor = self.network.inputs(self.x[:, :, row, column])
        return found
