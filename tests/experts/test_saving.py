import json
from dataclasses import replace

import pytest

from experts import load_demonstrations, save_recording
from experts.cards import file_digest
from genrl.errors import InputError


def test_a_recording_is_a_file_a_card_and_a_minari_dataset(tmp_path, small):
    folder = tmp_path / "new" / "recording"
    card = save_recording(folder, small, policy={"source": "test"}, details={"seeds": "0-2"}, licence="CC0-1.0")
    assert {entry.name for entry in folder.iterdir()} == {"demonstrations.npz", "card.json", "minari"}
    assert json.loads((folder / "card.json").read_text()) == card
    assert card["demonstrations"]["sha256"] == file_digest(folder / "demonstrations.npz")
    assert (card["demonstrations"]["episodes"], card["demonstrations"]["steps"]) == (3, 12)
    assert {"gymnasium", "mujoco"} <= card.keys()


def test_an_older_recording_is_replaced_but_nothing_else(tmp_path, small):
    folder = tmp_path / "recording"
    save_recording(folder, small, policy={"source": "one"})
    save_recording(folder, small.first(1), policy={"source": "two"})
    assert json.loads((folder / "card.json").read_text())["policy"] == {"source": "two"}
    (folder / "notes.txt").touch()
    with pytest.raises(InputError, match=r"holds other things \(notes\.txt\)"):
        save_recording(folder, small, policy={"source": "three"})
    with pytest.raises(InputError, match="is a file"):
        save_recording(folder / "notes.txt", small, policy={})


def test_without_actions_there_is_no_minari_dataset(tmp_path, small):
    card = save_recording(tmp_path / "watched", replace(small, actions=None), policy={"source": "test"})
    assert {entry.name for entry in (tmp_path / "watched").iterdir()} == {"demonstrations.npz", "card.json"}
    assert card["demonstrations"]["steps"] == 12
    assert not load_demonstrations(tmp_path / "watched").has_actions
