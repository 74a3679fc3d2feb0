"""Adversarial models: a discriminator learns to tell two distributions apart."""
