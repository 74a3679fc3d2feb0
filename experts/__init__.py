"""Experts: the shipped policies and their demonstrations, formats to exchange them in, and how to record more."""

from .catalogue import available, expert_card, expert_folder, load_expert, register
from .loading import load_demonstrations
from .noisy_policy import NoisyPolicy
from .record import record
from .saving import save_recording
from .waypoints import WaypointController, maze_waypoints

__all__ = [
    "NoisyPolicy",
    "WaypointController",
    "available",
    "expert_card",
    "expert_folder",
    "load_demonstrations",
    "load_expert",
    "maze_waypoints",
    "record",
    "register",
    "save_recording",
]
