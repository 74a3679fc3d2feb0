"""Building blocks of networks, shared by every family and role."""

from genrl.nn.mlp import ACTIVATIONS, Activation, mlp
from genrl.nn.standardise import Standardise

__all__ = ["ACTIVATIONS", "Activation", "Standardise", "mlp"]
