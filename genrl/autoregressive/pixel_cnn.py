"""PixelCNN: all conditional distributions of an image by one stack of masked convolutions."""

from __future__ import annotations

from torch import Tensor, nn

from genrl.argument_checks import at_least
from genrl.autoregressive.autoregressive_model import AutoregressiveModel
from genrl.autoregressive.caches import EVERYWHERE, Cache, View
from genrl.autoregressive.conditions import Told
from genrl.autoregressive.heads import DiscreteOutput
from genrl.autoregressive.levels import LevelInputs
from genrl.autoregressive.masked_convolution import MaskedConvolution, groups, within
from genrl.autoregressive.ordered_sampling import Steps
from genrl.autoregressive.pixel_inputs import PixelInputs, image_shape
from genrl.autoregressive.pixel_network import PixelNetwork
from genrl.errors import InputError
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["PixelCNN"]

AROUND = 3  # the kernel of a block


class PixelCNN(AutoregressiveModel):
    """Pixels in the order of reading, each from those before it that a masked convolution reaches.

    Van den Oord et al. 2016a, section 3.5 and table 1: a 7x7 convolution of type A, residual blocks of 3x3 convolutions
    of type B, two 1x1 convolutions. Channels of a pixel follow one another. The kernels leave a blind spot on the right
    above each pixel, which `GatedPixelCNN` has not. The context, which the paper's PixelCNN has not, is added to the
    features of every block.

    Args:
        width: features between the blocks, half as many inside them; a multiple of the channels does best.
        blocks: residual blocks.
        kernel: size of the first convolution, odd.
        levels: K of pixels that are integers 0 .. K - 1; None finds it in the data.
        output: "categorical" or "logistics".
        mixtures: of "logistics".
        inputs: how the network is told pixels and context.
        dropout: fraction of the features of each block that is hidden while it is trained.
        fitting: how `fit` trains it.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.autoregressive import PixelCNN
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> left = torch.randint(4, (500, 1, 3, 1))
    >>> x = torch.cat([left, 3 - left], 3)  # the right column is the negative of the left one
    >>> quick = GradientFitting(updates=150, batch_size=64, learning_rate=0.01)
    >>> model = PixelCNN(width=16, blocks=2, kernel=3, fitting=quick).fit(x)
    >>> model.sample(2).shape
    torch.Size([2, 1, 3, 2])
    >>> bool(1.0 < model.bits_per_dim(x.float()) < 1.2)  # half of the pixels take log2(4) bits, the others none
    True
    """

    architecture = "masked convolutions; a sample takes a step for each pixel"

    def __init__(
        self,
        *,
        width: int = 64,
        blocks: int = 5,
        kernel: int = 7,
        levels: int | None = None,
        output: DiscreteOutput = "categorical",
        mixtures: int = 5,
        inputs: PixelInputs = PixelInputs(),
        dropout: float = 0.0,
        fitting: GradientFitting = GradientFitting(updates=2000, batch_size=64),
    ) -> None:
        super().__init__(levels=levels, output=output, mixtures=mixtures, fitting=fitting)
        at_least(2, width=width)
        at_least(1, blocks=blocks)
        if kernel < 1 or kernel % 2 == 0:
            raise InputError(f"kernel must be odd, not {kernel}")
        self.width = width
        self.blocks = blocks
        self.kernel = kernel
        self.inputs = inputs
        self.dropout = dropout

    def _make_network(
        self, event_shape: tuple[int, ...], context_features: int, levels: int, outputs: int
    ) -> PixelNetwork:
        shape = image_shape(event_shape, type(self).__name__)
        return _PixelCNNNetwork(
            shape,
            self.inputs.levels(shape, levels),
            self.inputs.condition(context_features, shape, self.width),
            outputs,
            width=self.width,
            blocks=self.blocks,
            kernel=self.kernel,
            dropout=self.dropout,
        )


class _Block(nn.Module):
    """Half the features, a convolution that looks around, all the features, added to what came in."""

    def __init__(self, width: int, channels: int, kernel: tuple[int, int], conditioned: bool, dropout: float) -> None:
        super().__init__()
        outer, inner = groups(width, channels), groups(width // 2, channels)
        self.narrow = MaskedConvolution.raster(outer, inner, 1, "B")
        self.around = MaskedConvolution.raster(inner, inner, kernel, "B")
        self.wide = MaskedConvolution.raster(inner, outer, 1, "B")
        self.condition = nn.Conv2d(width, width, 1, bias=False) if conditioned else None
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, x: Tensor, told: Tensor | None, view: View) -> Tensor:
        seen = x if told is None else x + view.crop(told)
        narrow = view(self.narrow, seen.relu()).relu_()
        around = self.dropout(view(self.around, narrow).relu_())
        return x + view(self.wide, around)


class _PixelCNNNetwork(PixelNetwork):
    def __init__(
        self,
        event_shape: tuple[int, int, int],
        inputs: LevelInputs,
        condition: Told | None,
        outputs: int,
        *,
        width: int,
        blocks: int,
        kernel: int,
        dropout: float,
    ) -> None:
        super().__init__(event_shape, inputs, condition, outputs)
        channels = event_shape[0]
        features = groups(width, channels)
        self.first = MaskedConvolution.raster(
            groups(inputs.outputs, channels), features, within(kernel, event_shape), "A"
        )
        size, has_context = within(AROUND, event_shape), condition is not None
        self.blocks = nn.ModuleList(_Block(width, channels, size, has_context, dropout) for _ in range(blocks))
        self.last = MaskedConvolution.raster(features, features, 1, "B")
        self.head = MaskedConvolution.raster(features, groups(channels * outputs, channels), 1, "B")

    def image(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """(rows, channels * outputs, height, width)."""
        return self.seen_from(self.first(x), self.told(condition), EVERYWHERE)

    def told(self, condition: Tensor | None) -> list[Tensor | None]:
        """What each block is told of the context."""
        blocks = [block for block in self.blocks if isinstance(block, _Block)]
        return [None if block.condition is None else block.condition(condition) for block in blocks]

    def seen_from(self, found: Tensor, told: list[Tensor | None], view: View) -> Tensor:
        """The same at the places of a view, from what the first convolution found there."""
        for block, told_here in zip(self.blocks, told, strict=True):
            found = block(found, told_here, view)
        return view(self.head, view(self.last, found.relu()).relu_())

    def steps(self, x: Tensor, context: Tensor | None, start: int) -> Steps:
        """Pixel by pixel."""
        return _PixelCNNSteps(self, x, context)


class _PixelCNNSteps:
    """The activations of each pixel, once for each of its channels."""

    def __init__(self, network: _PixelCNNNetwork, x: Tensor, context: Tensor | None) -> None:
        self.network, self.cache, self.x = network, Cache(), network.pixels(x).clone()
        self.told = network.told(network.conditioned(context))
        network.seen_from(self.cache(network.first, network.inputs(self.x)), self.told, self.cache)

    def numbers(self, place: int) -> Tensor:
        """(rows, outputs)."""
        pixel, channel = divmod(place, self.x.shape[1])
        here = self.cache.at(*divmod(pixel, self.x.shape[3]))
        found = self.network.seen_from(here.again(self.network.first), self.told, here)
        return self.network.of_channel(found, channel)

    def put(self, place: int, values: Tensor) -> None:
        """(rows,)."""
        pixel, channel = divmod(place, self.x.shape[1])
        row, column = divmod(pixel, self.x.shape[3])
        self.x[:, channel, row, column] = values
        self.cache.at(row, column).put(self.network.first, self.network.inputs(self.x[:, :, row, column]))
