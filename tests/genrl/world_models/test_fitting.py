"""Windows of experience: where they begin, and which of their steps count."""

from typing import Any

import torch
from torch import Tensor, nn

from genrl.training.gradient_fitting import GradientFitting
from genrl.world_models import Experience
from genrl.world_models.fitting import fit_windows


class Watching(nn.Module):
    """Learns nothing, and keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()))
        self.shown: list[tuple[Tensor, Tensor]] = []

    def loss(self, steps: Tensor, counted: Tensor) -> dict[str, Tensor]:
        if self.training:
            self.shown.append((steps, counted))
        return {"loss": self.nothing.square()}


def numbers(experience: Experience) -> Tensor:
    return torch.arange(len(experience))[:, None].float()


def shown(system: Any, lengths: int, window: int) -> tuple[Tensor, Tensor]:
    model = Watching()
    fit_windows(
        model,
        system.experience(2, lengths, seed=0),
        system.experience(2, lengths, seed=1),
        window,
        rows=numbers,
        loss=model.loss,
        settings=GradientFitting(updates=1, batch_size=100),
        progress=None,
    )
    (steps, counted) = model.shown[0]
    order = steps[:, 0, 0].argsort()
    return steps[order, :, 0], counted[order]


def test_a_window_begins_at_every_step_and_counts_up_to_the_end(system: Any) -> None:
    steps, counted = shown(system, 4, 3)
    assert steps[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert counted.sum(1).tolist() == [3, 3, 2, 1, 3, 3, 2, 1]
    assert all(row[mask].diff().eq(1).all() for row, mask in zip(steps, counted, strict=True))
    assert counted[:, 0].all()


def test_windows_are_no_longer_than_the_longest_episode(system: Any) -> None:
    steps, counted = shown(system, 2, 5)
    assert steps.shape == (4, 2)
    assert counted.tolist() == [[True, True], [True, False]] * 2
