"""Straight lines: trajectories that start anywhere and go on by their own velocity, to a constant goal column."""

import numpy as np
import torch
from torch import Tensor

from genrl.autoencoders import VAE
from genrl.autoregressive import GatedPixelCNN, PixelRNN, Recurrent, SequenceModel
from genrl.flows import RealNVP
from genrl.mixtures import GaussianMixture
from genrl.planners import (
    Bins,
    Given,
    PixelCNNTrajectorySampler,
    PixelRNNTrajectorySampler,
    RowTrajectorySampler,
    ScoreTrajectorySampler,
    TrajectoryModel,
)
from genrl.score import ScoreModel
from genrl.training.gradient_fitting import GradientFitting
from genrl.transitions import Demonstrations, Trajectory

TIME = 4
NOTHING = Given()


def lines(rows: int, seed: int = 0) -> Tensor:
    """(rows, 4, 3): position, velocity, goal; the position moves by the velocity, the goal is constant."""
    generator = torch.Generator().manual_seed(seed)
    start, velocity, goal = torch.randn(3, rows, 1, generator=generator)
    positions = start + velocity * torch.arange(TIME)
    return torch.stack([positions, velocity.expand(-1, TIME), goal.expand(-1, TIME)], -1)


def make(kind: str, given: Given = NOTHING, updates: int = 3) -> TrajectoryModel:
    quick = GradientFitting(updates=updates, batch_size=64, learning_rate=5e-3)
    bins = Bins(levels=8)
    if kind == "score":
        return ScoreTrajectorySampler(model=ScoreModel(hidden=(32,), evaluations=8, fitting=quick), given=given)
    if kind == "pixel_cnn":
        model = GatedPixelCNN(levels=8, width=16, layers=1, fitting=quick)
        return PixelCNNTrajectorySampler(model=model, bins=bins, given=given, candidates=4)
    if kind == "pixel_rnn":
        return PixelRNNTrajectorySampler(
            model=PixelRNN(levels=8, width=4, layers=1, kernel=3, fitting=quick), bins=bins, given=given, candidates=4
        )
    if kind == "sequence":
        sequence = SequenceModel(core=Recurrent(width=8), output="gaussians", mixtures=2, fitting=quick)
        return RowTrajectorySampler(model=sequence, given=given)
    if kind == "vae":
        return RowTrajectorySampler(model=VAE(latents=2, hidden=(32,), fitting=quick), given=given)
    if kind == "flow":
        return RowTrajectorySampler(model=RealNVP(transforms=2, hidden=(8,), fitting=quick), given=given)
    return RowTrajectorySampler(model=GaussianMixture(reg_covar=1e-4), given=given)


def drifting(episodes: int = 6, length: int = 20, seed: int = 0) -> Demonstrations:
    """A point moved by its action, whose episodes have a goal (last column) and a reward of 1 a step."""
    generator = np.random.default_rng(seed)
    trajectories = []
    for _ in range(episodes):
        actions = generator.uniform(-1, 1, (length, 1)).astype(np.float32)
        positions = np.concatenate([np.zeros((1, 1), np.float32), actions.cumsum(0)])
        goal = np.full_like(positions, generator.normal())
        trajectories.append(
            Trajectory(
                observations=np.concatenate([positions, goal], 1).astype(np.float32),
                actions=actions,
                rewards=np.ones(length, np.float32),
                terminated=False,
                truncated=True,
            )
        )
    return Demonstrations.from_trajectories(trajectories)
