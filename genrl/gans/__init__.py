"""Adversarial models: a discriminator learns to tell two distributions apart."""

from genrl.gans.adversarial_fitting import AdversarialFitting
from genrl.gans.conditional_gan import ConditionalGAN
from genrl.gans.dcgan import DCGAN
from genrl.gans.gan import GAN

__all__ = ["DCGAN", "GAN", "AdversarialFitting", "ConditionalGAN"]
