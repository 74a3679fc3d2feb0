import pytest
import torch

from genrl.gans.transfer_networks import Judge, TransferNetwork

IMAGE = (2, 8, 8)


def jacobian(network, *rows):
    """(outputs, inputs) of the first row with respect to the first input."""
    first, *others = rows
    return torch.autograd.functional.jacobian(lambda x: network(x, *others)[0], first)[:, 0]


@pytest.mark.parametrize("shape", [(3,), IMAGE])
def test_without_the_network_it_is_the_identity_at_first(shape):
    network = TransferNetwork([shape], shape, (4,), "leaky_relu")
    for parameter in network.network.parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.randn(5, *shape).flatten(1)
    assert torch.equal(network(x), x)


def test_rows_of_other_shapes_are_led_to_each_other():
    assert TransferNetwork([(3,), (2,)], (4,), (8,), "relu")(torch.randn(5, 3), torch.randn(5, 2)).shape == (5, 4)
    assert TransferNetwork([(16,)], (1, 8, 8), (8,), "relu")(torch.randn(5, 16)).shape == (5, 64)


def test_a_convolution_carries_pixels_as_many_places_as_it_has_layers():
    network = TransferNetwork([(1, 8, 8)], (1, 8, 8), (4, 4), "tanh")
    reached = jacobian(network, torch.randn(1, 64))[8 * 4 + 4].reshape(8, 8) != 0
    rows, columns = torch.nonzero(reached).T
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 7, 1, 7)


def test_columns_beside_an_image_are_seen_at_every_pixel():
    network = TransferNetwork([(1, 8, 8), (1,)], (1, 8, 8), (4,), "tanh")
    x, pose = torch.randn(1, 64), torch.zeros(1, 1, requires_grad=True)
    changed = network(x, torch.ones(1, 1)) != network(x, pose)
    assert changed.all()


@pytest.mark.parametrize("logits", [1, 3])
@pytest.mark.parametrize("inputs", [[(3,)], [IMAGE], [IMAGE, IMAGE, (2,)], [(1, 5, 9)]])
def test_logits_depend_on_everything_that_is_judged(inputs, logits):
    judge = Judge(inputs, (4, 8, 8), "leaky_relu", logits)
    rows = [torch.randn(6, *shape).flatten(1).requires_grad_() for shape in inputs]
    judged = judge(*rows)
    assert judged.shape == ((6,) if logits == 1 else (6, logits))
    judged.sum().backward()
    assert all((row.grad != 0).any(1).all() for row in rows)
