import pytest
import torch
from torch import nn

from genrl.errors import InputError
from genrl.nn import ACTIVATIONS, mlp


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_layers_alternate_and_the_output_is_linear(activation):
    network = mlp([3, 8, 5, 2], activation=activation)
    kinds = [type(layer) for layer in network]
    assert kinds == [nn.Linear, ACTIVATIONS[activation], nn.Linear, ACTIVATIONS[activation], nn.Linear]
    assert network(torch.zeros(7, 3)).shape == (7, 2)


def test_without_hidden_layers_it_is_linear():
    network = mlp([3, 2])
    x, y = torch.randn(2, 4, 3)
    torch.testing.assert_close(network(x) + network(y), network(x + y) + network(torch.zeros(4, 3)))


@pytest.mark.parametrize("spectral", [False, True])
def test_a_zero_output_is_exactly_zero_and_can_learn(spectral):
    network = mlp([3, 8, 8, 1], spectral=spectral, zero_output=True)
    output = network(100 * torch.randn(50, 3))
    assert (output == 0).all()
    (output + 1).square().sum().backward()
    gradients = [p.grad.abs().max() for p in network.parameters() if p.grad is not None]
    assert max(gradients) > 0
    assert torch.isfinite(torch.stack(gradients)).all()


def largest_singular_values(network):
    return [torch.linalg.matrix_norm(m.weight, 2).item() for m in network if isinstance(m, nn.Linear)]


def test_spectral_norm_bounds_each_layer_and_the_whole():
    torch.manual_seed(0)
    network = mlp([5, 32, 32, 1], spectral=True)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(20)  # what training may do to the weights behind the constraint
        for _ in range(100):
            network(torch.zeros(1, 5))  # a power iteration each
    network.eval()
    assert largest_singular_values(network) == pytest.approx([1, 1, 1], abs=1e-3)
    x, y = torch.randn(2, 1000, 5)
    slopes = (network(x) - network(y)).squeeze(1).abs() / (x - y).norm(dim=1)
    assert slopes.max() <= 1.001
    free = mlp([5, 32, 32, 1])
    with torch.no_grad():
        free[0].weight.mul_(20)
    assert largest_singular_values(free)[0] > 2


@pytest.mark.parametrize("sizes", [[], [3], [3, 0, 1], [3, -1], [0, 1]])
def test_impossible_widths_are_refused(sizes):
    with pytest.raises(InputError, match="widths of 1 or more"):
        mlp(sizes)
