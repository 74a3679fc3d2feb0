from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from learned import Learned

from genrl.autoencoders import VAE
from genrl.errors import InputError
from genrl.training.gradient_fitting import GradientFitting
from genrl.world_models import Film, PixelCodes


def moving_bar(lengths: list[int], seed: int = 0) -> Film:
    """A bright bar that moves by the action, from one side of the picture to the other."""
    rng = np.random.default_rng(seed)
    frames, actions = [], []
    for length in lengths:
        place = rng.integers(2, 14)
        frames.append(place)
        for _ in range(length):
            action = rng.integers(-1, 2)
            place = int(np.clip(place + action, 1, 14))
            frames.append(place)
            actions.append([action])
    pictures = np.full((len(frames), 16, 16, 3), 20, np.uint8)
    for row, place in enumerate(frames):
        pictures[row, :, place - 1 : place + 2] = 230
    steps = sum(lengths)
    return Film(
        frames=pictures,
        actions=np.array(actions, np.float32),
        rewards=np.arange(steps, dtype=np.float32),
        terminations=np.zeros(steps, bool),
        episode_lengths=np.array(lengths),
        action_space=spaces.Box(-1, 1, (1,), np.float32),
    )


@pytest.fixture(scope="module")
def codes(seed: int) -> PixelCodes:
    torch.manual_seed(seed)
    fitting = GradientFitting(updates=300, batch_size=32, learning_rate=1e-2)
    return PixelCodes(VAE(3, decoder="bernoulli", hidden=(8, 16), fitting=fitting)).fit(
        moving_bar([40] * 8, seed=1000 * seed)
    )


def test_codes_show_what_was_filmed(codes: PixelCodes, seed: int, learned: Learned) -> None:
    film = moving_bar([30, 30], seed=1)
    experience = codes.experience(film)
    decoded = codes.frames(experience.observations)
    real = film.frames[film.rows]
    assert decoded.shape == real.shape
    assert decoded.dtype == np.uint8
    error = np.abs(decoded.astype(float) - real).mean()
    blank = np.abs(real.mean(0) - real).mean()
    learned("error / that of the mean frame", error / blank, below=0.75, baseline=1.0)


def test_steps_follow_the_films_order(codes: PixelCodes) -> None:
    film = moving_bar([3, 5], seed=2)
    experience = codes.experience(film)
    assert len(experience) == 8
    assert experience.observations.shape == (8, 6)
    assert experience.ends.nonzero().flatten().tolist() == [2, 7]
    assert experience.rewards.tolist() == list(range(8))
    assert (experience.next_observations[:2] == experience.observations[1:3]).all()
    assert not (experience.next_observations[2] == experience.observations[3]).all()


def test_changes_are_those_of_the_codes_within_an_episode(codes: PixelCodes) -> None:
    experience = codes.experience(moving_bar([4, 4], seed=3))
    code, change = experience.observations[:, :3], experience.observations[:, 3:]
    assert change[[0, 4]].abs().max() == 0
    assert (change[1] - (code[1] - code[0])).abs().max() < 1e-6
    after = experience.next_observations
    assert (after[:, 3:] - (after[:, :3] - code)).abs().max() < 1e-6


@pytest.mark.parametrize("lengths", [[5], [3, 2, 1], [0, 5]])
def test_a_film_holds_together(lengths: list[int]) -> None:
    film = moving_bar([4])
    parts: dict[str, Any] = {name: getattr(film, name) for name in ("frames", "actions", "rewards", "terminations")}
    with pytest.raises(InputError, match="frames"):
        Film(**parts, episode_lengths=np.array(lengths), action_space=film.action_space)
