import torch

from genrl.flows.conditioner import Conditioner
from genrl.flows.coupling import MOST_LOG_SCALE, AffineCoupling, SplineCoupling, bounded, sizes
from genrl.flows.shuffle import shuffled
from genrl.flows.transform import Permutation, Standardisation


def affine(features: int) -> AffineCoupling:
    kept, changed = sizes(features)
    return AffineCoupling(features, Conditioner(kept, 0, 2 * changed, (8,), "tanh"))


def test_a_coupling_told_nothing_exchanges_the_halves_and_changes_nothing() -> None:
    x = torch.arange(10.0).reshape(2, 5) / 10
    for coupling in (affine(5), SplineCoupling(5, 0, hidden=(8,), activation="relu", bins=4, box=3.0)):
        for parameter in coupling.parameters():
            torch.nn.init.zeros_(parameter)
        z, log_det = coupling(x)
        torch.testing.assert_close(z, torch.cat([x[:, 2:], x[:, :2]], 1))
        torch.testing.assert_close(log_det, torch.zeros(2), atol=1e-5, rtol=0)


def test_a_new_conditioner_heeds_its_rows_and_not_the_context() -> None:
    torch.manual_seed(0)
    conditioner = Conditioner(2, 3, 4, (8,), "tanh")
    x, context = torch.randn(5, 2), torch.randn(5, 3)
    assert conditioner(x, context).equal(conditioner(x, -context))
    assert conditioner(x, context).std(0).min() > 1e-3
    conditioner(x, context).square().sum().backward()
    assert (conditioner.network[0].weight.grad[:, 2:] != 0).any()  # but it learns to


def test_the_kept_half_decides() -> None:
    torch.manual_seed(0)
    coupling = affine(4)
    torch.nn.init.normal_(coupling.conditioner.network[-1].weight)  # type: ignore[index, union-attr, arg-type]
    jacobian = torch.autograd.functional.jacobian(lambda row: coupling(row[None])[0][0], torch.randn(4))
    assert jacobian[2:].equal(torch.eye(4)[:2])
    assert (jacobian[:2, :2] != 0).all()
    assert jacobian[0, 3] == jacobian[1, 2] == 0


def test_log_scales_are_bounded() -> None:
    scales = bounded(torch.tensor([-1e9, 0.0, 1e9]))
    assert scales.tolist() == [-MOST_LOG_SCALE, 0.0, MOST_LOG_SCALE]


def test_every_column_is_changed_and_meets_every_other() -> None:
    for features in (2, 3, 4, 7, 16):
        torch.manual_seed(0)
        stack = shuffled(affine, (features,), 10)
        for transform in stack:
            for parameter in transform.parameters():
                torch.nn.init.normal_(parameter, std=0.5)

        def all_of(row: torch.Tensor, stack: list = stack) -> torch.Tensor:
            x = row[None]
            for transform in stack:
                x = transform(x)[0]
            return x[0]

        jacobian = torch.autograd.functional.jacobian(all_of, torch.randn(features))
        assert (jacobian != 0).all(), features


def test_permutation_goes_there_and_back() -> None:
    permutation = Permutation(torch.tensor([2, 0, 1]))
    x = torch.tensor([[1.0, 2.0, 3.0]])
    assert permutation(x)[0].tolist() == [[3.0, 1.0, 2.0]]
    assert permutation.inverse(permutation(x)[0])[0].equal(x)


def test_standardisation_counts_its_volume_and_leaves_constant_columns_their_units() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    standardise = Standardisation(2)
    standardise.initialise(x)
    z, log_det = standardise(2 * x)
    assert z.tolist() == [[0.0, 5.0], [4.0, 5.0]]
    assert float(log_det) == 0.0
    standardise.initialise(x * torch.tensor([4.0, 1.0]))
    assert float(standardise(x)[1]) == float(-torch.tensor(4.0).log())
    assert standardise.inverse(standardise(x)[0])[0].equal(x)
