"""World models: learned simulators, and the environment that dreams in one."""

from genrl.world_models.dream_vec_env import DreamVecEnv
from genrl.world_models.dreamt import Rollout
from genrl.world_models.dynamics import Dynamics
from genrl.world_models.ensemble import EnsembleWorldModel
from genrl.world_models.experience import Experience
from genrl.world_models.forecast import Forecast, judge_forecasts
from genrl.world_models.latent import LatentWorldModel
from genrl.world_models.pixels import Film, PixelCodes
from genrl.world_models.recurrent import RecurrentWorldModel
from genrl.world_models.sampled import SamplerWorldModel
from genrl.world_models.saved import describe_world_model, load_world_model, rebuild_world_model, save_world_model
from genrl.world_models.terminations import TerminationRule, known_termination, never

__all__ = [
    "DreamVecEnv",
    "Dynamics",
    "EnsembleWorldModel",
    "Experience",
    "Film",
    "Forecast",
    "LatentWorldModel",
    "PixelCodes",
    "RecurrentWorldModel",
    "Rollout",
    "SamplerWorldModel",
    "TerminationRule",
    "describe_world_model",
    "judge_forecasts",
    "known_termination",
    "load_world_model",
    "never",
    "rebuild_world_model",
    "save_world_model",
]
