import dataclasses

import numpy as np
import pytest
import torch

from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.rewards import Discriminator, TransitionInputs, check_demonstrations
from genrl.transitions import Demonstrations

SEEN = {
    "state": {"observations"},
    "state-action": {"observations", "actions"},
    "state-next-state": {"observations", "next_observations"},
    "state-action-next-state": {"observations", "actions", "next_observations"},
}


def inputs_of(parts):
    """Two of three observation columns, standardised; two actions as they are."""
    raw = torch.tensor([[0.0, 5.0, 0.0], [2.0, 5.0, 4.0]])
    return TransitionInputs(parts, Standardise.fit(raw), Standardise.identity(2))


@pytest.mark.parametrize(("parts", "width"), [("state", 2), ("state-action", 4), ("state-next-state", 4)])
def test_rows_are_standardised_and_joined(parts, width, make):
    inputs, batch = inputs_of(parts), make(7)
    rows = inputs(batch)
    assert inputs.out_features == rows.shape[1] == width
    torch.testing.assert_close(
        rows[:, :2], (batch.observations[:, [0, 2]] - torch.tensor([1.0, 2.0])) / torch.tensor([1.0, 2.0])
    )
    if parts == "state-action":
        assert torch.equal(rows[:, 2:], batch.actions)
    if parts == "state-next-state":
        torch.testing.assert_close(rows[:, 2:], inputs.observations(batch.next_observations))


def test_all_parts_come_in_order(make):
    inputs, batch = inputs_of("state-action-next-state"), make(7)
    assert inputs.out_features == 6
    assert torch.equal(inputs(batch)[:, 2:4], batch.actions)


@pytest.mark.parametrize("parts", SEEN)
@pytest.mark.parametrize("field", ["observations", "actions", "next_observations"])
def test_a_part_matters_if_and_only_if_it_is_named(parts, field, make):
    torch.manual_seed(0)
    discriminator = Discriminator(inputs_of(parts), hidden=(8,))
    torch.nn.init.normal_(discriminator.network[-1].weight)
    batch = make(7)
    changed = dataclasses.replace(batch, **{field: getattr(batch, field) + 1.0})
    same = torch.equal(discriminator(batch), discriminator(changed))
    assert same == (field not in SEEN[parts])


@pytest.mark.parametrize("parts", ["state_action", "actions", "", "state-action-state"])
def test_other_parts_are_refused(parts):
    with pytest.raises(InputError, match="one of state, state-action"):
        inputs_of(parts)


@pytest.mark.parametrize("parts", SEEN)
def test_actions_that_nobody_knows_cannot_be_seen(parts):
    watched = Demonstrations(
        observations=np.zeros((3, 3)),
        actions=None,
        rewards=np.zeros(2),
        terminations=np.zeros(2, bool),
        truncations=np.zeros(2, bool),
        episode_lengths=np.array([2]),
    )
    check_demonstrations(parts, dataclasses.replace(watched, actions=np.zeros((2, 2))))
    if "actions" not in SEEN[parts]:
        check_demonstrations(parts, watched)
        return
    with pytest.raises(InputError, match=f"sees {parts} needs the expert's actions.*--state-only"):
        check_demonstrations(parts, watched)


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("hidden", [(), (8,), (8, 8)])
def test_it_cannot_tell_anything_before_training(hidden, spectral, make):
    discriminator = Discriminator(inputs_of("state-action"), hidden=hidden, spectral=spectral)
    logits = discriminator(make(7))
    assert logits.shape == (7,)
    assert (logits == 0).all()


def test_its_state_dict_holds_the_standardisers(make):
    one, other = Discriminator(inputs_of("state"), hidden=(8,)), Discriminator(inputs_of("state"), hidden=(8,))
    with torch.no_grad():
        one.network[-1].weight.normal_()
        one.inputs.observations.mean.add_(3)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(make(7)), other(make(7)))
