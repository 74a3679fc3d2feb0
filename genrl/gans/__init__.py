"""Adversarial models: a discriminator learns to tell two distributions apart."""

from genrl.gans.adversarial_fitting import AdversarialFitting
from genrl.gans.conditional_gan import ConditionalGAN
from genrl.gans.dcgan import DCGAN
from genrl.gans.gan import GAN
from genrl.gans.progressive_gan import ProgressiveGAN
from genrl.gans.style_gan import StyleGAN

__all__ = ["DCGAN", "GAN", "AdversarialFitting", "ConditionalGAN", "ProgressiveGAN", "StyleGAN"]
