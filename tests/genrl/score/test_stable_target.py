"""The mean of what noisy rows may have come from, against closed forms."""

import pytest
import torch

from genrl.score.stable_target import expected_rows


def noise_for(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    level = torch.logspace(-1, 1, len(rows))[:, None]
    return rows + level * torch.randn_like(rows), level


@pytest.mark.parametrize("columns", [1, 2])
def test_of_a_gaussian_it_is_the_shrunken_row(columns: int) -> None:
    torch.manual_seed(0)
    rows = torch.randn(4000, columns)
    noisy, level = noise_for(rows)
    expected = noisy / (1 + level.square())
    near = noisy.norm(dim=1) / (1 + level[:, 0].square()).sqrt() < 2  # farther out the batch has few rows
    error = (expected_rows(rows, noisy, level) - expected)[near].square().mean().sqrt()
    assert error < 0.06
    assert (rows - expected)[near].square().mean().sqrt() > 0.4


def test_where_the_noise_is_small_it_is_the_row_itself() -> None:
    torch.manual_seed(0)
    rows = torch.randn(200, 20)
    noisy = rows + 1e-2 * torch.randn_like(rows)
    assert torch.equal(expected_rows(rows, noisy, torch.full((200, 1), 1e-2)), rows)


def test_rows_of_another_context_are_no_candidates_unless_it_is_not_told() -> None:
    rows = torch.tensor([[0.0], [1.0], [10.0]])
    context = torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    level = torch.full((3, 1), 1e6)  # every candidate is as likely as any other
    told = expected_rows(rows, rows, level, context)
    torch.testing.assert_close(told, torch.tensor([[0.5], [0.5], [10.0]]))
    known = torch.tensor([[1.0], [0.0], [1.0]])
    torch.testing.assert_close(expected_rows(rows, rows, level, context, known)[1], rows.mean(0))


def test_it_has_the_mean_of_the_rows_and_less_noise() -> None:
    torch.manual_seed(0)
    rows = torch.cat([torch.randn(500, 2) - 4, torch.randn(500, 2) + 4])
    level = torch.full((1000, 1), 1.0)
    noisy = rows + torch.randn_like(rows)
    found = expected_rows(rows, noisy, level)
    torch.testing.assert_close(found.mean(0), rows.mean(0), atol=0.1, rtol=0.0)
    assert (found - rows).square().mean() == pytest.approx(0.5, abs=0.05)  # what no network could know
