import pytest
import torch
from sklearn.cluster import KMeans

from genrl.mixtures.starts import first_responsibilities, k_means, k_means_plus_plus, random_generator


def corners(rows_each=50):
    generator = torch.Generator().manual_seed(0)
    centres = 20.0 * torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    return (centres[:, None] + torch.randn(4, rows_each, 2, generator=generator, dtype=torch.float64)).flatten(0, 1)


def test_k_means_plus_plus_spreads_where_chance_does_not():
    x, spread, chance = corners(), 0, 0
    for seed in range(50):
        spread += len(set((k_means_plus_plus(x, 4, random_generator(seed)) // 50).tolist())) == 4
        chance += len(set((torch.randperm(200, generator=random_generator(seed))[:4] // 50).tolist())) == 4
    assert spread >= 45
    assert chance <= 15


def test_k_means_plus_plus_draws_in_proportion_to_squared_distance():
    x = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
    seconds = torch.zeros(3)
    for seed in range(2000):
        first, second = k_means_plus_plus(x, 2, random_generator(seed)).tolist()
        if first == 0:
            seconds[second] += 1
    assert seconds[0] == 0
    assert (seconds[2] / seconds.sum()).item() == pytest.approx(0.9, abs=0.04)  # 9 to 1


def test_rows_that_are_all_equal_are_no_error():
    assert len(k_means_plus_plus(torch.ones(5, 2), 3, random_generator(0))) == 3


def test_k_means_is_as_good_as_scikit_learns():
    x = torch.randn(500, 3, generator=random_generator(0), dtype=torch.float64)
    inertias = []
    for seed in range(5):
        labels = k_means(x, 6, random_generator(seed), iterations=300)
        inertias.append(
            sum(((x[labels == k] - x[labels == k].mean(0)) ** 2).sum().item() for k in range(6) if (labels == k).any())
        )
    oracle = KMeans(6, n_init=5, random_state=0).fit(x.numpy())
    assert min(inertias) <= 1.02 * oracle.inertia_


def test_k_means_finds_the_corners():
    labels = k_means(corners(), 4, random_generator(1)).view(4, 50)
    assert all(len(set(row.tolist())) == 1 for row in labels)
    assert len(set(labels[:, 0].tolist())) == 4


@pytest.mark.parametrize("how", ["kmeans", "k-means++", "random", "random_from_data"])
def test_responsibilities_are_shares(how):
    shares = first_responsibilities(how, corners(), 4, random_generator(0))
    assert shares.shape == (200, 4)
    assert (shares >= 0).all()
    totals = shares.sum(1)
    if how in ("kmeans", "random"):
        torch.testing.assert_close(totals, torch.ones_like(totals))
    else:  # one row for each component
        assert totals.sum() == 4
        assert (shares.sum(0) == 1).all()


def test_without_a_seed_starts_differ():
    assert random_generator(None).initial_seed() != random_generator(None).initial_seed()
    assert random_generator(3).initial_seed() == 3
