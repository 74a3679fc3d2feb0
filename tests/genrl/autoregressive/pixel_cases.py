"""Small models of images for the tests of this folder."""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from torch import Tensor

from genrl.autoregressive import GatedPixelCNN, PixelCNN, PixelRNN
from genrl.training.gradient_fitting import GradientFitting

QUICK = GradientFitting(updates=4, batch_size=32, validation=0)
SMALL: dict[str, tuple[Any, dict[str, Any]]] = {
    "pixel_cnn": (PixelCNN, {"width": 12, "blocks": 2, "kernel": 5}),
    "gated_pixel_cnn": (GatedPixelCNN, {"width": 12, "layers": 3}),
    "row": (PixelRNN, {"recurrence": "row", "width": 6, "layers": 2, "kernel": 5}),
    "diagonal": (PixelRNN, {"recurrence": "diagonal", "width": 6, "layers": 2, "kernel": 5}),
}


def small(name: str, **settings: Any) -> Any:
    """A fresh model, the same each time."""
    torch.manual_seed(0)
    kind, size = SMALL[name]
    return kind(**{"fitting": QUICK, **size, **settings})


def all_images(levels: int, shape: tuple[int, int, int]) -> Tensor:
    """Every image of this shape, (levels ** numbers, *shape)."""
    count = shape[0] * shape[1] * shape[2]
    return torch.tensor(list(product(range(levels), repeat=count)), dtype=torch.float32).reshape(-1, *shape)


def random_images(rows: int, levels: int, shape: tuple[int, int, int], seed: int = 0) -> Tensor:
    """Each pixel by itself."""
    return torch.randint(levels, (rows, *shape), generator=torch.Generator().manual_seed(seed)).float()
