import warnings
from typing import Any

import numpy as np
import pytest
import torch

from genrl.errors import InputError
from genrl.flows import Glow
from genrl.flows.actnorm import ActNorm
from genrl.flows.lu_linear import LULinear
from genrl.flows.multi_scale import MultiScale, squeeze, unsqueeze
from genrl.training.gradient_fitting import GradientFitting

BRIEF: dict[str, Any] = {"transforms": 2, "hidden": (8, 8), "fitting": GradientFitting(updates=10, batch_size=32)}


def images(rows: int, channels: int = 1, size: int = 8) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(rows, channels, size, size) + torch.linspace(0, 2, size)


def test_actnorm_starts_with_mean_zero_and_deviation_one() -> None:
    x = torch.randn(500, 3) * torch.tensor([0.1, 5.0, 1.0]) + torch.tensor([7.0, 0.0, -3.0])
    norm = ActNorm(3)
    norm.initialise(x)
    z, log_det = norm(x)
    torch.testing.assert_close(z.mean(0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(z.std(0, unbiased=False), torch.ones(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(log_det, -x.std(0, unbiased=False).log().sum())
    torch.testing.assert_close(norm.inverse(z)[0], x, atol=1e-4, rtol=0)


def test_actnorm_of_images_is_per_channel_and_counts_every_pixel() -> None:
    x = torch.randn(50, 4, 4, 2) * torch.tensor([2.0, 3.0])
    norm = ActNorm(2)
    norm.initialise(x)
    z, log_det = norm(x)
    torch.testing.assert_close(z.flatten(0, 2).std(0, unbiased=False), torch.ones(2), atol=1e-4, rtol=0)
    assert float(log_det.detach()) == pytest.approx(16 * float(norm.log_scale.detach().sum()), rel=1e-5)


def test_the_first_actnorm_of_a_fit_is_set_by_the_data() -> None:
    flow = Glow(**BRIEF).build(3)
    x = torch.randn(200, 3) @ torch.randn(3, 3)
    flow.initialise(x)
    z = flow.standardise(x)[0]
    for transform in flow.stack.transforms:
        z = transform(z)[0]
        if isinstance(transform, ActNorm):
            torch.testing.assert_close(z.std(0, unbiased=False), torch.ones(3), atol=1e-3, rtol=0)


@pytest.mark.parametrize("features", [1, 2, 6])
def test_lu_log_det_is_that_of_the_matrix(features: int) -> None:
    torch.manual_seed(features)
    linear = LULinear(features)
    torch.testing.assert_close(linear(torch.eye(features))[0], torch.eye(features))
    for parameter in linear.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    matrix, log_det = linear(torch.eye(features))
    torch.testing.assert_close(torch.linalg.slogdet(matrix)[1], log_det)
    x = torch.randn(9, features)
    torch.testing.assert_close(linear(x)[0], x @ matrix)
    torch.testing.assert_close(linear.inverse(linear(x)[0])[0], x, atol=1e-4, rtol=0)


def test_lu_of_images_is_a_convolution_of_one_pixel() -> None:
    torch.manual_seed(0)
    linear = LULinear(3)
    for parameter in linear.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    matrix = linear(torch.eye(3))[0]
    x = torch.randn(2, 4, 5, 3)
    z, log_det = linear(x)
    expected = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), matrix.T[:, :, None, None]).permute(0, 2, 3, 1)
    torch.testing.assert_close(z, expected, atol=1e-5, rtol=1e-5)
    assert float(log_det.detach()) == pytest.approx(20 * float(linear.log_diagonal.detach().sum()), abs=1e-4)


def test_squeeze_makes_one_pixel_of_four() -> None:
    x = torch.arange(16.0).reshape(1, 4, 4, 1)
    assert squeeze(x)[0, 0, 0].tolist() == [0.0, 1.0, 4.0, 5.0]
    assert unsqueeze(squeeze(x)).equal(x)


def test_image_flow_inverts_and_its_log_det_is_that_of_autograd() -> None:
    flow = Glow(levels=2, **BRIEF).fit(images(64, 1, 4), context=torch.randn(64, 2))
    assert isinstance(flow.stack.transforms[0], MultiScale)
    x, context = images(5, 1, 4), torch.randn(5, 2)
    z, log_det = flow.transform(x, context)
    back, log_det_back = flow.inverse(z, context)
    assert (back - x).abs().max() < 1e-4
    torch.testing.assert_close(log_det, -log_det_back, atol=1e-3, rtol=1e-4)
    jacobian = torch.autograd.functional.jacobian(lambda row: flow.transform(row[None], context[:1])[0][0], x[0])
    expected = torch.linalg.slogdet(jacobian.reshape(16, 16))[1]
    assert float(log_det[0].detach()) == pytest.approx(float(expected), abs=1e-3)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_image_flows_learn_and_sample_at_every_number_of_levels(levels: int) -> None:
    flow = Glow(levels=levels, **BRIEF).fit(images(100, 2))
    assert flow.sample((2, 3)).shape == (2, 3, 2, 8, 8)
    assert torch.isfinite(flow.log_prob(images(10, 2))).all()


AWKWARD = {
    "a constant image": torch.full((20, 1, 4, 4), 3.0),
    "a constant channel": torch.cat([images(20, 1, 4), torch.zeros(20, 1, 4, 4)], 1),
    "duplicated rows": images(2, 1, 4).repeat(15, 1, 1, 1),
    "one row": images(1, 2, 4),
    "far": 1e6 * images(20, 1, 4),
    "an outlier": torch.cat([images(20, 1, 4), torch.full((1, 1, 4, 4), -1e6)]),
}


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("batch_size", [1, 32])
def test_awkward_images_give_no_nan(name: str, batch_size: int) -> None:
    torch.manual_seed(0)
    x = AWKWARD[name]
    flow = Glow(**BRIEF | {"fitting": GradientFitting(updates=10, batch_size=batch_size)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a fit that met a NaN would end early, with a warning
        flow.fit(x)
    assert torch.isfinite(flow.sample(20)).all()
    for rows in (x, x[:1]):
        assert np.isfinite(flow.score_samples(rows)).all()


@pytest.mark.parametrize("size", [1e6, -1e6, 1e8])
def test_far_images_have_finite_densities_and_gradients(size: float) -> None:
    flow = Glow(**BRIEF).fit(images(40, 1, 4))
    x = torch.cat([torch.full((1, 1, 4, 4), size), images(1, 1, 4)])
    x[1, 0, 2, 2] = size  # one pixel alone
    x.requires_grad_()
    density = flow.log_prob(x)
    density.sum().backward()
    assert torch.isfinite(density).all()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_images_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(InputError, match="levels"):
        Glow(levels=2).build((1, 6, 6))
