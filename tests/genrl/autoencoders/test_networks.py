import pytest
import torch

from genrl.autoencoders.networks import Decoder, Encoder, repeated, standardised
from genrl.nn import Units

SHAPES = pytest.mark.parametrize("shape", [(4,), (3, 2), (1, 8, 8), (2, 5, 7)])
CONTEXTS = pytest.mark.parametrize("context_features", [0, 3])


@SHAPES
@CONTEXTS
@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)])
def test_shapes(shape: tuple[int, ...], context_features: int, hidden: tuple[int, ...]) -> None:
    context = torch.randn(9, context_features) if context_features else None
    code = Encoder(shape, context_features, 7, hidden, "relu")(torch.randn(9, *shape), context)
    assert code.shape == (9, 7)
    assert Decoder(7, shape, context_features, 2, hidden, "relu")(code, context).shape == (9, 2, *shape)


@SHAPES
def test_without_hidden_layers_both_are_linear(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    encoder, decoder = Encoder(shape, 0, 3, (), "relu"), Decoder(3, shape, 0, 1, (), "relu")
    a, b = torch.randn(1, *shape), torch.randn(1, *shape)
    torch.testing.assert_close(encoder((a + b) / 2, None), (encoder(a, None) + encoder(b, None)) / 2)
    u, v = torch.randn(1, 3), torch.randn(1, 3)
    torch.testing.assert_close(decoder((u + v) / 2, None), (decoder(u, None) + decoder(v, None)) / 2)


@SHAPES
def test_the_context_is_seen(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    encoder, decoder = Encoder(shape, 2, 3, (5,), "tanh"), Decoder(3, shape, 2, 1, (5,), "tanh")
    x, one, other = torch.randn(1, *shape), torch.zeros(1, 2), torch.ones(1, 2)
    assert not torch.allclose(encoder(x, one), encoder(x, other))
    assert not torch.allclose(decoder(encoder(x, one), one), decoder(encoder(x, one), other))


def test_an_outlier_is_seen_at_the_edge() -> None:
    encoder = Encoder((2,), 0, 3, (4,), "relu")
    encoder.units.measure(torch.randn(100, 2))
    assert torch.equal(encoder(torch.full((1, 2), 1e4), None), encoder(torch.full((1, 2), 1e9), None))


def test_contexts_are_standardised_and_repeated() -> None:
    units = Units((1,))
    units.measure(torch.tensor([[0.0], [4.0]]))
    seen = standardised(torch.tensor([[4.0], [1e6]]), units)
    assert seen is not None
    assert seen.tolist() == [[1.0], [10.0]]
    again = repeated(seen, 3)
    assert again is not None
    assert again.flatten().tolist() == [1.0, 10.0] * 3
    assert standardised(None, units) is None
    assert repeated(None, 3) is None
