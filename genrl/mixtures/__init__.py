"""Mixtures of Gaussians."""

from genrl.mixtures.gaussian_mixture import GaussianMixture

__all__ = ["GaussianMixture"]
