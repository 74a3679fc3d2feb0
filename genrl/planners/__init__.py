"""Planning: trajectories drawn from a generative model of the grid (time x column), given what is known of them."""

from genrl.planners.acting import InverseDynamics, PlannedActions, PositionControl
from genrl.planners.bins import Bins
from genrl.planners.conditions import Conditions
from genrl.planners.given import Given
from genrl.planners.pixel_sampler import (
    PixelCNNTrajectorySampler,
    PixelRNNTrajectorySampler,
    PixelTrajectorySampler,
    trajectory_pixel_cnn,
)
from genrl.planners.planner import RecedingHorizonPlanner
from genrl.planners.return_guide import ReturnGuide
from genrl.planners.row_dynamics import RowDynamics
from genrl.planners.row_sampler import RowTrajectorySampler
from genrl.planners.saved import load_planner, save_planner
from genrl.planners.score_sampler import ScoreTrajectorySampler
from genrl.planners.trajectory_grids import TrajectoryColumns, cut_trajectories
from genrl.planners.trajectory_model import Guide, TrajectoryModel

__all__ = [
    "Bins",
    "Conditions",
    "Given",
    "Guide",
    "InverseDynamics",
    "PixelCNNTrajectorySampler",
    "PixelRNNTrajectorySampler",
    "PixelTrajectorySampler",
    "PlannedActions",
    "PositionControl",
    "RecedingHorizonPlanner",
    "ReturnGuide",
    "RowDynamics",
    "RowTrajectorySampler",
    "ScoreTrajectorySampler",
    "TrajectoryColumns",
    "TrajectoryModel",
    "cut_trajectories",
    "load_planner",
    "save_planner",
    "trajectory_pixel_cnn",
]
