"""The prior of codes: a distribution, over sequences that it can learn."""

import pytest
import torch
from learned import Learned

from genrl.autoencoders.autoregressive_codes import AutoregressiveCodes
from genrl.errors import InputError
from genrl.training.gradient_fitting import GradientFitting

QUICK = GradientFitting(updates=150, batch_size=200, learning_rate=0.01, validation=0)


@pytest.mark.parametrize("context_features", [0, 2])
@pytest.mark.parametrize("positions", [1, 3])
def test_the_probabilities_of_all_codes_sum_to_one(context_features: int, positions: int) -> None:
    torch.manual_seed(0)
    prior = AutoregressiveCodes(3, embedding=2, hidden=(8, 8)).build(positions, context_features)
    codes = torch.cartesian_prod(*[torch.arange(3.0)] * positions).reshape(-1, positions)
    context = torch.randn(1, 2).expand(len(codes), -1) if context_features else None
    with torch.no_grad():
        assert prior.log_prob(codes, context).exp().sum().item() == pytest.approx(1.0, abs=1e-5)


def test_each_code_depends_on_those_before_it_alone() -> None:
    torch.manual_seed(0)
    prior = AutoregressiveCodes(4, hidden=(32,)).build((1, 2, 2))
    codes = torch.randint(4, (1, 4))
    before = prior._logits(codes, None)
    for changed in range(4):
        other = codes.clone()
        other[0, changed] = (other[0, changed] + 1) % 4
        moved = (prior._logits(other, None) - before)[0].abs().sum(0) > 1e-6
        assert moved.tolist() == [position > changed for position in range(4)]


def test_it_learns_a_chain_of_copies(seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    first = torch.randint(5, (2000, 1)).float()
    x = torch.cat([first, first, (first + 1) % 5], 1)
    prior = AutoregressiveCodes(5, fitting=QUICK).fit(x)
    with torch.no_grad():
        probability = prior.log_prob(x).mean().exp()
    learned("error of the probability", (probability - 0.2).abs(), below=0.03, baseline=0.2 - 0.2**3)
    samples = prior.sample(1000)
    right = (samples[:, 0] == samples[:, 1]) & (samples[:, 2] == (samples[:, 0] + 1) % 5)
    learned("right rows", right.float().mean(), above=0.95, baseline=1 / 25)
    rarest = torch.bincount(samples[:, 0].long(), minlength=5).min()  # 200 are expected
    learned("rows of the rarest code", rarest, above=120, baseline=0)


def test_it_learns_what_the_context_says() -> None:
    torch.manual_seed(0)
    context = torch.randint(4, (1000, 1)).float()
    prior = AutoregressiveCodes(4, fitting=QUICK).fit(3 - context, context=context)
    assert torch.equal(prior.sample((), torch.tensor([[0.0], [3.0]])), torch.tensor([[3.0], [0.0]]))


def test_samples_of_no_rows() -> None:
    assert AutoregressiveCodes(4).build((1, 2, 2)).sample(0).shape == (0, 1, 2, 2)


@pytest.mark.parametrize("bad", [-1.0, 4.0, 1.5])
def test_other_numbers_are_refused(bad: float) -> None:
    with pytest.raises(InputError, match=r"x must hold the integers 0 .. 3"):
        AutoregressiveCodes(4).build(2).log_prob(torch.tensor([[1.0, bad]]))


@pytest.mark.parametrize("context_features", [0, 2])
def test_the_mode_takes_the_likeliest_code_at_each_position_in_turn(context_features: int) -> None:
    torch.manual_seed(0)
    prior = AutoregressiveCodes(3, embedding=2, hidden=(8, 8)).build(2, context_features)
    context = torch.randn(4, 2) if context_features else None
    every = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0))
    rows = context[:, None] if context is not None else [None]
    found = []
    for row in rows:
        with torch.no_grad():
            joint = prior.log_prob(every, None if row is None else row.expand(9, -1)).exp().reshape(3, 3)
        first = int(joint.sum(1).argmax())
        found.append([first, int(joint[first].argmax())])
    assert prior.mode(context).tolist() == (found if context_features else found[0])
