"""Whitened trajectories: the map and its inverse, what does not vary, and rules that are linear."""

import pytest
import torch
from straight_lines import TIME, lines, make

from genrl.errors import InputError
from genrl.planners import Conditions, Given
from genrl.planners.whitening import Whitening


def correlated(rows: int, columns: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.eye(columns) + 0.5 * torch.randn(columns, columns, generator=generator)
    return torch.randn(rows, columns, generator=generator) @ mixing * torch.logspace(-2, 2, columns) + 7.0


def test_rows_become_uncorrelated_and_come_back() -> None:
    x, white = correlated(2000), Whitening(5)
    white.measure(x)
    z = white.remove(x)
    torch.testing.assert_close(z.T.cov(correction=0), torch.eye(5), atol=1e-3, rtol=0)
    torch.testing.assert_close(white.restore(z), x, rtol=1e-4, atol=1e-4)
    new = white.remove(white.restore(torch.ones(1, 5)))
    torch.testing.assert_close(new, torch.ones(1, 5), atol=1e-3, rtol=0)


def test_each_cell_is_still_mostly_itself() -> None:
    x, white = correlated(2000), Whitening(5)
    white.measure(x)
    both = torch.cat([x, white.remove(x)], 1)
    assert (torch.corrcoef(both.T)[:5, 5:].diagonal() > 0.8).all()


@pytest.mark.parametrize("degree", [0.0, 0.25, 1.0])
def test_a_part_of_the_way(degree: float) -> None:
    x, full, part = correlated(2000), Whitening(5), Whitening(5, degree)
    full.measure(x)
    part.measure(x)
    z = part.remove(x)
    torch.testing.assert_close(full.remove(x) @ part.spread, z, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(part.restore(z), x, rtol=1e-4, atol=1e-4)
    before, after = (torch.linalg.eigvalsh(torch.cov(rows.T, correction=0)) for rows in ((x - x.mean(0)) / x.std(0), z))
    torch.testing.assert_close(after, before ** (1 - degree), rtol=1e-2, atol=1e-3)


def test_there_is_no_further_way() -> None:
    with pytest.raises(InputError, match=r"degree must be within 0 \.\. 1"):
        Whitening(5, 1.5)


def test_what_does_not_vary_is_restored_as_it_was() -> None:
    start = torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
    x, white = torch.cat([start, torch.full((500, 1), 3.0), 2 * start + 1], 1), Whitening(3)
    white.measure(x)
    assert (white.remove(x)[:, 1] == 0).all()
    torch.testing.assert_close(white.restore(white.remove(x)), x, atol=1e-4, rtol=0)
    # The third is a function of the first: also noise comes back as such a row.
    back = white.restore(torch.randn(50, 3))
    assert (back[:, 1] == 3).all()
    torch.testing.assert_close(back[:, 2], 2 * back[:, 0] + 1, atol=1e-4, rtol=1e-4)


def test_rules_that_are_linear_hold_in_plans_of_a_model_that_has_hardly_learned() -> None:
    sampler = make("score", Given(first=(0, 1), throughout=(2,)), updates=3).fit(lines(1000))
    plans = sampler.sample(100, TIME, Conditions.at(0, [0, 1, 2], [1.0, 0.5, 0.0], shape=(1, 3)))
    torch.testing.assert_close(plans[:, 1:, 0] - plans[:, :-1, 0], plans[:, :-1, 1], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(plans[:, :, 0], (1 + 0.5 * torch.arange(TIME)).expand(100, TIME), atol=1e-3, rtol=1e-3)
