"""Normalizing flows: exact densities by change of variables."""

from genrl.flows.continuous_flow import ContinuousFlow
from genrl.flows.distillation import distil
from genrl.flows.flow import Flow
from genrl.flows.glow import Glow
from genrl.flows.inverse_autoregressive_flow import InverseAutoregressiveFlow
from genrl.flows.masked_autoregressive_flow import MaskedAutoregressiveFlow
from genrl.flows.neural_spline_flow import NeuralSplineFlow
from genrl.flows.planar import PlanarFlow
from genrl.flows.radial import RadialFlow
from genrl.flows.real_nvp import RealNVP

__all__ = [
    "ContinuousFlow",
    "Flow",
    "Glow",
    "InverseAutoregressiveFlow",
    "MaskedAutoregressiveFlow",
    "NeuralSplineFlow",
    "PlanarFlow",
    "RadialFlow",
    "RealNVP",
    "distil",
]
