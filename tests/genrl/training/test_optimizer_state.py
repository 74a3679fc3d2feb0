import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from genrl.training import (
    flatten_optimizer,
    random_state,
    read_checkpoint,
    restore_random_state,
    seed_everything,
    unflatten_optimizer,
    write_checkpoint,
)

OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-2, amsgrad=True),
    "adamw on tensors": lambda parameters: torch.optim.AdamW(parameters, lr=torch.tensor(1e-2)),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=1e-2, momentum=0.9),
    "rmsprop": lambda parameters: torch.optim.RMSprop(parameters, lr=1e-2),
}


def train(net: nn.Module, optimiser: torch.optim.Optimizer, steps: int) -> list[float]:
    losses = []
    for _ in range(steps):
        x = torch.randn(16, 3)
        loss = (net(x) - x.sum(1, keepdim=True)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_a_restored_run_goes_on_with_the_same_numbers(tmp_path: Path, kind: str) -> None:
    seed_everything(3)
    net = nn.Linear(3, 1)
    optimiser = OPTIMISERS[kind](net.parameters())
    train(net, optimiser, 5)
    tensors, document = flatten_optimizer(optimiser.state_dict())
    write_checkpoint(
        tmp_path / "c",
        tensors={"net": net.state_dict(), "optimiser": tensors},
        documents={"optimiser": document},
        arrays={"rng": random_state()},
    )
    expected = train(net, optimiser, 5)

    back = read_checkpoint(tmp_path / "c")
    seed_everything(99)
    other = nn.Linear(3, 1)
    other.load_state_dict(back.tensors["net"])
    second = OPTIMISERS[kind](other.parameters())
    second.load_state_dict(unflatten_optimizer(back.tensors["optimiser"], back.documents["optimiser"]))
    restore_random_state(back.arrays["rng"])
    assert train(other, second, 5) == expected


def test_groups_keep_their_settings() -> None:
    a, b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3))
    optimiser = torch.optim.Adam([{"params": [a], "lr": 0.1}, {"params": [b], "lr": 0.2, "betas": (0.5, 0.6)}])
    tensors, document = flatten_optimizer(optimiser.state_dict())
    back = unflatten_optimizer(tensors, json.loads(json.dumps(document)))
    assert tensors == {}
    assert back == optimiser.state_dict()


def test_unknown_state_is_refused() -> None:
    with pytest.raises(TypeError, match="history"):
        flatten_optimizer({"state": {0: {"history": object()}}, "param_groups": []})
