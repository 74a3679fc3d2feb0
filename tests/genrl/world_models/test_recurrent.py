"""The mixture-density recurrent network: what memory is for, what counts of a window, what it is made of."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from learned import Learned
from torch import Tensor
from world_model_kinds import recurrent

from genrl.autoencoders import VAE
from genrl.errors import InputError
from genrl.flows import NeuralSplineFlow
from genrl.mixtures import GaussianMixture, MixtureDensityNetwork
from genrl.training.gradient_fitting import GradientFitting
from genrl.world_models import Experience, RecurrentWorldModel

NOISE = 0.1


def runners(episodes: int, seed: int, steps: int = 6) -> Experience:
    """Each runs up or down for a whole episode; one place does not show which."""
    generator = torch.Generator().manual_seed(seed)
    way = torch.randn(episodes, 1, generator=generator).sign()
    start = torch.randn(episodes, 1, generator=generator)
    noise = NOISE * torch.randn(episodes, steps + 1, generator=generator)
    places = start + way * torch.arange(steps + 1) + noise
    ends = torch.zeros(episodes, steps, dtype=torch.bool)
    ends[:, -1] = True
    return Experience(
        observations=places[:, :-1].reshape(-1, 1),
        actions=torch.zeros(episodes * steps, 1),
        rewards=torch.zeros(episodes * steps),
        next_observations=places[:, 1:].reshape(-1, 1),
        terminations=torch.zeros(episodes * steps, dtype=torch.bool),
        ends=ends.flatten(),
        action_space=spaces.Box(-1, 1, (1,), np.float32),
    )


@pytest.fixture(scope="module")
def running(seed: int) -> RecurrentWorldModel:
    model = recurrent(1800)
    model.fitting = replace(model.fitting, learning_rate=1e-2, seed=seed)
    model.fit(runners(400, seed=seed))
    return model


def next_move(model: Any, past: Tensor, rows: int = 300) -> Tensor:
    """Draws of how far a step goes after places (steps + 1,)."""
    seen = past[None, :, None].expand(rows, -1, -1)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        state = model.begin_after(seen, torch.zeros(rows, len(past) - 1, 1), generator)
        dreamt = model.advance(state, torch.zeros(rows, 1), generator)
    return dreamt.observations[:, 0] - past[-1]


def test_memory_tells_what_one_observation_does_not(running: RecurrentWorldModel, seed: int, learned: Learned) -> None:
    blind = next_move(running, torch.tensor([0.0]))
    learned("near a way", ((blind.abs() - 1).abs() < 0.5).float().mean(), above=0.9, baseline=0.48)  # of a Gaussian
    up = (blind > 0).float().mean()
    learned("share of the rarer way", min(up, 1 - up), above=0.2, baseline=0.0)
    for way, past in (("up", [-2.0, -1.0, 0.0]), ("down", [2.0, 1.0, 0.0])):
        move = next_move(running, torch.tensor(past)) * (1 if way == "up" else -1)
        learned(f"goes on {way}", (move > 0.5).float().mean(), above=0.8, baseline=0.5)


def test_a_dream_keeps_its_memory(running: RecurrentWorldModel, seed: int, learned: Learned) -> None:
    generator = torch.Generator().manual_seed(seed)
    places = [torch.zeros(300, 1)]
    with torch.no_grad():
        state = running.begin(places[0])
        for _ in range(4):
            dreamt = running.advance(state, torch.zeros(300, 1), generator)
            state = dreamt.state
            places.append(dreamt.observations)
    moves = torch.cat(places, 1).diff(dim=1)
    # A way that is taken is kept to: half of the time, were each step drawn blindly.
    learned("keeps to its way", (moves[:, 1:].sign() == moves[:, :1].sign()).float().mean(), above=0.8, baseline=0.5)
    up = (moves[:, 0] > 0).float().mean()
    learned("share of the rarer way", min(up, 1 - up), above=0.2, baseline=0.0)


def built(**settings: Any) -> RecurrentWorldModel:
    torch.manual_seed(0)
    model = RecurrentWorldModel(MixtureDensityNetwork(2, hidden=(8,)), remembered=8, hidden=(8,), noise=0.0, **settings)
    return model.build(2, spaces.Box(-1, 1, (1,)), learns_terminations=True)


def test_the_loss_is_the_likelihood_step_by_step() -> None:
    model = built()
    batch = torch.randn(5, 4, 2 + 1 + 3 + 1)
    batch[..., -1] = (batch[..., -1] > 0).float()
    counted = torch.ones(5, 4, dtype=torch.bool)
    counted[0, 2:] = False
    found = model.loss(batch, counted)["negative_log_likelihood"]
    h, terms = torch.zeros(1, 5, 8), []
    assert isinstance(model.output, MixtureDensityNetwork)
    for step in range(4):
        _, h = model.memory(batch[:, step, None, :3], h)
        terms.append(-model.output.log_prob(batch[:, step, 3:6], torch.cat([h[0], batch[:, step, :3]], 1)))
    likelihoods = torch.stack(terms, 1)
    torch.testing.assert_close(found, likelihoods[counted].mean())
    torch.testing.assert_close(model.loss(batch)["negative_log_likelihood"], likelihoods.mean())


def test_what_lies_beyond_an_end_has_no_say() -> None:
    model = built()
    batch = torch.randn(3, 4, 7)
    batch[..., -1] = 0.0
    counted = torch.tensor([[True, True, False, False]] * 3)
    other = batch.clone()
    other[:, 2:] = 99.0
    torch.testing.assert_close(model.loss(batch, counted)["loss"], model.loss(other, counted)["loss"])


def test_networks_beside_it_move_neither_memory_nor_output() -> None:
    model = built()
    batch = torch.randn(3, 4, 7)
    batch[..., -1] = 1.0
    found = model.loss(batch)
    found["loss"].backward()
    together = [parameter.grad for parameter in (*model.memory.parameters(), *model.output.parameters())]
    model.zero_grad()
    inputs, outcomes, _ = model.units.split(batch)
    given = torch.cat([model.memory(inputs)[0], inputs], -1).flatten(0, 1)
    model.output.loss(outcomes.flatten(0, 1), given)["loss"].backward()
    for parameter, grad in zip((*model.memory.parameters(), *model.output.parameters()), together, strict=True):
        torch.testing.assert_close(parameter.grad, grad)
    assert found["loss"] > found["negative_log_likelihood"]


def test_a_flow_is_an_output_too(system: Any, seed: int, learned: Learned) -> None:
    fitting = GradientFitting(updates=20, batch_size=32, seed=seed)
    output = NeuralSplineFlow(transforms=2, hidden=(16,))
    model = RecurrentWorldModel(output, remembered=8, hidden=(8,), fitting=fitting)
    history = model.fit(system.experience(10, 20, seed=seed))
    losses = [epoch.train["loss"] for epoch in history.epochs]
    learned("last loss - first loss", losses[-1] - losses[0], below=-0.1, baseline=0.0)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (GaussianMixture(2), "GaussianMixture cannot be trained together"),
        (VAE(), "VAE cannot be trained together"),
    ],
)
def test_outputs_that_are_refused(output: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        RecurrentWorldModel(output)
    with pytest.raises(InputError, match="window must be 1 or more"):
        RecurrentWorldModel(MixtureDensityNetwork(), window=0)
