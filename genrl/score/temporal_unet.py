"""A network of rows that are trajectories: convolutions over time, at several resolutions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.argument_checks import at_least
from genrl.errors import InputError
from genrl.nn import TimeEmbedding, mlp

__all__ = ["TemporalUNet"]

FREQUENCIES = 4  # of the waves by which the network sees the noise level
CONDITION = 128  # columns of what every block is told


@dataclass(frozen=True, kw_only=True)
class TemporalUNet:
    """Says how a network of rows (time, columns) is made (Janner et al. 2022, appendix C).

    What follows from what is the same at all times: a convolution learns it once, a multilayer perceptron of the flat
    row anew for each time. Every further width halves the time, so that far rows can be seen together. Departures from
    the paper: a block is told the noise level and the context by scales as well as by shifts; the context is told to
    each time as well, as columns beside the others, for it holds numbers that must be met exactly; no normalisation.

    Raises:
        InputError: a setting is out of its range.
    """

    widths: tuple[int, ...] = (48, 48)
    """Features at each resolution, the finest first."""
    kernel: int = 3
    """Times that a convolution sees; odd."""
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the network that reads the noise level and the context, once for all times."""

    def __post_init__(self) -> None:
        at_least(1, widths=self.widths, kernel=self.kernel, hidden=self.hidden)
        if not self.widths or self.kernel % 2 == 0:
            raise InputError(f"widths must name one at least, and kernel be odd, not {self.widths} and {self.kernel}")

    def build(self, event_shape: tuple[int, ...], context_features: int) -> nn.Module:
        """A network that takes (rows, features), times (rows, 1) or (1, 1), and (rows, context_features) or None.

        Raises:
            InputError: rows of another shape than (time, columns).
        """
        if len(event_shape) != 2:
            raise InputError(f"X must hold rows (time, columns) for a TemporalUNet, not rows of shape {event_shape}")
        return _Network(event_shape[1], context_features, self)


class _Network(nn.Module):
    """Down to the coarsest resolution, and up again beside what was seen on the way down (Ronneberger et al. 2015)."""

    def __init__(self, columns: int, context_features: int, architecture: TemporalUNet) -> None:
        super().__init__()
        widths, kernel = architecture.widths, architecture.kernel
        self.columns = columns
        self.clock = TimeEmbedding(FREQUENCIES)
        sizes = [self.clock.columns + context_features, *architecture.hidden, CONDITION]
        self.told = nn.Sequential(mlp(sizes, activation="silu"), nn.SiLU())
        self.first = nn.Conv1d(columns + context_features, widths[0], kernel, padding=kernel // 2)
        self.down = nn.ModuleList(_Block(width, width, kernel) for width in widths)
        self.shrink = nn.ModuleList(nn.Conv1d(*sizes, 3, stride=2, padding=1) for sizes in pairwise(widths))
        self.up = nn.ModuleList(_Block(fine + coarse, fine, kernel) for fine, coarse in pairwise(widths))
        self.last = nn.Conv1d(widths[0], columns, 1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, time: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, features); zeros at first."""
        series = x.unflatten(1, (-1, self.columns)).movedim(1, 2)  # (rows, columns, time)
        known = self.clock(time).expand(len(x), -1)
        if context is not None:
            series = torch.cat([series, context[..., None].expand(-1, -1, series.shape[2])], 1)
            known = torch.cat([known, context], 1)
        told, seen = self.told(known), []
        features = self.down[0](self.first(series), told)
        for shrink, block in zip(self.shrink, self.down[1:], strict=True):
            seen.append(features)
            features = block(shrink(features), told)
        for block in reversed(self.up):
            finer = seen.pop()
            features = block(torch.cat([finer, F.interpolate(features, size=finer.shape[2])], 1), told)
        found: Tensor = self.last(features)
        return found.movedim(2, 1).flatten(1)


class _Block(nn.Module):
    """Two convolutions beside a way past them; the first is scaled and moved as the block is told."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.one = nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2)
        self.two = nn.Conv1d(outputs, outputs, kernel, padding=kernel // 2)
        self.past = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.modulation = nn.Linear(CONDITION, 2 * outputs)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """(rows, outputs, time) of (rows, inputs, time) and (rows, CONDITION)."""
        scale, shift = self.modulation(told)[..., None].chunk(2, 1)
        moved = F.silu(torch.addcmul(shift, self.one(x), 1 + scale))
        return F.silu(self.past(x) + self.two(moved))
