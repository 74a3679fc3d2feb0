import pytest
import scipy.stats
import torch

from genrl.errors import InputError
from genrl.flows.latent import Normal, StudentT, latent_of


def test_densities_are_those_of_torch() -> None:
    z = 5 * torch.randn(50, 3)
    torch.testing.assert_close(Normal(3).log_prob(z), torch.distributions.Normal(0, 1).log_prob(z).sum(1))
    torch.testing.assert_close(StudentT(3).log_prob(z), torch.distributions.StudentT(5.0).log_prob(z).sum(1))


@pytest.mark.parametrize(("latent", "name"), [(Normal(1), "norm"), (StudentT(1), "t")])
def test_samples_follow_the_density(latent: Normal | StudentT, name: str) -> None:
    torch.manual_seed(0)
    samples = latent.sample(4000)[:, 0].numpy()
    arguments = (5,) if name == "t" else ()
    assert scipy.stats.kstest(samples, name, arguments).pvalue > 0.01


def test_the_heavy_tail_stays_finite_where_squares_overflow() -> None:
    z = torch.tensor([[1e30], [-1e20], [0.0]], requires_grad=True)
    density = StudentT(1).log_prob(z)
    density.sum().backward()
    expected = torch.distributions.StudentT(5.0).log_prob(z.detach().double())[:, 0].float()
    torch.testing.assert_close(density, expected)
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()


def test_samples_come_in_the_precision_of_the_model() -> None:
    assert Normal(2).double().sample(3).dtype == torch.float64
    assert StudentT(2).double().sample(3).dtype == torch.float64


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="base"):
        latent_of("uniform", 2)  # type: ignore[arg-type]
