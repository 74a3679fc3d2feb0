import pytest
import torch
from torch import nn

from genrl.gans.equalised import equalised


@pytest.mark.parametrize(("layer", "inputs"), [(nn.Linear(300, 40), 300), (nn.Conv2d(30, 40, 3), 270)])
@pytest.mark.parametrize("gain", [1.0, 2**0.5])
def test_a_layer_starts_with_hes_deviation_from_standard_normal_weights(layer, inputs, gain):
    torch.manual_seed(0)
    layer = equalised(type(layer)(*((300, 40) if isinstance(layer, nn.Linear) else (30, 40, 3))), gain=gain)
    original = layer.parametrizations.weight.original
    assert original.std().item() == pytest.approx(1.0, abs=0.03)
    torch.testing.assert_close(layer.weight, original * gain / inputs**0.5)
    assert not layer.bias.any()


def test_one_step_of_adam_moves_wide_and_narrow_layers_alike():
    """By the same share of their range, which a plain layer's weights do not."""
    moved = {}
    for make in (equalised, lambda layer: layer):
        for inputs in (4, 400):
            torch.manual_seed(0)
            layer = make(nn.Linear(inputs, 8))
            before = layer.weight.detach().clone()
            optimizer = torch.optim.Adam(layer.parameters(), 0.01)
            layer(torch.randn(32, inputs)).square().sum().backward()
            optimizer.step()
            moved[make, inputs] = ((layer.weight.detach() - before).abs().mean() / before.abs().mean()).item()
    (ours, plain) = ([moved[make, n] for n in (4, 400)] for make in dict.fromkeys(make for make, _ in moved))
    assert ours[0] == pytest.approx(ours[1], rel=0.3)
    assert plain[1] > 5 * plain[0]
