"""The codebook: nearest codes, running means, gradients and restarts, against what is computed by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genrl.autoencoders.vector_quantizer import VectorQuantizer, nearest_codes, perplexity, straight_through


def quantizer_of(codebook: list[list[float]], **settings: float) -> VectorQuantizer:
    """With these codes, each in use as often as any other."""
    quantizer = VectorQuantizer(len(codebook), len(codebook[0]), **settings)
    quantizer.codebook.copy_(torch.tensor(codebook))
    quantizer.usage.fill_(1.0)
    return quantizer


@settings(max_examples=30)
@given(rows=st.integers(1, 40), size=st.integers(1, 20), width=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_the_nearest_code_is_that_of_brute_force(rows: int, size: int, width: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    vectors, codebook = (torch.randn(count, width, generator=generator) for count in (rows, size))
    distances = (vectors[:, None] - codebook[None]).double().square().sum(2)
    found = distances.gather(1, nearest_codes(vectors, codebook)[:, None])[:, 0]
    assert torch.allclose(found, distances.min(1).values, atol=1e-5)


def test_the_gradient_passes_straight_through() -> None:
    quantizer = quantizer_of([[0.0, 0.0], [1.0, 1.0]]).eval()
    x = torch.tensor([[0.9, 0.7]], requires_grad=True)
    found = quantizer(x)
    assert torch.equal(found.vectors, torch.tensor([[1.0, 1.0]]))
    (3.0 * found.vectors[0, 0] - 2.0 * found.vectors[0, 1].square()).backward()
    assert x.grad is not None
    # d/dq (3 q_0 - 2 q_1^2) at q = (1, 1), taken for the gradient at x.
    assert torch.equal(x.grad, torch.tensor([[3.0, -4.0]]))


def test_the_gradient_of_the_commitment_moves_x_alone() -> None:
    quantizer = quantizer_of([[0.0, 0.0], [1.0, 1.0]]).eval()
    x = torch.tensor([[0.9, 0.7], [0.0, 0.4]], requires_grad=True)
    found = quantizer(x)
    assert found.commitment.item() == pytest.approx((0.01 + 0.09 + 0.16) / 4)
    (gradient,) = torch.autograd.grad(found.commitment, [x])
    assert torch.allclose(gradient, 2 * torch.tensor([[-0.1, -0.3], [0.0, 0.4]]) / 4)
    assert not quantizer.codebook.requires_grad


def test_straight_through_has_the_value_of_one_and_the_gradient_of_the_other() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    value = straight_through(x, torch.tensor([5.0, 7.0]))
    assert torch.equal(value, torch.tensor([5.0, 7.0]))
    value.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.ones(2))


def test_codes_follow_the_running_mean_of_those_that_chose_them() -> None:
    torch.manual_seed(0)
    decay = 0.8
    quantizer = quantizer_of([[0.0, 0.0], [4.0, 4.0], [-50.0, 50.0]], decay=decay, restart_below=0.0)
    counts, sums = torch.ones(3, dtype=torch.float64), quantizer.codebook.double().clone()
    for _ in range(20):
        x = torch.randn(30, 2) + 4.0 * torch.randint(2, (30, 1))
        one_hot = torch.nn.functional.one_hot(nearest_codes(x, quantizer.codebook), 3).double()
        quantizer(x)
        counts = decay * counts + (1 - decay) * one_hot.sum(0)
        sums = decay * sums + (1 - decay) * one_hot.T @ x.double()
        assert torch.allclose(quantizer.codebook.double(), sums / counts[:, None], atol=1e-5)
        assert torch.allclose(quantizer.usage.double(), counts, rtol=1e-5)
    assert torch.equal(quantizer.codebook[2], torch.tensor([-50.0, 50.0]))  # nobody chose it


def test_a_code_that_nobody_uses_for_ever_stays_finite() -> None:
    quantizer = quantizer_of([[0.0], [9.0]], decay=0.5, restart_below=0.0)
    for _ in range(400):
        quantizer(torch.tensor([[0.1], [-0.1]]))
    assert quantizer.usage[1] == 0.0
    assert torch.equal(quantizer.codebook[1], torch.tensor([9.0]))
    assert torch.isfinite(quantizer.codebook).all()


def test_dead_codes_restart_on_vectors_of_the_batch() -> None:
    torch.manual_seed(0)
    quantizer = quantizer_of([[0.0], [100.0], [-100.0]], decay=0.9, restart_below=0.1)
    x = torch.cat([torch.randn(40, 1), torch.randn(40, 1) + 20.0])
    for _ in range(60):
        quantizer(x)
    assert float(quantizer.codebook.abs().max()) < 25.0
    assert int((quantizer.codes(x).bincount(minlength=3) > 0).sum()) == 3
    still = quantizer_of([[0.0], [100.0], [-100.0]], decay=0.9, restart_below=0.0)
    for _ in range(60):
        still(x)
    assert torch.equal(still.codebook[1:], torch.tensor([[100.0], [-100.0]]))


def test_the_first_batch_provides_the_codes() -> None:
    torch.manual_seed(0)
    quantizer = VectorQuantizer(4, 1, restart_below=0.0)
    x = torch.arange(100.0, 110.0)[:, None]
    quantizer(x)
    assert float(quantizer.codebook.min()) > 99.0
    assert len(quantizer.codes(x).unique()) == 4
    more = VectorQuantizer(6, 1)
    more(x[:2])  # codes for which there are not enough vectors are copies
    assert torch.equal(more.codebook.unique(), torch.tensor([100.0, 101.0]))


def test_nothing_is_learned_outside_of_training() -> None:
    quantizer = quantizer_of([[0.0], [1.0]])
    before = {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}
    x = torch.rand(50, 1) * 5
    codes = quantizer.codes(x)
    assert torch.equal(quantizer.eval()(x).codes, codes)
    assert all(torch.equal(before[name], tensor) for name, tensor in quantizer.state_dict().items())


def test_codes_of_grids() -> None:
    quantizer = quantizer_of([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]).eval()
    codes = torch.tensor([[[0, 1], [2, 1]], [[2, 2], [0, 0]]])
    vectors = quantizer.look_up(codes)
    assert vectors.shape == (2, 2, 2, 2)
    assert torch.equal(quantizer(vectors + 0.1).codes, codes)


def test_perplexity_by_hand() -> None:
    assert perplexity(torch.tensor([3.0, 3.0, 3.0, 3.0])).item() == pytest.approx(4.0)
    assert perplexity(torch.tensor([7.0, 0.0, 0.0])).item() == 1.0
    # Shares of 1/2, 1/4, 1/4: an entropy of 1.5 bits.
    assert perplexity(torch.tensor([2.0, 1.0, 1.0])).item() == pytest.approx(2**1.5)
    quantizer = quantizer_of([[0.0], [1.0], [2.0], [3.0]])
    quantizer.usage.copy_(torch.tensor([8.0, 4.0, 4.0, 0.0]))
    assert quantizer.perplexity.item() == pytest.approx(math.exp(1.5 * math.log(2)))
    assert quantizer.used.item() == 0.75
