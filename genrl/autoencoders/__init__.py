"""Autoencoders, plain and variational."""

from genrl.autoencoders.autoencoder import Autoencoder
from genrl.autoencoders.vae import VAE

__all__ = ["VAE", "Autoencoder"]
