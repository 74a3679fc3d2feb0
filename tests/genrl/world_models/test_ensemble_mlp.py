import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from genrl.errors import InputError
from genrl.world_models.ensemble_mlp import EnsembleMLP


def one_by_one(network: EnsembleMLP, x: Tensor) -> Tensor:
    answers = []
    for member in range(network.members):
        h = x if x.ndim == 2 else x[member]
        for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
            h = h @ weight[member] + bias[member]
            if layer < len(network.weights) - 1:
                h = F.silu(h)
        answers.append(h)
    return torch.stack(answers)


@pytest.mark.parametrize("shape", [(9, 3), (4, 9, 3)])
def test_all_members_at_once_are_each_by_itself(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network, x = EnsembleMLP(4, [3, 8, 8, 2]), torch.randn(shape)
    torch.testing.assert_close(network(x), one_by_one(network, x))
    if x.ndim == 2:
        chosen = torch.tensor([3, 1])
        torch.testing.assert_close(network(x, chosen), one_by_one(network, x)[chosen])


def test_members_start_apart_and_learn_apart() -> None:
    network, x = EnsembleMLP(3, [2, 8, 1]), torch.randn(10, 2)
    answers = network(x)
    assert (answers[0] - answers[1]).abs().max() > 1e-3
    answers[1].sum().backward()
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert parameter.grad[[0, 2]].abs().max() == 0
        assert parameter.grad[1].abs().max() > 0


@pytest.mark.parametrize(("members", "sizes"), [(0, [2, 1]), (2, [2]), (2, [2, 0, 1])])
def test_bad_shapes(members: int, sizes: list[int]) -> None:
    with pytest.raises(InputError, match="members and widths"):
        EnsembleMLP(members, sizes)
