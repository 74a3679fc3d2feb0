"""Building blocks of networks, shared by every family and role."""

from genrl.nn.convolutional import fractionally_strided, halved, strided
from genrl.nn.mlp import ACTIVATIONS, Activation, mlp
from genrl.nn.standardise import Standardise
from genrl.nn.units import Units, mean_and_deviation

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Standardise",
    "Units",
    "fractionally_strided",
    "halved",
    "mean_and_deviation",
    "mlp",
    "strided",
]
