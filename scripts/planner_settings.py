"""What `train_planner.py` can be told, and what it makes of it: grids, a sampler, and how its plans are followed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from gymnasium import spaces
from planner_data import plan_columns
from torch import Tensor

from genrl.autoencoders import VAE
from genrl.autoregressive import PixelRNN, Recurrent, SequenceModel
from genrl.errors import InputError
from genrl.flows import RealNVP
from genrl.generative_model import GenerativeModel
from genrl.planners import (
    Bins,
    InverseDynamics,
    PixelCNNTrajectorySampler,
    PixelRNNTrajectorySampler,
    PlannedActions,
    PositionControl,
    RecedingHorizonPlanner,
    ReturnGuide,
    RowTrajectorySampler,
    ScoreTrajectorySampler,
    TrajectoryColumns,
    TrajectoryModel,
    cut_trajectories,
    trajectory_pixel_cnn,
)
from genrl.planners.acting import Acting
from genrl.planners.trajectory_grids import Returns
from genrl.score import ScoreModel, TemporalUNet
from genrl.training.gradient_fitting import GradientFitting
from genrl.transitions import Demonstrations

__all__ = [
    "SamplerName",
    "TrainConfig",
    "check_acting",
    "make_acting",
    "make_columns",
    "make_grids",
    "make_guide",
    "make_planner",
    "make_sampler",
]

SamplerName = Literal["score", "pixel_cnn", "pixel_rnn", "flow", "vae", "sequence"]

TEMPERATURES: dict[SamplerName, float] = {"score": 0.5, "pixel_cnn": 0.5, "pixel_rnn": 0.5}
OF_ACTIONS: dict[SamplerName, float] = {"score": 0.3, "pixel_cnn": 0.0, "pixel_rnn": 0.0}  # chance in them is noise
PIXELS = (64, 1e-3)  # rows of a gradient step, and the first step size
FITTING: dict[SamplerName, tuple[int, float]] = {"score": (64, 4e-3), "pixel_cnn": PIXELS, "pixel_rnn": PIXELS}
UPDATES = 6000
WISHED = 0.9  # quantile of the returns of grids that a planner asks for
UNTOLD = 0.1  # share of the rows that a score learns without what it is told, if that is to be exaggerated


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What `train_planner.py` can be told."""

    env: str = "PointMaze_UMaze-v3"
    """Gymnasium id of the task."""
    data: str = "waypoints:600"
    """What to learn from: `waypoints:<episodes>` of a controller that knows a maze, `medium:<episodes>` of the shipped
    expert with much noise, `demonstrations` (the shipped ones), or a path."""
    sampler: SamplerName = "score"
    """Plans drawn out of noise as a whole, token by token (pixels), as one row by a flow or a VAE, or number by number
    (sequence)."""
    horizon: int = 8
    """Rows of a plan; few that are far apart suit a plan better than many, for errors add up from row to row."""
    stride: int = 16
    """Steps of the task from row to row."""
    replan_every: int = 20
    """Steps for which a plan is followed."""
    acting: Literal["position", "planned", "inverse"] = "position"
    """How: by a controller of positions (mazes), by the plan's actions, or by inverse dynamics. Only plans that are
    followed by their actions have any: to others they would be noise."""
    returns: Returns | None = None
    """Plans have a return, and the planner asks for a high one: `to_go` to the end of the episode, or that of the
    `window` of a plan."""
    guidance: float = 1.0
    """Weight of what plans are told, the return among it; above 1 exaggerates it, at twice the cost (score)."""
    temperature: float | None = None
    """How much of the chance in the data is in plans (score, pixels); by default 0.5, where their actions are taken 0.3
    of the score and 0 of pixels. 0 takes the likeliest, or the middle one."""
    guide_weight: float | None = None
    """Lead plans to a high expected return, this strongly: a network is fitted to the returns of grids. 0 fits it for
    later (plan.py has the same option)."""
    every: int = 4
    """Steps from the start of one grid to that of the next."""
    hidden: int | None = None
    """Width of the networks; by default 24 of a PixelRNN, 64 of the score, 128 of a PixelCNN and a sequence, 256 of the
    others."""
    levels: int = 256
    """Values of a token (pixels)."""
    tokens: int = 1
    """Tokens of a number, coarse and fine (pixels)."""
    bins: Literal["uniform", "quantile"] = "uniform"
    """Of equal width, or with equally many numbers (pixels)."""
    evaluations: int = 20
    """Of the network, that a plan costs (score)."""
    updates: int | None = None
    """Gradient steps; by default 6000. With --resume, all of them, if they are to be more."""
    batch_size: int | None = None
    """Rows of a gradient step; by default 64 of the score and of pixels, 256 of the others."""
    learning_rate: float | None = None
    """Of Adam, at first; by default 4e-3 of the score, 1e-3 of pixels and 2e-3 of the others."""
    env_kwargs: tuple[str, ...] = ()
    """Constructor keywords of the task, as key=value."""
    seed: int = 0
    """Of everything random."""
    device: str = "cpu"
    """Where the sampler is trained."""
    log_folder: Path = Path("runs")
    """Parent of the run directories."""
    resume: Path | None = None
    """A run directory to go on with: it ends bit for bit as if it had not been interrupted, whatever the sampler.
    Everything but --updates is taken from it. What more --updates add to a run is a fit of its own, from the weights of
    the one before, as the step size falls over each: the result is not that of one longer fit."""
    allow_changed_data: bool = False
    """With --resume: go on although the data have changed since the run was begun."""
    trust: bool = False
    """With --resume: accept a run whose environment imports a module or reads a file when it is made."""

    def __post_init__(self) -> None:
        for name in ("horizon", "stride", "replan_every", "every", "hidden", "evaluations", "updates", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} must be 1 or more, not {value}")

    @property
    def fit_updates(self) -> int:
        """Gradient steps of the first fit."""
        return UPDATES if self.updates is None else self.updates

    @property
    def plan_temperature(self) -> float:
        """How much of the chance in the data is in plans."""
        if self.temperature is not None:
            return self.temperature
        return (OF_ACTIONS if self.acting == "planned" else TEMPERATURES).get(self.sampler, 1.0)


def make_columns(config: TrainConfig, demonstrations: Demonstrations) -> TrajectoryColumns:
    """What plans hold: actions only if they are what is carried out."""
    return plan_columns(demonstrations, config.returns, with_actions=config.acting == "planned")


def make_grids(config: TrainConfig, demonstrations: Demonstrations, columns: TrajectoryColumns) -> Tensor:
    """(grids, horizon, columns); where there is a goal, episodes end at rest, and grids may reach beyond the end."""
    return cut_trajectories(
        demonstrations,
        columns,
        horizon=config.horizon,
        stride=config.stride,
        every=config.every,
        at_end="hold" if columns.goal else "drop",
    )


def make_sampler(config: TrainConfig, columns: TrajectoryColumns) -> TrajectoryModel:
    """Not fitted yet."""
    batch_size, learning_rate = FITTING.get(config.sampler, (256, 2e-3))
    fitting = GradientFitting(
        updates=config.fit_updates,
        batch_size=config.batch_size or batch_size,
        learning_rate=config.learning_rate or learning_rate,
        seed=config.seed,
    )
    if config.sampler == "score":
        width = config.hidden or 64
        score = ScoreModel(
            network=TemporalUNet(widths=(width, width)),
            evaluations=config.evaluations,
            guidance=config.guidance,
            context_dropout=0.0 if config.guidance == 1.0 else UNTOLD,
            fitting=replace(fitting, average=0.995),
        )
        return ScoreTrajectorySampler(model=score, given=columns.given, temperature=config.plan_temperature)
    if config.sampler in ("pixel_cnn", "pixel_rnn"):
        return _pixel_sampler(config, columns, fitting)
    if config.plan_temperature != 1:
        raise InputError("--temperature is of --sampler score, pixel_cnn and pixel_rnn")
    return RowTrajectorySampler(model=_row_model(config, fitting), given=columns.given)


def _pixel_sampler(config: TrainConfig, columns: TrajectoryColumns, fitting: GradientFitting) -> TrajectoryModel:
    bins = Bins(levels=config.levels, tokens=config.tokens, kind=config.bins)
    if config.sampler == "pixel_cnn":
        cnn = trajectory_pixel_cnn(bins.levels, width=config.hidden or 128, fitting=fitting)
        return PixelCNNTrajectorySampler(model=cnn, bins=bins, given=columns.given, temperature=config.plan_temperature)
    rnn = PixelRNN(levels=bins.levels, output="logistics", recurrence="row", width=config.hidden or 24, fitting=fitting)
    return PixelRNNTrajectorySampler(model=rnn, bins=bins, given=columns.given, temperature=config.plan_temperature)


def _row_model(config: TrainConfig, fitting: GradientFitting) -> GenerativeModel:
    """Of a trajectory as one row."""
    width = config.hidden or 256
    if config.sampler == "flow":
        return RealNVP(transforms=6, hidden=(width, width), fitting=fitting)
    if config.sampler == "vae":
        return VAE(latents=16, hidden=(width, width), fitting=fitting)
    return SequenceModel(core=Recurrent(width=config.hidden or 128), output="gaussians", fitting=fitting)


def check_acting(config: TrainConfig, columns: TrajectoryColumns, demonstrations: Demonstrations) -> None:
    """Refuse ways to follow plans that the task does not allow.

    Raises:
        InputError: there are no actions to learn inverse dynamics from, or the task has no positions and velocities
            that a controller could steer by.
    """
    if config.acting == "inverse":
        demonstrations.require_actions("inverse dynamics")
    acted = None if demonstrations.actions is None else demonstrations.actions.shape[1:]
    steered = columns.observations - len(columns.goal) == 4 and acted in (None, (2,))
    if config.acting == "position" and not steered:
        raise InputError(
            f"--acting position is for point mazes, and {config.env} is none: give --acting planned or inverse"
        )


def make_acting(config: TrainConfig, columns: TrajectoryColumns, demonstrations: Demonstrations) -> Acting:
    """How plans are followed; inverse dynamics are fitted here."""
    if config.acting == "planned":
        return PlannedActions()
    if config.acting == "position":
        return PositionControl()
    fitting = GradientFitting(updates=min(config.fit_updates, 3000), learning_rate=1e-3, seed=config.seed)
    actions = demonstrations.require_actions("inverse dynamics").shape[1]
    return InverseDynamics(columns.observations, actions, config.stride, fitting=fitting).fit(demonstrations)


def make_guide(config: TrainConfig, columns: TrajectoryColumns, demonstrations: Demonstrations) -> ReturnGuide | None:
    """Fitted to the return from the first row of each grid to the end of its episode; None if none is wanted."""
    if config.guide_weight is None:
        return None
    grids = make_grids(config, demonstrations, replace(columns, returns="to_go"))
    fitting = GradientFitting(updates=min(config.fit_updates, 2000), learning_rate=1e-3, seed=config.seed)
    guide = ReturnGuide(columns, config.horizon, weight=config.guide_weight, fitting=fitting)
    return guide.fit(grids, grids[:, 0, -1])


def make_planner(
    config: TrainConfig,
    sampler: TrajectoryModel,
    columns: TrajectoryColumns,
    space: spaces.Box,
    acting: Acting,
    grids: Tensor,
    guide: ReturnGuide | None = None,
) -> RecedingHorizonPlanner:
    """A planner that asks for a return which few grids reach, if it asks for one."""
    return RecedingHorizonPlanner(
        sampler,
        columns,
        space,
        horizon=config.horizon,
        stride=config.stride,
        replan_every=config.replan_every,
        acting=acting,
        desired_return=None if columns.returns is None else float(np.quantile(grids[:, 0, -1], WISHED)),
        guide=guide,
        seed=config.seed,
    )
