import pytest
import torch

from genrl.gans.objectives import CROSS_ENTROPY, HINGE, LEAST_SQUARES, WASSERSTEIN, least_squares_log_ratio


def test_a_least_squares_output_gives_back_the_log_ratio():
    ratio = torch.linspace(-5.2, 5.2, 53)
    torch.testing.assert_close(least_squares_log_ratio(torch.tanh(ratio / 2)), ratio, rtol=1e-4, atol=1e-4)


def test_an_output_that_overshoots_its_target_stays_finite():
    limit = least_squares_log_ratio(torch.tensor(0.99)).item()
    assert limit == pytest.approx(5.293, abs=1e-3)
    assert least_squares_log_ratio(torch.tensor([-7.0, 1.0, 7.0])).tolist() == pytest.approx([-limit, limit, limit])


def optimum(objective, density_real, density_fake):
    """The output that minimises the loss where both densities are known, by gradient descent on one number."""
    output = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([output], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        # The loss averages over rows, so a density of 3 is three rows.
        rows = torch.cat([torch.ones(density_real), torch.zeros(density_fake)])
        loss = objective.loss(output.expand(len(rows)), rows)
        loss.backward()
        return loss

    optimizer.step(closure)
    return output.detach()


@pytest.mark.parametrize("objective", [CROSS_ENTROPY, LEAST_SQUARES])
@pytest.mark.parametrize(("real", "fake"), [(3, 1), (1, 1), (1, 9)])
def test_the_best_output_holds_the_log_ratio(objective, real, fake):
    expected = torch.tensor([real / fake]).log()
    torch.testing.assert_close(objective.log_ratio(optimum(objective, real, fake)), expected, rtol=1e-3, atol=1e-3)


def test_a_wasserstein_loss_knows_no_zero():
    """Raising the critic everywhere by the same changes nothing, so no level of it means anything."""
    outputs, targets = torch.randn(40), torch.arange(40) % 2 * 1.0
    torch.testing.assert_close(WASSERSTEIN.loss(outputs, targets), WASSERSTEIN.loss(outputs + 5, targets))
    assert WASSERSTEIN.log_ratio is None


@pytest.mark.parametrize(("real", "fake", "best"), [(3, 1, 1.0), (1, 9, -1.0)])
def test_a_hinge_says_who_is_likelier_and_not_by_how_much(real, fake, best):
    """The loss is piecewise linear in the output, so its least value on a fine grid is at one of the margins."""
    grid = torch.linspace(-3, 3, 601)
    rows = torch.cat([torch.ones(real), torch.zeros(fake)])
    heights = torch.stack([HINGE.loss(output.expand(len(rows)), rows) for output in grid])
    assert grid[heights.argmin()].item() == pytest.approx(best, abs=0.011)
    assert HINGE.log_ratio is None
