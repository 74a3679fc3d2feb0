"""Adversarial models: a discriminator learns to tell two distributions apart."""

from genrl.gans.adversarial_fitting import AdversarialFitting
from genrl.gans.conditional_gan import ConditionalGAN
from genrl.gans.cycle_gan import CycleGAN
from genrl.gans.dcgan import DCGAN
from genrl.gans.domain_transfer_network import DomainTransferNetwork
from genrl.gans.gan import GAN
from genrl.gans.inverse_conditional_gan import InverseConditionalGAN
from genrl.gans.paired_transfer_gan import PairedTransferGAN
from genrl.gans.pose_guided_gan import PoseGuidedGAN
from genrl.gans.progressive_gan import ProgressiveGAN
from genrl.gans.style_gan import StyleGAN

__all__ = [
    "DCGAN",
    "GAN",
    "AdversarialFitting",
    "ConditionalGAN",
    "CycleGAN",
    "DomainTransferNetwork",
    "InverseConditionalGAN",
    "PairedTransferGAN",
    "PoseGuidedGAN",
    "ProgressiveGAN",
    "StyleGAN",
]
