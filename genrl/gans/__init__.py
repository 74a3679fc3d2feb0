"""Adversarial models: a discriminator learns to tell two distributions apart."""

from genrl.gans.adversarial_fitting import AdversarialFitting
from genrl.gans.gan import GAN

__all__ = ["GAN", "AdversarialFitting"]
