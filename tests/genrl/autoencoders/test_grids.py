"""Networks of grids: shapes there and back, and what each position sees."""

import pytest
import torch

from genrl.autoencoders.grids import GridDecoder, GridEncoder, grid_of
from genrl.autoencoders.networks import beside


@pytest.mark.parametrize(
    ("event_shape", "hidden", "grid"),
    [((1, 8, 8), (4, 8), (2, 2)), ((3, 5, 7), (4,), (3, 4)), ((2, 4, 4), (), (4, 4)), ((7,), (16,), (3,))],
)
@pytest.mark.parametrize("columns", [0, 2])
def test_a_grid_and_back(
    event_shape: tuple[int, ...], hidden: tuple[int, ...], grid: tuple[int, ...], columns: int
) -> None:
    assert grid_of(event_shape, hidden, 3) == grid
    context = torch.randn(5, columns) if columns else None
    z = GridEncoder(event_shape, columns, grid, 6, hidden, "relu")(torch.randn(5, *event_shape), context)
    assert z.shape == (5, *grid, 6)
    assert GridDecoder(grid, 6, event_shape, columns, hidden, "relu")(z, context).shape == (5, *event_shape)


def test_a_position_of_an_image_sees_what_is_near() -> None:
    torch.manual_seed(0)
    encoder = GridEncoder((1, 16, 16), 0, (8, 8), 2, (4,), "tanh")
    x = torch.zeros(1, 1, 16, 16, requires_grad=True)
    encoder(x)[0, 0, 0].sum().backward()
    assert x.grad is not None
    assert bool((x.grad[0, 0, :3, :3] != 0).any())
    assert bool((x.grad[0, 0, 5:] == 0).all())


def test_a_context_stands_beside_every_place() -> None:
    found = beside(torch.zeros(2, 1, 3, 4), torch.tensor([[1.0], [2.0]]))
    assert found.shape == (2, 2, 3, 4)
    assert torch.equal(found[:, 1], torch.tensor([1.0, 2.0]).reshape(2, 1, 1).expand(2, 3, 4))
    assert torch.equal(beside(torch.zeros(2, 3), torch.ones(2, 1))[:, 3], torch.ones(2))
