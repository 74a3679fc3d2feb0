"""Building blocks of networks, shared by every family and role."""

from genrl.nn.convolutional import fractionally_strided, halved, strided
from genrl.nn.divergence import divergence, estimated_divergence
from genrl.nn.ema import MovingAverage
from genrl.nn.extra_column import ExtraColumn
from genrl.nn.mlp import ACTIVATIONS, Activation, mlp
from genrl.nn.ode import runge_kutta
from genrl.nn.resampling import resampled
from genrl.nn.standardise import Standardise
from genrl.nn.time_embedding import TimeEmbedding
from genrl.nn.units import Units, mean_and_deviation

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "ExtraColumn",
    "MovingAverage",
    "Standardise",
    "TimeEmbedding",
    "Units",
    "divergence",
    "estimated_divergence",
    "fractionally_strided",
    "halved",
    "mean_and_deviation",
    "mlp",
    "resampled",
    "runge_kutta",
    "strided",
]
