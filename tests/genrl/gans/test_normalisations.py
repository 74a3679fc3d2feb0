import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genrl.gans.normalisations import PixelNorm, adaptive_instance_norm, with_batch_deviation


def test_pixels_have_a_root_mean_square_of_one_and_keep_their_direction():
    torch.manual_seed(0)
    x = 100 * torch.randn(3, 8, 2, 2)
    y = PixelNorm()(x)
    torch.testing.assert_close(y.square().mean(1), torch.ones(3, 2, 2))
    torch.testing.assert_close(torch.cosine_similarity(x, y), torch.ones(3, 2, 2))
    assert torch.isfinite(PixelNorm()(torch.zeros(2, 3))).all()


def test_adaptive_instance_norm_by_hand():
    x = torch.tensor([[1.0, 3.0], [3.0, 5.0]]).reshape(1, 1, 2, 2)  # mean 3, variance 2
    y = adaptive_instance_norm(x, torch.tensor([[2.0]]), torch.tensor([[10.0]])).flatten()
    step = 2 * 2 / 2**0.5
    assert y.tolist() == pytest.approx([10 - step, 10, 10, 10 + step])


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(-3, 3), shift=st.floats(-3, 3), spread=st.floats(0.1, 100), centre=st.floats(-100, 100))
def test_what_comes_out_has_the_moments_of_the_style(scale, shift, spread, centre):
    x = centre + spread * torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    y = adaptive_instance_norm(x, torch.full((2, 3), scale), torch.full((2, 3), shift))
    torch.testing.assert_close(y.mean((2, 3)), torch.full((2, 3), shift), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(y.std((2, 3), correction=0), torch.full((2, 3), abs(scale)), atol=1e-3, rtol=1e-3)


def test_adaptive_instance_norm_is_that_of_torch_with_a_scale_for_each_row():
    torch.manual_seed(0)
    x, scale, shift = torch.randn(4, 3, 6, 6), torch.randn(4, 3), torch.randn(4, 3)
    theirs = torch.nn.functional.instance_norm(x, eps=1e-8) * scale[..., None, None] + shift[..., None, None]
    torch.testing.assert_close(adaptive_instance_norm(x, scale, shift), theirs)


def test_a_channel_that_does_not_vary_gives_the_shift_and_finite_gradients():
    x = torch.ones(1, 2, 4, 4, requires_grad=True)
    y = adaptive_instance_norm(x, torch.ones(1, 2), torch.tensor([[0.5, -2.0]]))
    assert y[0, :, 0, 0].tolist() == [0.5, -2.0]
    y.square().sum().backward()
    assert torch.isfinite(x.grad).all()


def test_the_deviation_of_a_batch_is_seen_at_each_pixel():
    torch.manual_seed(0)
    x = torch.randn(1000, 4, 3, 3)
    y = with_batch_deviation(2 * x)
    assert y.shape == (1000, 5, 3, 3)
    assert torch.equal(y[:, :4], 2 * x)
    assert y[:, 4].unique().item() == pytest.approx(2.0, abs=0.05)
    alike = with_batch_deviation(x[:1].expand(8, -1, -1, -1))
    assert alike[:, 4].max().item() < 1e-3
