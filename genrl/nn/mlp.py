"""Multilayer perceptrons."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from genrl.errors import InputError

__all__ = ["ACTIVATIONS", "Activation", "mlp"]

Activation = Literal["tanh", "relu", "leaky_relu", "elu", "silu"]


class LeakyReLU(nn.LeakyReLU):
    """With the slope below zero that is usual in adversarial networks, 0.2 (Radford et al. 2016)."""

    def __init__(self) -> None:
        super().__init__(0.2)


ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": LeakyReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
}


def mlp(
    sizes: Sequence[int],
    *,
    activation: Activation = "tanh",
    spectral: bool = False,
    zero_output: bool = False,
) -> nn.Sequential:
    """Linear layers with an activation between them, none after the last.

    Args:
        sizes: widths from input to output, at least two.
        activation: between the layers.
        spectral: divide each weight by its largest singular value, which bounds the Lipschitz constant
            of each layer by 1 (Miyato et al. 2018, equation 8); an output layer of zeros is left as it is.
        zero_output: start with an output of exactly 0 for every input.

    Raises:
        InputError: fewer than two sizes, or one below 1.

    >>> [tuple(p.shape) for p in mlp([3, 8, 1]).parameters()]
    [(8, 3), (8,), (1, 8), (1,)]
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise InputError(f"a network needs widths of 1 or more from input to output, not {list(sizes)}")
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    layers.pop()
    last = layers[-1]
    assert isinstance(last, nn.Linear)
    if zero_output:
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    if spectral:
        # A weight of zeros has no direction to normalise by, so a zero output layer keeps its plain form.
        constrained = layers[:-1] if zero_output else layers
        for layer in constrained:
            if isinstance(layer, nn.Linear):
                spectral_norm(layer)
    return nn.Sequential(*layers)
