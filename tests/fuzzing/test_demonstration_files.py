"""Damaged `.npz` demonstrations, files of `imitation` and cards: each is read, or refused in one line."""

import json

import pytest
from demonstration_cases import FIELDS, IMITATION, JSON_VALUES, ODD_JSON, use
from hypothesis import strategies as st
from mutations import ARRAY_EDITS, BYTE_EDITS, EXAMPLES, edited_arrays, edited_bytes, explore, meet, write_npz

from experts import load_demonstrations
from experts.cards import read_card
from experts.imitation_library import read_imitation
from genrl.transitions import Demonstrations


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GENRL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))


def test_what_is_not_damaged_is_read(tmp_path):
    write_npz(tmp_path / "a.npz", FIELDS)
    write_npz(tmp_path / "b.npz", IMITATION)
    assert isinstance(meet(lambda: use(load_demonstrations(tmp_path / "a.npz"))), Demonstrations)
    assert isinstance(meet(lambda: use(read_imitation(tmp_path / "b.npz"))), Demonstrations)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_arrays_of_demonstrations(tmp_path, examples):
    path = tmp_path / "a.npz"

    def check(edits):
        write_npz(path, edited_arrays(FIELDS, edits), compressed=False)
        meet(lambda: use(load_demonstrations(path)))

    explore(ARRAY_EDITS, check, examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_bytes_of_demonstrations(tmp_path, examples):
    write_npz(tmp_path / "a.npz", FIELDS)
    content = (tmp_path / "a.npz").read_bytes()

    def check(edits):
        (tmp_path / "a.npz").write_bytes(edited_bytes(content, edits))
        meet(lambda: use(load_demonstrations(tmp_path / "a.npz")))

    explore(BYTE_EDITS, check, examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_files_of_imitation(tmp_path, examples):
    write_npz(tmp_path / "a.npz", IMITATION)
    content = (tmp_path / "a.npz").read_bytes()

    def check(edits):
        of_arrays, edits = edits
        if of_arrays:
            write_npz(tmp_path / "b.npz", edited_arrays(IMITATION, edits), compressed=False)
        else:
            (tmp_path / "b.npz").write_bytes(edited_bytes(content, edits))
        meet(lambda: use(read_imitation(tmp_path / "b.npz", env_id="Hopper-v4")))

    arrays, content_edits = (st.tuples(st.just(flag), edits) for flag, edits in ((1, ARRAY_EDITS), (0, BYTE_EDITS)))
    explore(arrays | content_edits, check, examples)


CARD = {
    "env_id": "Hopper-v4",
    "tier": "expert",
    "mujoco": "4.0.0",
    "imitate": "stochastic",
    "evaluation": {"return_mean": 3.0},
    "demonstrations": {"file": "demonstrations.npz", "episodes": 3, "sha256": "0"},
}


@pytest.mark.parametrize("examples", EXAMPLES)
def test_cards(tmp_path, examples):
    write_npz(tmp_path / "demonstrations.npz", FIELDS)
    keys = [(name,) for name in CARD] + [("demonstrations", "file"), ("demonstrations", "episodes")]
    keys += [("demonstrations", "sha256"), ("evaluation", "return_mean")]

    def check(edit):
        if isinstance(edit, str):
            (tmp_path / "card.json").write_text(edit, encoding="utf-8")
        else:
            card = json.loads(json.dumps(CARD))
            for (*parents, last), value in edit:
                inside = card
                for parent in parents:
                    inside = inside[parent] if isinstance(inside.get(parent), dict) else {}
                inside[last] = value
            (tmp_path / "card.json").write_text(json.dumps(card))
        meet(lambda: read_card(tmp_path))
        meet(lambda: use(load_demonstrations(tmp_path)))

    changes = st.lists(st.tuples(st.sampled_from(keys), JSON_VALUES), min_size=1, max_size=2)
    explore(changes | st.sampled_from(ODD_JSON), check, examples)
