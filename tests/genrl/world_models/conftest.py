"""A linear system with Gaussian noise, of which everything is known."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from genrl.world_models import Dynamics, EnsembleWorldModel, Experience

sys.path.insert(0, str(Path(__file__).parent))  # for world_model_kinds


@dataclass(frozen=True)
class LinearSystem:
    """x' = A x + B u + noise, reward = c x' and the noise of deviation `std`."""

    matrix: Tensor
    control: Tensor
    costs: Tensor
    std: float

    def following(self, observations: Tensor, actions: Tensor) -> Tensor:
        """The mean of what follows."""
        return observations @ self.matrix.T + actions @ self.control.T

    def experience(self, episodes: int, steps: int, seed: int, *, termination_above: float | None = None) -> Experience:
        """Episodes from standard normal starts under uniform actions."""
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(episodes, 2, generator=generator)
        rows: dict[str, list[Tensor]] = {"observations": [], "actions": [], "next_observations": []}
        for _ in range(steps):
            u = 2 * torch.rand(episodes, 1, generator=generator) - 1
            following = self.following(x, u) + self.std * torch.randn(episodes, 2, generator=generator)
            for name, value in zip(rows, (x, u, following), strict=True):
                rows[name].append(value)
            x = following
        joined = {name: torch.stack(values, 1).flatten(0, 1) for name, values in rows.items()}
        ends = torch.zeros(episodes, steps, dtype=torch.bool)
        ends[:, -1] = True
        after = joined["next_observations"]
        terminations = torch.zeros(len(after), dtype=torch.bool)
        if termination_above is not None:
            terminations = after[:, 0] > termination_above
        return Experience(
            **joined,
            rewards=after @ self.costs,
            terminations=terminations,
            ends=ends.flatten() | terminations,
            action_space=spaces.Box(-1, 1, (1,), np.float32),
        )


@pytest.fixture(scope="session")
def system() -> LinearSystem:
    return LinearSystem(
        matrix=torch.tensor([[0.9, 0.3], [-0.3, 0.8]]),
        control=torch.tensor([[0.2], [0.6]]),
        costs=torch.tensor([1.0, -0.5]),
        std=0.2,
    )


@pytest.fixture(scope="session")
def fitted(system: LinearSystem, seed: int) -> Callable[[str], Dynamics]:
    """The model of a kind, fitted to the system once; tests must leave it as it is."""
    from world_model_kinds import ENOUGH, KINDS, seeded

    models: dict[str, Dynamics] = {}

    def of(kind: str) -> Dynamics:
        if kind not in models:
            model = seeded(KINDS[kind](ENOUGH[kind]), seed)
            with torch.enable_grad():  # on data that no test sees again
                model.fit(system.experience(60 if kind == "latent" else 40, 50, seed=1000 * seed))
            models[kind] = model
        return models[kind]

    return of


@pytest.fixture(scope="session")
def small_ensemble(fitted: Callable[[str], Dynamics]) -> EnsembleWorldModel:
    """A fitted one; tests must leave it as it is."""
    model = fitted("ensemble")
    assert isinstance(model, EnsembleWorldModel)
    return model
