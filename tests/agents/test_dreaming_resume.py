"""Learning in dreams that is stopped anywhere and goes on ends bit for bit where uninterrupted learning does."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from point_env import point_envs

from agents.dream_learners import DreamPPOConfig, DreamSACConfig
from agents.dreaming import Dreaming
from agents.dreaming_config import DreamingConfig
from genrl.policies import ActorCriticNetwork
from genrl.training import fit_checkpoints
from genrl.training.fit_history import FitEpoch

TINY = DreamingConfig(
    first_steps=60,
    steps_per_round=40,
    model_hidden=(16,),
    first_updates=6,
    model_updates=4,
    dreams=16,
    sac=DreamSACConfig(hidden=(32,), updates_per_step=0.25, batch_size=32),
    ppo=DreamPPOConfig(dreamt_per_step=4, n_steps=8, n_epochs=1, network=ActorCriticNetwork(hidden=(16,))),
)
STEPS = 140


@pytest.fixture(autouse=True)
def _fits_go_on_from_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_checkpoints, "SECONDS_BETWEEN_COPIES", 0.0)


def agent_of(config: DreamingConfig, env: str = "Pendulum-v1") -> Dreaming:
    return Dreaming(env, seed=3, device="cpu", config=config)


Snapshot = tuple[dict[str, Any], dict[str, Any]]


def snapshot(agent: Dreaming) -> Snapshot:
    """Every array of a checkpoint, random states among them, and its documents."""
    state = agent.state()
    tensors = {f"{group}/{name}": np.array(each.detach()) for group, name, each in members(state.tensors)}
    arrays = {f"{group}/{name}": np.array(each) for group, name, each in members(state.arrays)}
    return {**tensors, **arrays}, state.documents


def members(groups: dict[str, dict[str, Any]]) -> list[tuple[str, str, Any]]:
    return [(group, name, each) for group, named in groups.items() for name, each in named.items()]


def assert_same(one: Snapshot, other: Snapshot) -> None:
    assert one[1] == other[1]
    assert one[0].keys() == other[0].keys()
    different = [name for name, array in one[0].items() if not np.array_equal(array, other[0][name])]
    assert not different, f"{len(different)} of {len(one[0])}"


def stopped(config: DreamingConfig, cut: int, folder: Path, env: str = "Pendulum-v1") -> str:
    """Learn until `stop` has been asked `cut` times; what the agent was doing then."""
    agent, count = agent_of(config, env), itertools.count()
    agent.learn(STEPS, save=lambda: agent.save(folder), stop=lambda: next(count) >= cut)
    assert agent.in_round
    return agent.state().documents["agent"]["round"]["stage"]


def check(config: DreamingConfig, cuts: list[float], folder: Path, env: str = "Pendulum-v1") -> set[str]:
    asked: list[int] = []
    whole = snapshot(agent_of(config, env).learn(STEPS, stop=lambda: bool(asked.append(1))))
    stages = set()
    for number, cut in enumerate(cuts):
        stages.add(stopped(config, round(cut * (len(asked) - 1)), folder / str(number), env))
        assert_same(snapshot(Dreaming.load(folder / str(number), device="cpu").learn(STEPS)), whole)
    return stages


def test_sac_goes_on_from_anywhere(tmp_path: Path) -> None:
    assert check(TINY, [0.2, 0.37, 1.0], tmp_path) == {"collect", "fit", "dream"}


@pytest.mark.slow
def test_ppo_goes_on_in_dreams(tmp_path: Path) -> None:
    config = replace(TINY, learner="ppo", model="latent", model_hidden=(8,))
    assert check(config, [1.0], tmp_path, env="Hopper-v4") == {"dream"}


@pytest.mark.slow
@pytest.mark.parametrize("env", ["Pendulum-v1", "Hopper-v4"])
@pytest.mark.parametrize("learner", ["sac", "ppo"])
@pytest.mark.parametrize("model", ["ensemble", "latent", "recurrent-mixture", "mixture", "flow", "score", "vae", "vq"])
def test_every_model_goes_on_from_anywhere(model: Any, learner: Any, env: str, tmp_path: Path) -> None:
    config = replace(TINY, learner=learner, model=model)
    check(config, [0.01, *np.linspace(0.35, 0.45, 4), 0.7, 0.99, 1.0], tmp_path, env=env)


@pytest.mark.slow
def test_the_same_agent_goes_on_after_a_stop_too(tmp_path: Path) -> None:
    whole = snapshot(agent_of(TINY).learn(STEPS))
    for cut in (10, 65, 90):
        agent, count = agent_of(TINY), itertools.count()
        agent.learn(STEPS, stop=lambda count=count, cut=cut: next(count) >= cut)  # type: ignore[misc]
        assert agent.in_round
        assert_same(snapshot(agent.learn(STEPS)), whole)


def test_a_fit_goes_on_from_its_last_epoch(tmp_path: Path) -> None:
    epochs: list[int] = []
    config = replace(TINY, first_updates=30)
    agent = agent_of(config)

    def note(epoch: FitEpoch) -> None:
        epochs.append(epoch.number)

    agent.learn(STEPS, progress=note, stop=lambda: len(epochs) == 12, save=lambda: agent.save(tmp_path / "agent"))
    assert agent.state().documents["agent"]["round"]["stage"] == "fit"
    Dreaming.load(tmp_path / "agent", device="cpu").learn(60, progress=note)
    assert epochs == list(range(1, 31))


@pytest.mark.slow
def test_two_calls_are_one_where_the_first_ends_with_a_round(tmp_path: Path) -> None:
    first = agent_of(TINY).learn(100)
    first.save(tmp_path / "agent")
    longer = snapshot(Dreaming.load(tmp_path / "agent", device="cpu").learn(STEPS))
    assert_same(longer, snapshot(agent_of(TINY).learn(STEPS)))


def test_it_is_saved_now_and_then(tmp_path: Path) -> None:
    agent, stages = agent_of(TINY), set()
    agent.learn(60, save=lambda: stages.add(agent.state().documents["agent"]["round"]["stage"]), every_seconds=0.0)
    assert stages == {"collect", "fit", "dream"}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("agents.pauses.time.monotonic", lambda: 0.0)
        agent_of(TINY).learn(60, save=lambda: pytest.fail("too early"), every_seconds=1.0)


def test_an_environment_that_cannot_be_saved_begins_a_new_episode_with_a_warning(tmp_path: Path) -> None:
    agent, count = Dreaming(point_envs(1), seed=0, device="cpu", config=TINY), itertools.count()
    stop = lambda: agent.rounds_done == 1 and next(count) >= 15  # noqa: E731
    agent.learn(STEPS, save=lambda: agent.save(tmp_path / "agent"), stop=stop)
    assert agent.state().documents["agent"]["round"]["stage"] == "collect"
    loaded = Dreaming.load(tmp_path / "agent", env=point_envs(1), device="cpu")
    with pytest.warns(UserWarning, match="a new episode begins"):
        loaded.learn(100)
    assert loaded.real_steps == 100
    assert loaded.experience is not None
    follows = ~loaded.experience.ends[:-1]
    after, before = loaded.experience.next_observations[:-1][follows], loaded.experience.observations[1:][follows]
    np.testing.assert_array_equal(after, before)
