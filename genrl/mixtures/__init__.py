"""Mixtures of Gaussians."""

from genrl.mixtures.gaussian_mixture import GaussianMixture
from genrl.mixtures.mixture_density_network import MixtureDensityNetwork
from genrl.mixtures.variational_gaussian_mixture import VariationalGaussianMixture

__all__ = ["GaussianMixture", "MixtureDensityNetwork", "VariationalGaussianMixture"]
