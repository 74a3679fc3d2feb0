"""Imitation and generative models for reinforcement learning.

Imports run downwards only: roles (rewards, policies, evaluation, ...) stand on families of models (gans, flows, ...),
and both stand on protocols, transitions, nn, training and envs. The agents and experts packages stand above all.
"""

__version__ = "0.1.0"
