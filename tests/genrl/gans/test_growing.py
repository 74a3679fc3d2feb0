from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from genrl.gans.adversarial_fitting import AdversarialFitting, Player
from genrl.gans.growing import Growth, depth_at, growing_players, grown_image, levels_of, split_depth


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("depth", torch.tensor(9.0))


def test_levels_double_to_the_size_of_the_data():
    assert levels_of((64, 64)) == [(4, 4), (8, 8), (16, 16), (32, 32), (64, 64)]
    assert levels_of((12, 24)) == [(6, 12), (12, 24)]
    assert levels_of((8, 10)) == [(4, 5), (8, 10)]


@pytest.mark.parametrize("deepest", [1, 2, 4])
def test_the_depth_never_falls_and_each_level_has_time_to_settle(deepest):
    course = [depth_at(step / 900, deepest) for step in range(901)]
    assert course[0] == 0
    assert course[-1] == deepest
    assert all(before <= after for before, after in pairwise(course))
    part = 900 / (2 * deepest + 1)
    for level in range(deepest + 1):  # as long still as it takes to fade in
        assert course.count(float(level)) == pytest.approx(part, abs=3)


@pytest.mark.parametrize(("depth", "level", "share"), [(0.0, 0, 1.0), (0.25, 1, 0.25), (1.0, 1, 1.0), (1.5, 2, 0.5)])
def test_a_depth_is_a_level_and_its_share(depth, level, share):
    assert split_depth(depth) == (level, pytest.approx(share))


def test_an_image_fades_from_the_enlarged_smaller_one():
    torch.manual_seed(0)
    features = [torch.randn(2, 3, 4, 4), torch.randn(2, 3, 8, 8)]
    to_image = nn.ModuleList(nn.Conv2d(3, 1, 1) for _ in features)

    def image(depth):
        return grown_image(features, to_image, depth, (16, 16))

    enlarged = F.interpolate(to_image[0](features[0]), scale_factor=4)
    torch.testing.assert_close(image(0.0), enlarged)
    torch.testing.assert_close(image(1e-9), enlarged)
    torch.testing.assert_close(image(1.0), F.interpolate(to_image[1](features[1]), scale_factor=2))
    torch.testing.assert_close(image(0.25), 0.75 * image(0.0) + 0.25 * image(1.0))


def test_growth_begins_at_the_first_level_and_ends_at_the_last():
    networks = [Deep(), Deep()]
    growth, course = Growth(networks, 1, 6), []
    for taken in range(1, 7):
        course.append([float(network.depth) for network in networks])
        growth.step(taken)
    assert [one for one, _ in course] == [0, 0, 0, 0.5, 1, 1]
    assert all(one == other for one, other in course)
    assert float(networks[0].depth) == 1


@pytest.mark.parametrize(("discriminator_steps", "generator_steps"), [(1, 1), (3, 1), (1, 2), (2, 0)])
def test_both_players_have_grown_when_the_game_is_over(discriminator_steps, generator_steps):
    settings = AdversarialFitting(updates=7, discriminator_steps=discriminator_steps, generator_steps=generator_steps)
    players = [Player(network=Deep(), loss=lambda x, context: {}) for _ in range(2)]
    judge, maker = growing_players(players[0], players[1], 2, settings)
    seen, taken = [], {id(judge): 0, id(maker): 0}
    for _ in range(settings.updates):
        for player, steps in ((judge, discriminator_steps), (maker, generator_steps)):
            for _ in range(steps):
                seen.append(float(judge.network.depth))
                if player.after_step is not None:
                    taken[id(player)] += 1
                    player.after_step(taken[id(player)])
    assert seen[0] == 0
    assert max(seen) <= 2
    assert float(judge.network.depth) == float(maker.network.depth) == 2
