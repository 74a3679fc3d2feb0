import numpy as np
import pytest
import torch
from scipy import stats

from genrl.mixtures.sampling import pick
from genrl.mixtures.student_mixture import IndependentColumns, JointColumns, StudentMixture


def mixture(kind, degrees=(5.0, 9.0)):
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(2, 3, 3, generator=generator, dtype=torch.float64)
    scales = root @ root.mT + 0.5 * torch.eye(3)
    return StudentMixture(
        weights=torch.tensor([0.3, 0.7], dtype=torch.float64),
        means=torch.tensor([[0.0, 1.0, -1.0], [3.0, -2.0, 2.0]], dtype=torch.float64),
        scales=scales if kind == "joint" else scales.diagonal(dim1=-2, dim2=-1).contiguous(),
        degrees=torch.tensor(degrees, dtype=torch.float64),
    )


COLUMNS = {"joint": JointColumns(), "independent": IndependentColumns()}


def oracle(kind, found, x):
    parts = []
    for k in range(2):
        mean, scale, degrees = found.means[k].numpy(), found.scales[k].numpy(), found.degrees[k].item()
        if kind == "joint":
            density = stats.multivariate_t(mean, scale, degrees).logpdf(x)
        else:
            density = stats.t(degrees, mean, np.sqrt(scale)).logpdf(x).sum(1)
        parts.append(density + np.log(found.weights[k].item()))
    return np.stack(parts, 1)


@pytest.mark.parametrize("kind", COLUMNS)
def test_density_and_marginal_equal_scipys(kind):
    x = np.random.default_rng(0).normal(size=(50, 3)) * 4
    found = mixture(kind)
    assert COLUMNS[kind].log_density(torch.from_numpy(x), found).numpy() == pytest.approx(oracle(kind, found, x))
    marginal = COLUMNS[kind].marginal(found, 2)
    density = COLUMNS[kind].log_density(torch.from_numpy(x[:, :2]), marginal).numpy()
    assert density == pytest.approx(oracle(kind, marginal, x[:, :2]))


@pytest.mark.parametrize("kind", COLUMNS)
def test_samples_have_the_distribution_of_each_column(kind):
    torch.manual_seed(0)
    found = mixture(kind)
    drawn = COLUMNS[kind].draw(found, pick(found.weights[None], (4, 5000))[..., 0])
    assert drawn.shape == (4, 5000, 3)
    for column in range(3):
        variances = found.scales[:, column, column] if kind == "joint" else found.scales[:, column]
        parts = [
            stats.t(found.degrees[k].item(), found.means[k, column].item(), variances[k].item() ** 0.5) for k in (0, 1)
        ]
        cdf = lambda x, parts=parts: 0.3 * parts[0].cdf(x) + 0.7 * parts[1].cdf(x)  # noqa: E731
        assert stats.kstest(drawn[..., column].flatten().numpy(), cdf).pvalue > 0.01


@pytest.mark.parametrize("kind", COLUMNS)
def test_samples_given_the_first_columns_follow_joint_over_marginal(kind):
    torch.manual_seed(0)
    found, context = mixture(kind), torch.tensor([[1.0, 0.0], [6.0, -4.0]], dtype=torch.float64)
    drawn = COLUMNS[kind].draw_given(found, context, (4000,))
    assert drawn.shape == (4000, 2, 1)
    grid = torch.linspace(-60, 60, 24_001, dtype=torch.float64)
    for row in range(2):
        joint = COLUMNS[kind].log_density(torch.cat([context[row].expand(len(grid), 2), grid[:, None]], 1), found)
        density = joint.logsumexp(1)
        density = density - COLUMNS[kind].log_density(
            context[row : row + 1], COLUMNS[kind].marginal(found, 2)
        ).logsumexp(1)
        cumulative = density.exp().cumsum(0).numpy() * 0.005
        assert cumulative[-1] == pytest.approx(1.0, abs=1e-3)
        cdf = lambda x, c=cumulative: np.interp(x, grid.numpy(), c)  # noqa: E731
        assert stats.kstest(drawn[:, row, 0].numpy(), cdf).pvalue > 0.01


def test_no_samples_have_the_right_shape():
    for kind, columns in COLUMNS.items():
        assert columns.draw(mixture(kind), torch.zeros(0, dtype=torch.long)).shape == (0, 3)
        assert columns.draw_given(mixture(kind), torch.zeros(2, 1, dtype=torch.float64), (0,)).shape == (0, 2, 2)
