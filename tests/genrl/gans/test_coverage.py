import pytest
import torch

from genrl.gans.coverage import coverage


def mixture(n, modes, seed):
    generator = torch.Generator().manual_seed(seed)
    which = torch.randint(modes, (n,), generator=generator)
    return 10.0 * which[:, None] + torch.randn(n, 2, generator=generator)


def test_one_distribution_is_covered():
    reached = [coverage(mixture(300, 8, seed), mixture(300, 8, 100 + seed)) for seed in range(10)]
    assert sum(reached) / 10 == pytest.approx(1 - 2**-5, abs=0.01)


@pytest.mark.parametrize("modes", [1, 2, 4])
def test_a_part_of_the_modes_covers_a_part(modes):
    assert coverage(mixture(800, 8, 0), mixture(800, modes, 1)) == pytest.approx(modes / 8, abs=0.04)


def test_a_single_point_and_what_is_far_away_cover_next_to_nothing():
    assert coverage(mixture(400, 8, 0), torch.zeros(400, 2)) < 0.05
    assert coverage(mixture(400, 8, 0), torch.full((400, 2), 1e4)) == 0.0


def test_two_rows_are_enough():
    rows = torch.tensor([[0.0], [1.0]])
    assert coverage(rows, rows) == 1.0
    assert coverage(rows, rows + 5) == 0.0
