"""Autoencoders: plain, variational and vector-quantised."""

from genrl.autoencoders.autoencoder import Autoencoder
from genrl.autoencoders.hierarchical_vq_vae import HierarchicalVQVAE
from genrl.autoencoders.vae import VAE
from genrl.autoencoders.vq_vae import VQVAE

__all__ = ["VAE", "VQVAE", "Autoencoder", "HierarchicalVQVAE"]
