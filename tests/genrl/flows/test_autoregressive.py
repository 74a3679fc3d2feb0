import pytest
import torch

from genrl.errors import InputError
from genrl.flows import InverseAutoregressiveFlow, MaskedAutoregressiveFlow
from genrl.flows.autoregressive import Inverted, MaskedAffine


def shaken(features: int, context_features: int = 0) -> MaskedAffine:
    torch.manual_seed(0)
    transform = MaskedAffine(features, context_features, hidden=(20, 12), activation="tanh")
    for parameter in transform.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return transform


def test_jacobian_is_triangular_and_its_diagonal_is_the_log_det() -> None:
    transform, x = shaken(5), torch.randn(5)
    jacobian = torch.autograd.functional.jacobian(lambda row: transform(row[None])[0][0], x)
    assert (jacobian.triu(1) == 0).all()
    assert (jacobian.tril() != 0).sum() == 15
    torch.testing.assert_close(jacobian.diagonal().log().sum(), transform(x[None])[1][0])


def test_the_first_column_sees_the_context() -> None:
    transform = shaken(4, 2)
    context = torch.randn(2, requires_grad=True)
    first = transform(torch.randn(1, 4), context[None])[0][0, 0]
    (gradient,) = torch.autograd.grad(first, context)
    assert (gradient != 0).all()


@pytest.mark.parametrize("features", [1, 2, 9, 40])
@pytest.mark.parametrize("context_features", [0, 3])
def test_the_sequential_pass_is_that_of_the_whole_network(features: int, context_features: int) -> None:
    transform = shaken(features, context_features)
    z = torch.randn(7, features)
    context = torch.randn(7, context_features) if context_features else None
    with torch.no_grad():
        slow = torch.zeros(7, features)
        for column in range(features):  # the naive way: the network once for each column
            raw, shift = transform.network(slow.clamp(-10, 10), context).unbind(1)
            slow[:, column] = ((z - shift) * (-7 * raw / (7 + raw.abs())).exp())[:, column]
        torch.testing.assert_close(transform.inverse(z, context)[0], slow, atol=1e-3, rtol=1e-3)


def test_inverted_is_the_other_way_round() -> None:
    transform, x = shaken(3), torch.randn(4, 3)
    inverted = Inverted(transform)
    assert inverted.inverse(x)[0].equal(transform(x)[0])
    assert inverted(x)[0].equal(transform.inverse(x)[0])


@pytest.mark.parametrize("flow", [MaskedAutoregressiveFlow, InverseAutoregressiveFlow])
def test_a_masked_network_needs_a_hidden_layer(flow: type) -> None:
    with pytest.raises(InputError, match="hidden"):
        flow(hidden=())
