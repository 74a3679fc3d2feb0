from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from genrl.errors import InputError
from genrl.transitions import Demonstrations, Trajectory
from genrl.world_models import Experience


def counted(lengths: list[int]) -> Experience:
    """Episodes that count upwards, each from a hundred of its own."""
    parts = []
    for number, length in enumerate(lengths):
        rows = 100 * number + torch.arange(length, dtype=torch.float32)[:, None]
        parts.append(
            Experience(
                observations=rows,
                actions=torch.zeros(length, 1),
                rewards=rows[:, 0],
                next_observations=rows + 1,
                terminations=torch.zeros(length, dtype=torch.bool),
                ends=torch.arange(length) == length - 1,
                action_space=spaces.Box(-1, 1, (1,)),
            )
        )
    return Experience.concatenate(parts)


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_windows_are_all_runs_within_an_episode(length: int) -> None:
    experience = counted([4, 1, 6])
    expected = []
    for start in range(len(experience) - length + 1):
        rows = experience.observations[start : start + length, 0]
        if torch.equal(rows, rows[0] + torch.arange(length)):
            expected.append(start)
    assert experience.windows(length).tolist() == expected


def test_no_window_is_longer_than_its_episode() -> None:
    experience = counted([4, 6])
    assert len(experience.windows(7)) == 0
    assert len(experience.windows(100)) == 0


def test_a_split_shares_no_step_and_keeps_pieces_whole() -> None:
    experience = counted([99, 99, 99, 99, 99, 99, 99, 99])
    trained, held = experience.split(0.25, seed=3)
    both = torch.cat([trained.rewards, held.rewards])
    assert sorted(both.tolist()) == sorted(experience.rewards.tolist())
    assert 0.1 < len(held) / len(experience) < 0.4
    for side in (trained, held):
        for start in side.windows(10).tolist():
            rows = side.observations[start : start + 10, 0]
            assert torch.equal(rows, rows[0] + torch.arange(10))
    assert len(held.windows(20)) > 0


def test_the_digest_is_of_all_steps() -> None:
    walk = counted([3, 4])
    learned, judged = walk.split(0.4)
    assert walk.digest() == counted([3, 4]).digest()
    assert len({each.digest() for each in (walk, learned, judged, counted([4, 3]))}) == 4


def test_a_split_follows_from_its_seed() -> None:
    experience = counted([99] * 5)
    assert torch.equal(experience.split(0.3, 1)[1].rewards, experience.split(0.3, 1)[1].rewards)
    assert any(
        experience.split(0.3, seed)[1].rewards.tolist() != experience.split(0.3, 0)[1].rewards.tolist()
        for seed in range(1, 6)
    )


def test_demonstrations_become_experience() -> None:
    rng = np.random.default_rng(0)
    episodes = [
        Trajectory(
            observations=rng.normal(size=(length + 1, 2)),
            actions=rng.uniform(-1, 1, size=(length, 1)),
            rewards=rng.normal(size=length),
            terminated=length == 3,
            truncated=length != 3,
        )
        for length in (3, 5)
    ]
    space = spaces.Box(-1, 1, (1,), np.float32)
    experience = Experience.from_demonstrations(Demonstrations.from_trajectories(episodes), space)
    assert len(experience) == 8
    assert experience.ends.nonzero().flatten().tolist() == [2, 7]
    assert experience.terminations.nonzero().flatten().tolist() == [2]
    torch.testing.assert_close(experience.next_observations[2].double(), torch.as_tensor(episodes[0].observations[3]))
    torch.testing.assert_close(experience.observations[3].double(), torch.as_tensor(episodes[1].observations[0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rewards": torch.zeros(3)}, "rewards has 3 rows"),
        ({"actions": torch.full((4, 1), float("nan"))}, "actions must be finite"),
        ({"next_observations": torch.zeros(4, 2)}, "must both be"),
    ],
)
def test_bad_rows(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(counted([4]), **change)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1])
def test_bad_fractions(fraction: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        counted([10]).split(fraction)


def test_one_step_cannot_be_split() -> None:
    with pytest.raises(InputError, match="too few"):
        counted([1]).split(0.5)
