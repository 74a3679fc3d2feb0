"""What every world model promises, whatever it is made of."""

from typing import Any

import numpy as np
import pytest
import torch
from learned import Learned
from world_model_kinds import KINDS, seeded

from genrl.protocols import WorldModel
from genrl.world_models import judge_forecasts

every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_a_linear_system_is_recovered(system: Any, fitted: Any, kind: str, seed: int, learned: Learned) -> None:
    fresh = system.experience(20, 50, seed=1)
    torch.manual_seed(seed)
    with torch.no_grad():
        predicted = fitted(kind).predict(fresh.observations, fresh.actions)
    expected = system.following(fresh.observations, fresh.actions)
    rough = 2.0 if kind == "latent" else 1.0  # its prediction is the mean of 8 draws
    error = (predicted.mean[:, :2] - expected).square().mean().sqrt()
    learned("error of the mean", error, below=0.08 * rough, baseline=expected.std())  # where the noise is 0.2
    deviation = predicted.variance[:, :2].sqrt().mean() / system.std
    learned("relative error of the deviation", abs(deviation - 1), below=0.35 * rough, baseline=1.0)
    rewards = expected @ system.costs
    reward_error = (predicted.mean[:, 2] - rewards).square().mean().sqrt()
    learned("error of the reward", reward_error, below=0.1 * rough, baseline=rewards.std())
    reward_std = system.std * float(system.costs.norm())
    reward_deviation = predicted.variance[:, 2].sqrt().mean() / reward_std
    learned("relative error of the reward's deviation", abs(reward_deviation - 1), below=0.35 * rough, baseline=1.0)


@every_kind
def test_its_intervals_hold_what_they_promise(system: Any, fitted: Any, kind: str, seed: int, learned: Learned) -> None:
    near, far = judge_forecasts(fitted(kind), system.experience(40, 20, seed=2), horizons=(1, 10), particles=64)
    rough = 2.0 if kind == "latent" else 1.0
    learned("error of 1 step / of 10", near.error / far.error, below=0.9, baseline=1.0)
    assert far.error < 1
    for steps, figures in ((1, near), (10, far)):
        miss = abs(figures.coverage_50 - 0.5)
        learned(f"miss of 50% after {steps} steps", miss, below=0.15 * rough, baseline=0.5)
        miss = abs(figures.coverage_90 - 0.9)
        learned(f"miss of 90% after {steps} steps", miss, below=0.2 * rough, baseline=0.9)


@every_kind
def test_it_disagrees_where_it_has_not_been(fitted: Any, kind: str, seed: int, learned: Learned) -> None:
    model = fitted(kind)
    with torch.no_grad():
        torch.manual_seed(seed)
        known = model.advance(model.begin(torch.zeros(100, 2)), torch.zeros(100, 1)).disagreement
        unknown = model.advance(model.begin(torch.full((100, 2), 8.0)), torch.zeros(100, 1)).disagreement
    assert (known >= 0).all()
    seen = model.disagreement_quantile(0.99)
    learned("where it was / greatest seen", known.mean() / seen, below=1.0, baseline=unknown.mean() / seen)
    learned("where it was / where it was not", known.mean() / unknown.mean(), below=0.5, baseline=1.0)
    if kind != "latent":  # whose embedding saturates
        greatest = model.disagreement_quantile(1.0)
        learned("greatest seen / least where it was not", greatest / unknown.min(), below=0.8, baseline=1.0)


@every_kind
def test_dreams_are_cut_where_the_disagreement_exceeds_its_limit(fitted: Any, kind: str) -> None:
    model = fitted(kind)
    env = model.as_vec_env(200, horizon=10, disagreement_level=0.5)
    assert env.limit == model.disagreement_quantile(0.5)
    env.reset()
    for step in range(3):
        assert env._state is not None
        before, actions = env._state, np.random.default_rng(step).uniform(-1, 1, (200, 1)).astype(np.float32)
        _, _, dones, infos = env.step(actions)
        cut = np.array([info.get("dream_disagreed", False) for info in infos])
        assert 0 < cut.sum() < 200
        assert dones[cut].all()
        assert all(infos[i]["TimeLimit.truncated"] for i in np.flatnonzero(cut))
        with torch.no_grad():  # it depends on where a dream is, not on what it then draws
            again = model.advance(before, torch.as_tensor(actions)).disagreement
        assert ((again > env.limit).numpy() == cut).all()
    endless = model.as_vec_env(200, horizon=10, disagreement_level=None)
    endless.reset()
    assert not endless.step(np.ones((200, 1), np.float32))[2].any()


@every_kind
def test_a_seed_decides_a_dream_and_leaves_the_generator(fitted: Any, kind: str) -> None:
    before, dreams = torch.random.get_rng_state(), []
    for seed in (3, 3, 4):
        env = fitted(kind).as_vec_env(8, horizon=4, seed=seed)
        rows = [env.reset()]
        for step in range(6):
            rows += list(env.step(np.full((8, 1), np.sin(step), np.float32))[:2])
        dreams.append(rows)
    assert all(np.array_equal(a, b) for a, b in zip(dreams[0], dreams[1], strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(dreams[0], dreams[2], strict=True))
    assert not np.array_equal(dreams[0][1], dreams[0][3])
    assert torch.equal(torch.random.get_rng_state(), before)


@every_kind
def test_dreams_of_nowhere_stay_finite(fitted: Any, kind: str) -> None:
    model = fitted(kind)
    state = model.begin(torch.full((4, 2), 1e6))
    with torch.no_grad():
        for _ in range(10):
            dreamt = model.advance(state, torch.ones(4, 1))
            state = dreamt.state
            assert torch.isfinite(dreamt.observations).all()
            assert torch.isfinite(dreamt.rewards).all()


@every_kind
def test_a_rollout_has_its_shapes(fitted: Any, kind: str) -> None:
    class Still:
        def predict(self, observation: Any, *_: Any, deterministic: bool = False) -> Any:
            return np.zeros((len(observation), 1), np.float32), None

    dreamt = fitted(kind).rollout(Still(), torch.zeros(5, 2), 3)
    assert dreamt.observations.shape == (5, 4, 2)
    assert dreamt.rewards.shape == dreamt.disagreement.shape == dreamt.alive.shape == (5, 3)
    assert isinstance(fitted(kind), WorldModel)


@every_kind
def test_terminations_are_learned_where_there_are_any(system: Any, kind: str, seed: int, learned: Learned) -> None:
    model = seeded(KINDS[kind]({"ensemble": 400, "latent": 250, "recurrent": 250}.get(kind, 60)), seed)
    model.fit(system.experience(60, 20, seed=seed, termination_above=1.0))
    assert model.learns_terminations
    torch.manual_seed(seed)
    with torch.no_grad():
        alive = model.advance(model.begin(torch.full((100, 2), -1.0)), torch.zeros(100, 1)).termination_logits
        dead = model.advance(model.begin(torch.tensor([[2.5, 0.5]]).repeat(100, 1)), torch.zeros(100, 1))
    assert alive is not None
    assert dead.termination_logits is not None
    learned("probability of an end where it is far", alive.sigmoid().mean(), below=0.1, baseline=0.5)
    learned("probability where it is certain", dead.termination_logits.sigmoid().mean(), above=0.8, baseline=0.5)


@every_kind
def test_a_fit_follows_from_its_seed_and_leaves_the_generator(system: Any, kind: str) -> None:
    experience, weights = system.experience(10, 10, seed=0), []
    for _ in range(2):
        before = torch.random.get_rng_state()
        model = KINDS[kind](3)
        history = model.fit(experience)
        assert history.epochs
        assert torch.equal(torch.random.get_rng_state(), before)
        weights.append(model.state_dict())
        torch.rand(1)
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@every_kind
def test_progress_ends_a_fit(system: Any, kind: str) -> None:
    model = KINDS[kind](200)
    history = model.fit(system.experience(10, 20, seed=0), progress=lambda epoch: epoch.number < 2)
    assert (history.stopped, len(history.epochs)) == ("asked", 2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every_kind
def test_dreams_run_on_a_gpu(system: Any, kind: str) -> None:
    model = KINDS[kind](3).to("cuda")
    model.fit(system.experience(10, 20, seed=0))
    assert {tensor.device.type for tensor in model.state_dict().values()} == {"cuda"}
    env = model.as_vec_env(16, horizon=3)
    assert env.reset().shape == (16, 2)
    for _ in range(4):
        observations, rewards, _, _ = env.step(np.zeros((16, 1), np.float32))
        assert np.isfinite(observations).all()
        assert np.isfinite(rewards).all()
