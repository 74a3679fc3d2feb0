import pytest
import torch

from genrl.errors import InputError
from genrl.gans.domains import DomainUnits, as_domains, as_source, drawn, repeated


def test_pixels_of_a_channel_share_their_units():
    images = (
        torch.randn(500, 2, 4, 4) * torch.tensor([3.0, 0.5])[:, None, None] + torch.tensor([1.0, -2.0])[:, None, None]
    )
    units = DomainUnits((2, 4, 4))
    units.measure(images)
    assert units.units.mean.flatten().tolist() == pytest.approx([1.0, -2.0], abs=0.1)
    standard = units(images).reshape(images.shape)
    assert standard.std((0, 2, 3)).tolist() == pytest.approx([1.0, 1.0], abs=1e-3)
    torch.testing.assert_close(units.inverse(standard.flatten(1)), images)
    assert torch.equal(units(images.flatten(1)), units(images))


def test_rows_are_drawn_from_the_whole_domain():
    torch.manual_seed(0)
    rows = torch.arange(5.0)[:, None]
    assert set(drawn(rows, torch.zeros(200, 3)).flatten().tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}


def test_pairs_are_counted():
    x, y = torch.zeros(3, 2), torch.zeros(4, 1, 2, 2)
    assert [len(side) for side in as_domains(x, y, paired=False)] == [3, 4]
    with pytest.raises(InputError, match="X has 3 rows, y has 4"):
        as_domains(x, y, paired=True)
    with pytest.raises(InputError, match="y is missing"):
        as_domains(x, None, paired=False)


def test_a_source_may_come_flat_or_in_its_shape():
    x = torch.randn(3, 1, 2, 2)
    assert torch.equal(as_source(x, 4), as_source(x.flatten(1), 4))
    with pytest.raises(InputError, match="y must have the shape"):
        as_source(x, 5, "y")


def test_repeated_rows_are_separate():
    rows = repeated(torch.zeros(2, 3), (4,))
    rows[0] += 1.0
    assert rows.shape == (4, 2, 3)
    assert rows[1:].abs().max() == 0
