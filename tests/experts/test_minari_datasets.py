import dataclasses
import json

import gymnasium as gym
import minari
import numpy as np
import pytest

from experts.minari_datasets import is_minari, read_minari, write_minari
from genrl.errors import InputError


def test_round_trip(tmp_path, small, same):
    write_minari(tmp_path / "data-set", small)
    read = read_minari(tmp_path / "data-set")
    same(read, small)
    assert read.env_id == "Hopper-v4"


def test_minari_itself_reads_it(tmp_path, small, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    write_minari(tmp_path / "hopper" / "mine-v0", small, dataset_id="hopper/mine-v0", algorithm="by hand")
    dataset = minari.load_dataset("hopper/mine-v0")
    assert (dataset.total_episodes, dataset.total_steps) == (3, 12)
    np.testing.assert_array_equal(dataset[1].actions, small.actions[5:8])
    assert dataset[1].terminations[-1]
    assert dataset.recover_environment().spec.id == "Hopper-v4"


def test_a_relative_folder_and_options(tmp_path, small, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"max_episode_steps": 5, "reset_noise_scale": 0.0}
    write_minari("here", small, env_kwargs=options)
    spec = minari.MinariDataset(tmp_path / "here" / "data").env_spec
    assert spec.max_episode_steps == 5
    assert spec.kwargs["reset_noise_scale"] == 0.0
    assert gym.spec("Hopper-v4").max_episode_steps == 1000


def test_writing_again_replaces_and_other_things_are_left_alone(tmp_path, small):
    write_minari(tmp_path / "d", small)
    write_minari(tmp_path / "d", small.first(1))
    assert read_minari(tmp_path / "d").num_episodes == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(InputError, match="something else"):
        write_minari(tmp_path / "mine", small)
    assert not is_minari(tmp_path / "mine")


def test_whole_number_actions_survive(tmp_path, same, small):
    cart = dataclasses.replace(
        small,
        env_id="CartPole-v1",
        observations=small.observations[:, :4],
        actions=np.arange(len(small.actions)) % 2,
    )
    write_minari(tmp_path / "d", cart)
    same(read_minari(tmp_path / "d"), cart)


def test_a_truncated_dataset_is_refused(tmp_path, small):
    write_minari(tmp_path / "d", small)
    file = tmp_path / "d" / "data" / "main_data.hdf5"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be read as a Minari dataset"):
        read_minari(tmp_path / "d")


@pytest.mark.parametrize("content", ["{", "{}", json.dumps({"data_format": "hdf5"})])
def test_damaged_metadata_is_refused(tmp_path, small, content):
    write_minari(tmp_path / "d", small)
    (tmp_path / "d" / "data" / "metadata.json").write_text(content)
    with pytest.raises(InputError, match="cannot be read as a Minari dataset"):
        read_minari(tmp_path / "d")


def test_an_unknown_id_tells_how_to_fetch_it():
    with pytest.raises(InputError, match="minari download mujoco/ant/none-v0"):
        read_minari("mujoco/ant/none-v0")


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"env_id": None}, {}, "needs the id of a task"),
        ({"env_id": "Nothing-v0"}, {}, "needs the id of a task"),
        ({}, {"dataset_id": "no good id!"}, "no Minari id"),
        ({"actions": None}, {}, "a Minari dataset needs the expert's actions.*--state-only"),
    ],
)
def test_what_minari_cannot_hold_is_refused(tmp_path, small, changes, options, message):
    with pytest.raises(InputError, match=message):
        write_minari(tmp_path / "d", dataclasses.replace(small, **changes), **options)
    assert list(tmp_path.iterdir()) == []
