import dataclasses
import json

import numpy as np
import pytest

import experts.loading
from experts import load_demonstrations, register, save_recording
from experts.minari_datasets import write_minari
from experts.npz import write_npz
from genrl.errors import InputError
from genrl.policies.actor import Actor, ActorConfig


@pytest.fixture
def recordings(monkeypatch, small):
    """Stands in for the simulator; lists the (seed, deterministic) of each block that was recorded."""
    calls = []

    def fake(policy, env_id, episodes, *, seed, deterministic):
        calls.append((seed, deterministic))
        return small.first(episodes)

    monkeypatch.setattr(experts.loading, "record", fake)
    monkeypatch.setattr(experts.loading, "BLOCK", 2)
    return calls


def test_the_shipped_ones_of_the_ant():
    demonstrations = load_demonstrations("Ant-v4", stochastic=False)
    assert demonstrations.num_episodes == 25
    assert demonstrations.env_id == "Ant-v4"
    assert demonstrations.expert_return == pytest.approx(8808, abs=1)
    assert demonstrations.returns.mean() == pytest.approx(8817, abs=1)


def test_fewer_episodes_and_fewer_pairs():
    demonstrations = load_demonstrations("Hopper-v4", episodes=3, subsample=20, seed=1)
    assert demonstrations.num_episodes == 3
    assert len(demonstrations) == 150
    again = load_demonstrations("Hopper-v4", episodes=3, subsample=20, seed=1)
    np.testing.assert_array_equal(demonstrations.kept_pairs, again.kept_pairs)


def test_more_episodes_than_shipped_are_recorded_once(recordings, same, capsys):
    shipped = load_demonstrations("Hopper-v4")
    more = load_demonstrations("Hopper-v4", episodes=13)
    assert recordings == [(10, True), (12, True)]
    assert capsys.readouterr().err.count("recording 2 deterministic episodes") == 2
    assert more.num_episodes == 13
    same(more.first(10), shipped)
    assert more.expert_return == shipped.expert_return
    same(load_demonstrations("Hopper-v4", episodes=13), more)
    assert len(recordings) == 2
    assert capsys.readouterr().err == ""


def test_stochastic_ones_are_recorded_and_default_to_the_shipped_number(recordings):
    assert load_demonstrations("Humanoid-v4", stochastic=True).num_episodes == 4
    assert recordings == [(0, False), (2, False)]


@pytest.mark.parametrize(("env_id", "recorded"), [("Ant-v4", [(0, False)]), ("Hopper-v4", [])])
def test_the_card_says_which_kind_is_imitated(recordings, env_id, recorded):
    load_demonstrations(env_id, episodes=1)
    assert recordings == recorded


@pytest.mark.parametrize("stochastic", [True, False])
def test_either_kind_is_compared_with_the_expert_without_noise(recordings, stochastic):
    demonstrations = load_demonstrations("Ant-v4", episodes=1, stochastic=stochastic)
    assert demonstrations.expert_return == pytest.approx(8808, abs=1)


def test_a_damaged_recording_is_made_again(recordings, empty_cache, capsys):
    load_demonstrations("Hopper-v4", episodes=11)
    (file,) = empty_cache.rglob("*.npz")
    file.write_bytes(file.read_bytes()[:100])
    load_demonstrations("Hopper-v4", episodes=11)
    assert len(recordings) == 2
    assert "recorded again" in capsys.readouterr().err


def test_a_cache_that_cannot_be_written_costs_only_time(recordings, monkeypatch, capsys):
    def no_space(path, demonstrations):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(experts.loading, "write_npz", no_space)
    assert load_demonstrations("Hopper-v4", episodes=11).num_episodes == 11
    assert "not kept" in capsys.readouterr().err


def test_a_registered_expert_without_data_is_recorded(recordings):
    register(Actor(ActorConfig(obs_dim=11, act_dim=3, hidden_sizes=(4,))), {"env_id": "Hopper-v4", "tier": "mine"})
    assert load_demonstrations("Hopper-v4", tier="mine", episodes=2).num_episodes == 2
    assert recordings == [(0, True)]


def test_a_policy_that_cannot_be_sampled_says_so(recordings):
    actor = Actor(ActorConfig(obs_dim=11, act_dim=3, hidden_sizes=(4,), std="none"))
    register(actor, {"env_id": "Hopper-v4", "tier": "still"})
    with pytest.raises(InputError, match="no randomness"):
        load_demonstrations("Hopper-v4", tier="still", stochastic=True)


def test_a_bare_file_is_accepted(tmp_path, small, same):
    fields = ("observations", "actions", "rewards", "terminations", "truncations", "episode_lengths")
    np.savez(tmp_path / "bare.npz", **{name: getattr(small, name) for name in fields})
    read = load_demonstrations(tmp_path / "bare.npz", episodes=2)
    same(read, small.first(2))
    assert read.env_id is None
    card = {"env_id": "Hopper-v4", "mujoco": "2.1.0", "demonstrations": {"file": "bare.npz"}}
    (tmp_path / "card.json").write_text(json.dumps(card))
    assert load_demonstrations(str(tmp_path / "bare.npz")).env_id == "Hopper-v4"


def test_observations_alone_are_accepted(tmp_path, small):
    write_npz(tmp_path / "watched.npz", dataclasses.replace(small, actions=None))
    read = load_demonstrations(tmp_path / "watched.npz", episodes=2, subsample=2, seed=0)
    assert not read.has_actions
    np.testing.assert_array_equal(read.observations, small.first(2).observations)


def test_another_simulator_is_mentioned(tmp_path, small, capsys):
    write_npz(tmp_path / "old.npz", small)
    card = {"env_id": "Hopper-v4", "mujoco": "2.1.0", "demonstrations": {"file": "old.npz"}}
    (tmp_path / "card.json").write_text(json.dumps(card))
    load_demonstrations(tmp_path / "old.npz")
    assert "recorded with MuJoCo 2.1.0" in capsys.readouterr().err


def test_folders_and_minari_ids_are_read(tmp_path, small, same, empty_cache):
    save_recording(tmp_path / "recording", small, policy={"source": "test"})
    same(load_demonstrations(tmp_path / "recording"), small)
    same(load_demonstrations(tmp_path / "recording" / "minari"), small)
    write_minari(empty_cache.parent / "minari" / "hopper" / "test-v0", small, dataset_id="hopper/test-v0")
    same(load_demonstrations("hopper/test-v0"), small)


def test_a_file_that_its_card_does_not_describe_is_refused(tmp_path, small):
    save_recording(tmp_path / "recording", small, policy={"source": "test"})
    write_npz(tmp_path / "recording" / "demonstrations.npz", small.first(1))
    with pytest.raises(InputError, match="not the file that its card"):
        load_demonstrations(tmp_path / "recording")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("Ant-v5", {}, "no expert for Ant-v5"),
        ("Ant-v4", {"tier": "novice"}, "its tiers are"),
        ("Ant-v4", {"episodes": 0}, "1 or more"),
        ("Ant-v4", {"stochastic": True, "episodes": 0}, "1 or more"),
        ("Hopper-v4", {"subsample": 0}, "subsample must be 1 or more"),
        ("nothing-of-this-name", {}, "no task of the catalogue"),
        ("missing.npz", {}, "does not exist"),
        (".", {}, "neither demonstrations.npz nor a Minari dataset"),
        ("missing.npz", {"stochastic": True}, "come from the catalogue"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(tmp_path, monkeypatch, name, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        load_demonstrations(name, **options)
    assert "\n" not in str(caught.value)


def test_more_episodes_than_a_file_has(tmp_path, small):
    write_npz(tmp_path / "a.npz", small)
    with pytest.raises(InputError, match="there are 3"):
        load_demonstrations(tmp_path / "a.npz", episodes=4)


@pytest.mark.slow
@pytest.mark.parametrize(("env_id", "expected"), [("Ant-v4", 8808), ("Humanoid-v4", 11135), ("Hopper-v4", 3466)])
def test_recorded_episodes_are_as_good_as_the_shipped_ones(env_id, expected):
    shipped = load_demonstrations(env_id).num_episodes
    recorded = load_demonstrations(env_id, episodes=shipped + 20).returns[shipped:]
    assert recorded.mean() == pytest.approx(expected, rel=0.01)
