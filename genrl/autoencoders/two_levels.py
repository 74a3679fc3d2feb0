"""Networks of an autoencoder with two grids of codes, a coarse one on top of a fine one."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from genrl.autoencoders.grids import GridDecoder, GridEncoder, grid_of
from genrl.nn import ACTIVATIONS, Activation

__all__ = ["TwoLevels"]


class TwoLevels(nn.Module):
    """The five networks of Razavi et al. 2019, figure 2a, between which the vectors are quantised.

    What comes down from the top level is computed once, for the bottom's encoder and for the decoder.

    Args:
        event_shape: of a row.
        context_features: of the context; 0 without.
        width: numbers of a code's vector.
        positions: (top, bottom) of a row that is no image; None takes half as many on top, and one for four columns.
        hidden: widths from a row to the bottom level, on images their channels.
        top_hidden: and from there to the top.
        activation: between the layers.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        context_features: int,
        *,
        width: int,
        positions: tuple[int, int] | None,
        hidden: tuple[int, ...],
        top_hidden: tuple[int, ...],
        activation: Activation,
    ) -> None:
        super().__init__()
        features = hidden[-1] if hidden else width
        self.bottom_grid = grid_of(event_shape, hidden, None if positions is None else positions[1])
        self.is_image = len(event_shape) == 3
        middle = (features, *self.bottom_grid) if self.is_image else (*self.bottom_grid, features)
        above = -(-self.bottom_grid[0] // 2) if positions is None else positions[0]
        self.top_grid = grid_of(middle, top_hidden, above)
        self.activation = ACTIVATIONS[activation]()
        self.bottom_encoder = GridEncoder(event_shape, context_features, self.bottom_grid, features, hidden, activation)
        self.top_encoder = GridEncoder(middle, 0, self.top_grid, width, top_hidden, activation)
        self.top_decoder = GridDecoder(self.top_grid, width, middle, 0, top_hidden, activation)
        self.joint = nn.Linear(2 * features, width)
        self.decoder = GridDecoder(
            self.bottom_grid, width + features, event_shape, context_features, hidden, activation
        )
        self.top_columns = prod(self.top_grid) * width
        self.columns = self.top_columns + prod(self.bottom_grid) * width

    def features(self, x: Tensor, context: Tensor | None) -> Tensor:
        """(rows, *bottom_grid, features) of rows."""
        return self.activation(self.bottom_encoder(x, context))

    def top_vectors(self, features: Tensor) -> Tensor:
        """(rows, *top_grid, width), to be quantised."""
        return self.top_encoder(features.movedim(-1, 1) if self.is_image else features)

    def spread(self, top_vectors: Tensor) -> Tensor:
        """(rows, *bottom_grid, features) what the top level has to say at each position of the bottom."""
        found = self.top_decoder(top_vectors)
        return self.activation(found.movedim(1, -1) if self.is_image else found)

    def bottom_vectors(self, features: Tensor, spread: Tensor) -> Tensor:
        """(rows, *bottom_grid, width), to be quantised: of the row, given the top level."""
        return self.joint(torch.cat([features, spread], -1))

    def restore(self, bottom_vectors: Tensor, spread: Tensor, context: Tensor | None) -> Tensor:
        """(rows, *event_shape) from both levels."""
        return self.decoder(torch.cat([bottom_vectors, spread], -1), context)
