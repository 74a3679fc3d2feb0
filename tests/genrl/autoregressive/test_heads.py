import math

import pytest
import torch
from torch.distributions import Categorical as TorchCategorical
from torch.distributions import MixtureSameFamily, Normal

from genrl.autoregressive.heads import Categorical, Choice, GaussianMixture, LogisticMixture, chosen
from genrl.errors import InputError

CHANCES = torch.tensor([0.1, 0.2, 0.3, 0.4])


def uniform(count: int) -> torch.Tensor:
    """Evenly spread in 0 .. 1, so that frequencies are the probabilities."""
    return (torch.arange(count) + 0.5) / count


def test_a_softmax_is_torchs():
    numbers, x = torch.randn(5, 3, 7), torch.randint(7, (5, 3)).float()
    expected = TorchCategorical(logits=numbers).log_prob(x)
    assert torch.allclose(Categorical(7).log_prob(numbers, x), expected, atol=1e-6)


@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0])
@pytest.mark.parametrize("levels", [2, 5, 256])
def test_logistics_sum_to_one(levels, scale):
    torch.manual_seed(0)
    numbers = (scale * torch.randn(20, 12)).requires_grad_()
    log_probs = LogisticMixture(levels, 4).log_probs(numbers)
    assert log_probs.shape == (20, levels)
    assert torch.allclose(log_probs.logsumexp(-1), torch.zeros(20), atol=1e-4)
    log_probs.sum().backward()
    assert torch.isfinite(numbers.grad).all()


def test_logistics_are_differences_of_sigmoids():
    torch.manual_seed(0)
    numbers = torch.randn(30, 6, dtype=torch.float64)
    weights, means, log_scales = numbers.unflatten(-1, (3, 2)).unbind(1)
    edges = torch.linspace(-1.25, 1.25, 6, dtype=torch.float64)  # of the bins around -1, -0.5, 0, 0.5, 1
    edges[0], edges[-1] = -math.inf, math.inf
    below = ((edges[:, None, None] - means) * (-log_scales).exp()).sigmoid()
    expected = ((below[1:] - below[:-1]) * weights.softmax(-1)).sum(-1).T.log()
    assert torch.allclose(LogisticMixture(5, 2).log_probs(numbers), expected, atol=1e-10)


def test_gaussians_are_torchs():
    torch.manual_seed(0)
    numbers, x = torch.randn(6, 9, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    weights, means, log_stds = numbers.unflatten(-1, (3, 3)).unbind(1)
    mixture = MixtureSameFamily(TorchCategorical(logits=weights), Normal(means, log_stds.exp()))
    assert torch.allclose(GaussianMixture(3).log_prob(numbers, x), mixture.log_prob(x), atol=1e-10)


def test_draws_have_the_probabilities():
    noise = uniform(1000)
    drawn = chosen(CHANCES.log().expand(1000, -1), noise, Choice())
    assert (drawn.bincount() / 1000).tolist() == pytest.approx(CHANCES.tolist(), abs=2e-3)


def test_a_temperature_is_a_power():
    drawn = chosen(CHANCES.log().expand(1000, -1), uniform(1000), Choice(temperature=0.5))
    expected = CHANCES.square() / CHANCES.square().sum()
    assert (drawn.bincount() / 1000).tolist() == pytest.approx(expected.tolist(), abs=2e-3)
    assert chosen(CHANCES.log().expand(9, -1), uniform(9), Choice(temperature=0)).tolist() == [3] * 9


def test_only_the_likeliest_levels():
    drawn = chosen(CHANCES.log().expand(700, -1), uniform(700), Choice(top_k=2))
    assert (drawn.bincount(minlength=4) / 700).tolist() == pytest.approx([0, 0, 3 / 7, 4 / 7], abs=2e-3)
    assert chosen(CHANCES.log().expand(9, -1), uniform(9), Choice(top_k=1)).tolist() == [3] * 9


def test_of_equally_likely_levels_no_more_are_left_than_asked_for():
    drawn = chosen(torch.zeros(500, 5), torch.linspace(0, 0.999, 500), Choice(top_k=2))
    assert len(drawn.unique()) == 2


def test_a_level_without_probability_is_never_drawn():
    logits = torch.tensor([-math.inf, 0.0, -math.inf, 0.0, -math.inf])
    noise = torch.tensor([0.0, 0.25, 0.5, 0.75, 1 - 2**-24])
    assert chosen(logits.expand(5, -1), noise, Choice()).tolist() == [1, 1, 3, 3, 3]


def test_gaussian_draws_have_the_moments():
    torch.manual_seed(0)
    head = GaussianMixture(2)
    numbers = torch.tensor([math.log(0.25), math.log(0.75), -2.0, 2.0, -1.0, 0.0]).expand(20_000, -1)
    drawn = head.draw(numbers, head.noise((20_000,), numbers), Choice())
    second = 0.25 * (4 + math.exp(-2)) + 0.75 * (4 + 1)
    assert drawn.mean().item() == pytest.approx(1.0, abs=0.05)
    assert drawn.square().mean().item() == pytest.approx(second, rel=0.03)
    assert head.draw(numbers[:3], head.noise((3,), numbers), Choice(temperature=0)).tolist() == [2.0] * 3


def test_a_temperature_cools_the_logistics():
    head, noise = LogisticMixture(1001, 1), uniform(4_000)[:, None]
    numbers = torch.tensor([0.0, 0.2, math.log(0.05)]).expand(len(noise), -1)
    drawn = {heat: head.draw(numbers, noise, Choice(temperature=heat)) for heat in (1.0, 0.25, 0.0)}
    assert all(found.mean().item() == pytest.approx(600, abs=0.5) for found in drawn.values())
    assert drawn[1.0].std().item() == pytest.approx(500 * 0.05 * math.pi / math.sqrt(3), rel=0.01)
    assert drawn[0.25].std().item() == pytest.approx(0.5 * drawn[1.0].std().item(), rel=0.01)
    assert (drawn[0.0] == 600).all()


def test_a_cool_mixture_does_not_end_where_numbers_were_clipped():
    """A third of the numbers lies in the last level, a likelier one than any in the middle."""
    head, noise = LogisticMixture(256, 1), uniform(1000)[:, None]
    numbers = torch.tensor([0.0, 0.8, math.log(0.3)]).expand(len(noise), -1)
    assert head.log_probs(numbers[0]).argmax() == 255
    cool = head.draw(numbers, noise, Choice(temperature=0.1))
    assert cool.median().item() == pytest.approx(0.9 * 255, abs=1)
    assert (cool == 255).float().mean() < (head.draw(numbers, noise, Choice()) == 255).float().mean()


def test_of_several_logistics_the_cool_draw_prefers_the_heavy():
    head, noise = LogisticMixture(101, 2), uniform(1000)[:, None]
    numbers = torch.tensor([math.log(0.4), math.log(0.6), -0.5, 0.5, -5.0, -5.0]).expand(len(noise), -1)
    for heat, share in ((1.0, 0.6), (0.5, 0.36 / 0.52), (0.0, 1.0)):
        drawn = head.draw(numbers, noise, Choice(temperature=heat))
        assert (drawn > 50).float().mean().item() == pytest.approx(share, abs=2e-3)
        assert (drawn[drawn > 50] - 75).abs().max() < 4


def test_wrong_choices_are_refused():
    with pytest.raises(InputError, match="temperature"):
        Choice(temperature=-1.0)
    with pytest.raises(InputError, match="temperature"):
        Choice(temperature=math.nan)
    with pytest.raises(InputError, match="top_k"):
        Choice(top_k=0)
    head, numbers = GaussianMixture(1), torch.zeros(2, 3)
    with pytest.raises(InputError, match="top_k is for levels"):
        head.draw(numbers, head.noise((2,), numbers), Choice(top_k=3))
