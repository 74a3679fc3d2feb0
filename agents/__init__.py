"""Agents: a configuration, and the wiring of components that makes it learn."""

from .gail import GAIL, GAILConfig
from .imitation_run import ImitationRun

__all__ = ["GAIL", "GAILConfig", "ImitationRun"]
