"""Which pixels a model looks at, read off its Jacobian."""

import pytest
import torch
from pixel_cases import SMALL, small

from genrl.autoregressive import GatedPixelCNN, PixelCNN, PixelRNN

SIZE = 9
ROW, COLUMN = 5, 4


def seen(model, shape=(1, SIZE, SIZE), place=None):
    """(channels, height, width) true where a pixel influences the numbers of the head at one place."""
    torch.manual_seed(0)
    model.build(shape).double()
    network = model.network
    x = torch.randn(1, *shape, dtype=torch.float64, requires_grad=True)
    place = (ROW * shape[2] + COLUMN) * shape[0] if place is None else place
    network.in_order(network.image(x, None))[0, place].square().sum().backward()
    return x.grad[0] != 0


def before(height=SIZE, width=SIZE, row=ROW, column=COLUMN):
    """True before (row, column) in the order of reading."""
    places = torch.arange(height * width).reshape(height, width)
    return places < row * width + column


@pytest.mark.parametrize("name", SMALL)
def test_no_pixel_sees_itself_or_what_follows(name):
    for row in range(4):
        for column in range(4):
            found = seen(small(name, levels=4), (1, 4, 4), row * 4 + column)
            assert not (found[0] & ~before(4, 4, row, column)).any()


def test_the_pixel_cnn_has_a_blind_spot():
    found = seen(PixelCNN(width=8, blocks=12, kernel=3, levels=4))[0]
    hidden = before() & ~found
    # Each step upwards reaches one column further to the right and no more (figure 1 of the gated one's paper).
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    assert torch.equal(hidden, before() & (columns - COLUMN > ROW - rows))
    assert hidden.sum() == 3 + 2 + 1  # one, two and three rows above; further up the image ends first


def test_the_gated_one_has_none():
    found = seen(GatedPixelCNN(width=8, layers=9, levels=4))[0]
    assert torch.equal(found, before())


def test_few_layers_reach_a_rectangle_and_a_part_of_the_row():
    found = seen(GatedPixelCNN(width=8, layers=2, levels=4))[0]
    expected = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    expected[ROW - 3 : ROW, COLUMN - 2 : COLUMN + 3] = True  # the row above, and with each layer of kernel 3 one more
    expected[ROW, COLUMN - 2 : COLUMN] = True
    assert torch.equal(found, expected)


def test_a_row_lstm_sees_a_triangle():
    found = seen(PixelRNN(recurrence="row", width=8, layers=1, kernel=3, levels=4))[0]
    rows, columns = torch.meshgrid(ROW - torch.arange(SIZE), torch.arange(SIZE) - COLUMN, indexing="ij")
    # With each row upwards one more to both sides. The masked convolutions, of the image and of the input to a state,
    # look one further to the left each.
    assert torch.equal(found, before() & (columns <= rows) & (columns >= -rows - 2))


def test_a_diagonal_lstm_sees_all_that_was_read():
    found = seen(PixelRNN(recurrence="diagonal", width=8, layers=1, kernel=3, levels=4))[0]
    assert torch.equal(found, before())


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_channel_sees_those_before_it(name, channel):
    model = small(name, levels=4, width=48)  # of fewer features, those of a channel may all be rectified
    found = seen(model, (3, SIZE, SIZE), (ROW * SIZE + COLUMN) * 3 + channel)
    assert found[:, ROW, COLUMN].tolist() == [other < channel for other in range(3)]
    assert found[:, ROW, COLUMN - 1].all()
    assert not found[:, ROW, COLUMN + 1 :].any()
