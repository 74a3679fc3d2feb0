import pytest
import torch

from genrl.errors import InputError
from genrl.flows import NeuralSplineFlow


def flow(context_features: int) -> NeuralSplineFlow:
    torch.manual_seed(0)
    found = NeuralSplineFlow(transforms=2, hidden=(8,)).build(3, context_features)
    for parameter in found.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return found


def test_shapes_with_a_context() -> None:
    distribution = flow(2).distribution(torch.randn(5, 2))
    assert distribution.batch_shape == (5,)
    assert distribution.event_shape == (3,)
    assert distribution.sample().shape == (5, 3)
    assert distribution.sample((4, 2)).shape == (4, 2, 5, 3)
    assert distribution.log_prob(torch.randn(4, 2, 5, 3)).shape == (4, 2, 5)


def test_shapes_without_a_context() -> None:
    distribution = flow(0).distribution()
    assert distribution.batch_shape == ()
    assert distribution.sample((4,)).shape == (4, 3)
    assert distribution.log_prob(torch.randn(3)).shape == ()


def test_log_prob_is_the_flows_row_by_row() -> None:
    found, context = flow(2), torch.randn(5, 2)
    x = torch.randn(4, 5, 3)
    densities = found.distribution(context).log_prob(x)
    for draw in range(4):
        torch.testing.assert_close(densities[draw], found.log_prob(x[draw], context))


def test_gradients_pass_to_parameters_and_context() -> None:
    found, context = flow(2), torch.randn(5, 2, requires_grad=True)
    distribution = found.distribution(context)
    assert distribution.has_rsample
    assert not distribution.sample().requires_grad
    distribution.log_prob(distribution.rsample()).mean().backward()
    assert context.grad is not None
    assert (context.grad != 0).any()
    assert all(parameter.grad is not None for parameter in found.parameters())


def test_wrong_shapes_are_refused() -> None:
    distribution = flow(2).distribution(torch.randn(5, 2))
    with pytest.raises(InputError, match="value"):
        distribution.log_prob(torch.randn(4, 3))
    with pytest.raises(InputError, match="context"):
        flow(2).distribution()
    with pytest.raises(NotImplementedError, match="context"):
        distribution.expand((10,))
