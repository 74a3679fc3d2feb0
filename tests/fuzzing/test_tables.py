"""Damaged tables for generative models, and archives of stable-baselines3: each is read, or refused in one line."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from mutations import (
    ARRAY_EDITS,
    BYTE_EDITS,
    EXAMPLES,
    edited_arrays,
    edited_bytes,
    explore,
    meet,
    npy_content,
    write_npz,
)
from stable_baselines3 import PPO

from genrl.errors import InputError

SCRIPTS = Path(__file__).parents[2] / "scripts"
RNG = np.random.default_rng(0)
TABLE = {"x": RNG.normal(size=(12, 2)), "y": np.arange(12) % 3}


@pytest.fixture
def data(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module("generative_data")


def use(data, path):
    """Rows as every model gets them, with and without labels."""
    for conditional in (True, False):
        try:
            found = data.load_data(str(path), conditional=conditional)
        except InputError:
            if not conditional:
                raise
            continue
        assert found.train.dtype == found.test.dtype == np.float32
        assert np.isfinite(found.train).all()
        assert np.isfinite(found.test).all()
        assert len(found.train)
        assert len(found.test)
    return found


@pytest.mark.parametrize("examples", EXAMPLES)
def test_arrays_of_tables(tmp_path, data, examples):
    path = tmp_path / "a.npz"

    def check(edits):
        write_npz(path, edited_arrays(TABLE, edits), compressed=False)
        meet(lambda: use(data, path))

    explore(ARRAY_EDITS, check, examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_bytes_of_tables(tmp_path, data, examples):
    write_npz(tmp_path / "a.npz", TABLE)
    np.savetxt(tmp_path / "a.csv", TABLE["x"], delimiter=",", header="first,second", comments="")
    (tmp_path / "a.npy").write_bytes(npy_content(None, TABLE["x"]))
    contents = {path.suffix: path.read_bytes() for path in tmp_path.iterdir()}

    def check(example):
        suffix, edits = example
        path = tmp_path / f"edited{suffix}"
        path.write_bytes(edited_bytes(contents[suffix], edits))
        meet(lambda: use(data, path))

    explore(st.tuples(st.sampled_from(sorted(contents)), BYTE_EDITS), check, examples)


WORDS = [
    "1",
    "-2.5",
    "",
    " ",
    "nan",
    "inf",
    "1e39",
    "1e400",
    "1_0",
    "0x1f",
    "1700000000",
    "a",
    '"',
    "#",
    "\0",
    "é",
    "1,",
    "'",
]


@pytest.mark.parametrize("examples", EXAMPLES)
def test_words_of_tables(tmp_path, data, examples):
    def check(lines):
        (tmp_path / "a.csv").write_text("\n".join(",".join(words) for words in lines), encoding="utf-8")
        meet(lambda: use(data, tmp_path / "a.csv"))

    explore(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3), max_size=5), check, examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_models_of_stable_baselines3(tmp_path, monkeypatch, examples):
    """Without trust none is opened, sound or damaged; with trust no exception but one line."""
    monkeypatch.syspath_prepend(SCRIPTS)
    source = importlib.import_module("policy_source")
    PPO("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [2]}).save(tmp_path / "sound.zip")
    content = (tmp_path / "sound.zip").read_bytes()
    path = tmp_path / "edited.zip"

    def check(edits):
        path.write_bytes(edited_bytes(content, edits))
        refusal = meet(lambda: source.find_policy(path, algorithm="ppo"))
        assert "pass --trust only if you know who made the file" in refusal

    explore(BYTE_EDITS, check, examples)
    for cut in range(0, len(content), len(content) // 8):
        path.write_bytes(content[:cut])
        with pytest.raises(InputError, match="cannot be read as a model of ppo") as caught:
            source.find_policy(path, trust=True, algorithm="ppo")
        assert str(caught.value).isprintable()
