"""Agents: a configuration, and the wiring of components that makes it learn."""

from .behaviour_cloning import BehaviourCloning
from .cloning import CloningConfig
from .dagger import DAgger, DAggerConfig, DAggerRound
from .dream_round import DreamRound
from .dreaming import Dreaming
from .dreaming_config import DreamingConfig
from .gail import GAIL
from .gail_config import GAILConfig
from .imitation_run import ImitationRun

__all__ = [
    "GAIL",
    "BehaviourCloning",
    "CloningConfig",
    "DAgger",
    "DAggerConfig",
    "DAggerRound",
    "DreamRound",
    "Dreaming",
    "DreamingConfig",
    "GAILConfig",
    "ImitationRun",
]
