import pytest
import torch
from torch.distributions import MultivariateNormal

from genrl.autoencoders.code_gaussian import CodeGaussian
from genrl.errors import InputError


def test_it_is_the_gaussian_of_the_moments() -> None:
    torch.manual_seed(0)
    x = torch.randn(400, 3, dtype=torch.float64) @ torch.randn(3, 3, dtype=torch.float64) + 2.0
    found = CodeGaussian().fit(x)
    expected = MultivariateNormal(x.mean(0), x.T.cov(correction=0)).log_prob(x)
    torch.testing.assert_close(found.log_prob(x), expected, atol=1e-4, rtol=1e-4)
    samples = found.sample(20_000)
    assert (samples.T.cov() - x.T.cov()).abs().max() < 0.2
    assert (samples.mean(0) - x.mean(0)).abs().max() < 0.1


def test_its_mean_follows_a_context() -> None:
    torch.manual_seed(0)
    context = torch.randn(2000, 2)
    x = context @ torch.tensor([[1.0, 0.0], [2.0, -1.0]]) + 3.0 + 0.1 * torch.randn(2000, 2)
    model = CodeGaussian().fit(x, context=context)
    means = model.sample((500,), torch.tensor([[0.0, 0.0], [1.0, 1.0]])).mean(0)
    assert means.flatten().tolist() == pytest.approx([3.0, 3.0, 6.0, 2.0], abs=0.05)


def test_labels_of_which_one_follows_from_the_others() -> None:
    x = torch.tensor([[0.0], [0.2], [10.0], [10.2]])
    model = CodeGaussian().fit(x, [5, 5, 6, 6])
    assert model.sample((50,), torch.tensor([5, 6])).mean((0, 2)).tolist() == pytest.approx([0.1, 10.1], abs=0.1)


@pytest.mark.parametrize("x", [torch.ones(1, 3), torch.ones(5, 3), torch.arange(4.0)[:, None].repeat(1, 3)])
def test_codes_that_fill_no_space(x: torch.Tensor) -> None:
    model = CodeGaussian().fit(x)
    assert torch.isfinite(model.log_prob(x)).all()
    assert torch.isfinite(model.sample(5)).all()


def test_images_are_no_codes() -> None:
    with pytest.raises(InputError, match="codes are rows of columns"):
        CodeGaussian().build((1, 4, 4))
