import json

import numpy as np
import pytest

from experts import available, expert_card, expert_folder, load_expert, register
from experts.cards import cache_folder, file_digest
from experts.npz import read_npz
from genrl.errors import InputError
from genrl.policies.actor import Actor, ActorConfig

SHIPPED = [(env_id, tier) for env_id, tiers in available().items() for tier in tiers]


def an_actor():
    return Actor(ActorConfig(obs_dim=11, act_dim=3, hidden_sizes=(4,)))


def test_the_three_tasks_have_experts():
    assert {"Ant-v4", "Humanoid-v4", "Hopper-v4"} <= available().keys()


@pytest.mark.parametrize(("env_id", "tier"), SHIPPED)
def test_cards_agree_with_what_they_describe(env_id, tier):
    folder, card = expert_folder(env_id, tier), expert_card(env_id, tier)
    assert (card["env_id"], card["tier"], card["licence"]) == (env_id, tier, "CC-BY-4.0")
    assert card["evaluation"]["episodes"] >= 50
    assert load_expert(env_id, tier).config.env_id == env_id
    if about := card.get("demonstrations"):
        path = folder / about["file"]
        demonstrations = read_npz(path)
        assert file_digest(path) == about["sha256"]
        assert demonstrations.num_episodes == about["episodes"]
        assert demonstrations.returns.mean() == pytest.approx(about["return_mean"], abs=0.01)
        assert demonstrations.expert_return == card["evaluation"]["return_mean"]


def test_a_task_without_expert_is_told_which_have_one():
    with pytest.raises(InputError, match=r"no expert for Ant-v5: there are Ant-v4.*collect_demonstrations"):
        load_expert("Ant-v5")


def test_a_missing_tier_is_told_which_there_are():
    with pytest.raises(InputError, match=r"no 'novice' expert for Ant-v4: its tiers are .*expert"):
        expert_card("Ant-v4", "novice")


def test_registered_experts_join_the_catalogue(empty_cache):
    actor = an_actor()
    folder = register(actor, {"env_id": "My/Env-v0", "tier": "mine"})
    assert empty_cache in folder.parents
    assert available()["My/Env-v0"] == ["mine"]
    assert expert_card("My/Env-v0", "mine")["tier"] == "mine"
    observation = np.ones(11)
    np.testing.assert_array_equal(
        load_expert("My/Env-v0", "mine").predict(observation, deterministic=True)[0],
        actor.predict(observation, deterministic=True)[0],
    )


def test_registering_twice_needs_to_be_asked_for():
    card = {"env_id": "Hopper-v5", "tier": "expert"}
    register(an_actor(), card)
    with pytest.raises(InputError, match="ask to replace it"):
        register(an_actor(), card)
    register(an_actor(), {**card, "note": "second"}, replace=True)
    assert expert_card("Hopper-v5")["note"] == "second"


def test_shipped_experts_are_never_replaced():
    with pytest.raises(InputError, match="is shipped and stays"):
        register(an_actor(), {"env_id": "Hopper-v4", "tier": "expert"}, replace=True)


@pytest.mark.parametrize(
    ("card", "missing"),
    [
        ({}, "env_id"),
        ({"env_id": "..", "tier": "expert"}, "env_id"),
        ({"env_id": "./A-v0", "tier": "expert"}, "env_id"),
        ({"env_id": "A-v0"}, "tier"),
        ({"env_id": "A-v0", "tier": "../up"}, "tier"),
    ],
)
def test_a_card_must_name_task_and_tier(card, missing):
    with pytest.raises(InputError, match=missing):
        register(an_actor(), card)


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("GENRL_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own" / "genrl-imitation"
    monkeypatch.delenv("GENRL_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "genrl-imitation"


def test_a_damaged_card_is_named():
    folder = register(an_actor(), {"env_id": "A-v0", "tier": "t"})
    (folder / "card.json").write_text("{")
    with pytest.raises(InputError, match=r"card\.json"):
        expert_card("A-v0", "t")
    (folder / "card.json").write_text(json.dumps([1]))
    with pytest.raises(InputError, match="JSON object"):
        expert_card("A-v0", "t")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"evaluation": []}, "evaluation is"),
        ({"evaluation": {"return_mean": "high"}}, r"evaluation\.return_mean is 'high'"),
        ({"demonstrations": {"episodes": -1}}, r"demonstrations\.episodes is -1"),
        ({"demonstrations": 7}, "demonstrations is 7"),
        ({"mujoco": "4\n0"}, "mujoco is"),
        ({"env_id": 4}, "env_id is 4"),
    ],
)
def test_a_field_of_another_type_is_named(fields, message):
    folder = register(an_actor(), {"env_id": "A-v0", "tier": "t"})
    (folder / "card.json").write_text(json.dumps({"env_id": "A-v0", "tier": "t", **fields}))
    with pytest.raises(InputError, match=message) as caught:
        expert_card("A-v0", "t")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["[" * 100_000, "9" * 10_000, "\ufeff{}", " " * (2**25 + 1)])
def test_json_that_python_cannot_take_is_refused(content):
    folder = register(an_actor(), {"env_id": "A-v0", "tier": "t"})
    (folder / "card.json").write_text(content)
    with pytest.raises(InputError, match=r"card\.json"):
        expert_card("A-v0", "t")
