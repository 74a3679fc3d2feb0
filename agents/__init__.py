"""Agents: a configuration, and the wiring of components that makes it learn."""

from .gail import GAIL, GAILConfig

__all__ = ["GAIL", "GAILConfig"]
