import pytest
import torch

from genrl.nn.masked_linear import MaskedLinear, MaskedMLP


def test_masked_weights_do_nothing_and_learn_nothing() -> None:
    layer = MaskedLinear(torch.tensor([[True, False], [True, True]]))
    layer.weight.data[:] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    layer.bias.data[:] = 0
    assert layer(torch.tensor([1.0, 10.0])).tolist() == [1.0, 43.0]
    layer(torch.ones(2)).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[1.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize("features", [1, 2, 6])
@pytest.mark.parametrize("hidden", [(7,), (30, 20), (3, 40)])
def test_an_output_sees_the_earlier_inputs_only(features: int, hidden: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = MaskedMLP(features, 0, 2, hidden, "tanh")
    jacobian = torch.autograd.functional.jacobian(lambda row: network(row[None])[0], torch.randn(features))
    for number in range(2):
        assert (jacobian[number].triu() == 0).all()
        if min(hidden) >= features:
            assert (jacobian[number].tril(-1) != 0).sum() == features * (features - 1) // 2


def test_every_output_sees_the_context() -> None:
    network = MaskedMLP(4, 3, 1, (20, 20), "tanh")
    x = torch.randn(1, 4)
    jacobian = torch.autograd.functional.jacobian(lambda context: network(x, context[None])[0, 0], torch.randn(3))
    assert (jacobian != 0).all()


@pytest.mark.parametrize("context_features", [0, 2])
@pytest.mark.parametrize("features", [1, 3, 12])
def test_one_column_after_the_other_gives_what_the_whole_network_gives(features: int, context_features: int) -> None:
    torch.manual_seed(0)
    network = MaskedMLP(features, context_features, 3, (8, 16), "relu")
    x = torch.randn(5, features)
    context = torch.randn(5, context_features) if context_features else None
    whole = network(x, context)
    one_by_one = network.sequential(5)
    for column in range(features):
        seen = x[:, :column] if context is None else torch.cat((context, x[:, :column]), 1)
        torch.testing.assert_close(one_by_one.next(seen), whole[:, :, column])
