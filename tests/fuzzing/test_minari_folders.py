"""Damaged Minari datasets: metadata, the structure of the HDF5 file, its bytes; each is read or refused in one line."""

import json
import shutil
import zlib

import h5py
import numpy as np
import pytest
from demonstration_cases import FIELDS, JSON_VALUES, LENGTHS, ODD_JSON, use
from hypothesis import strategies as st
from mutations import (
    ARRAY_EDITS,
    BYTE_EDITS,
    EXAMPLES,
    edited_arrays,
    edited_bytes,
    explore,
    meet,
)

from experts.minari_datasets import read_minari, write_minari
from genrl.errors import InputError
from genrl.transitions import Demonstrations

EPISODE = ("observations", "actions", "rewards", "terminations", "truncations")
BLOCK = zlib.compress(bytes(4 * 11 * 2**16), 9)
STARTS = np.cumsum(LENGTHS) - LENGTHS


def sound(tmp_path):
    """A dataset as Minari writes it; its two files."""
    rng = np.random.default_rng(0)
    hopper = {
        **{name: FIELDS[name] for name in FIELDS if name not in ("env_id", "expert_return")},
        "observations": rng.normal(size=(11, 11)).astype(np.float32),
        "actions": rng.uniform(-1, 1, size=(8, 3)).astype(np.float32),
    }
    write_minari(tmp_path / "set", Demonstrations(**hopper, env_id="Hopper-v4"))
    return tmp_path / "set" / "data" / "metadata.json", tmp_path / "set" / "data" / "main_data.hdf5"


@pytest.mark.parametrize("examples", EXAMPLES)
def test_metadata(tmp_path, examples):
    path, _ = sound(tmp_path)
    good = json.loads(path.read_text())
    texts = ("env_spec", "observation_space", "action_space")

    def check(edit):
        if isinstance(edit, str):
            path.write_text(edit, encoding="utf-8")
        else:
            about = dict(good)
            for key, inner, value in edit:
                if inner is None or key not in texts:
                    about[key] = value
                else:
                    about[key] = json.dumps({**json.loads(good[key]), inner: value})
            path.write_text(json.dumps(about))
        meet(lambda: use(read_minari(tmp_path / "set")))

    inner = st.none() | st.sampled_from(["id", "entry_point", "kwargs", "type", "shape", "low", "dtype"])
    values = JSON_VALUES | st.sampled_from([-1, 0, 1, 2, 10**12, "arrow", "parquet", "hdf5", *ODD_JSON])
    changes = st.lists(st.tuples(st.sampled_from(sorted(good)), inner, values), min_size=1, max_size=2)
    explore(changes | st.sampled_from(ODD_JSON), check, examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_bytes_of_hdf5(tmp_path, examples):
    _, path = sound(tmp_path)
    content = path.read_bytes()

    def check(edits):
        path.write_bytes(edited_bytes(content, edits))
        meet(lambda: use(read_minari(tmp_path / "set")))

    explore(BYTE_EDITS, check, examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_arrays_of_hdf5(tmp_path, examples):
    _, path = sound(tmp_path)
    episodes = []
    for start, (number, length) in zip(STARTS, enumerate(LENGTHS), strict=True):
        steps = slice(start, start + length)
        episode = {name: FIELDS[name][steps] for name in EPISODE}
        episodes.append(
            {**episode, "observations": FIELDS["observations"][start + number : start + number + length + 1]}
        )

    def check(example):
        which, edits = example
        path.unlink()
        with h5py.File(path, "w") as file:
            for number, episode in enumerate(episodes):
                group = file.create_group(f"episode_{number}")
                for name, array in (edited_arrays(episode, edits) if number == which else episode).items():
                    store(group, name.replace("\n", " "), array)
        meet(lambda: use(read_minari(tmp_path / "set")))

    explore(st.tuples(st.integers(0, 2), ARRAY_EDITS), check, examples)


def store(group, name, array):
    """As h5py can: objects as words, and content that is no array as bytes."""
    if isinstance(array, bytes):
        group[name] = np.void(array or b"0")
    elif array.dtype.kind in "UOMm":
        group.create_dataset(
            name, data=array.astype("S"), dtype=h5py.string_dtype() if array.dtype.kind == "O" else None
        )
    else:
        group[name] = array


def linked(group):
    group["observations"] = h5py.ExternalLink("other.hdf5", "/observations")


def soft(group):
    group["observations"] = h5py.SoftLink("/episode_0/observations")  # itself


def virtual(group):
    layout = h5py.VirtualLayout((5, 11), "f4")
    layout[:] = h5py.VirtualSource("other.hdf5", "/observations", (5, 11))
    group.create_virtual_dataset("observations", layout)


def external(group):
    group.create_dataset("observations", (5, 11), "u1", external=[("/etc/passwd", 0, 55)])


def huge(group):
    group.create_dataset("observations", (2**40, 11), "f4")


def huge_with_chunks(group):
    group.create_dataset("observations", (2**40, 11), "f4", chunks=(1000, 11), compression="gzip")


def unwritten(group):
    group.create_dataset("observations", (5, 11), "f4", chunks=(5, 11))


def a_large_chunk(group):
    group.create_dataset("observations", (5, 11), "f4", maxshape=(None, 11), chunks=(2**22, 11), compression="gzip")
    group["observations"].id.write_direct_chunk((0, 0), b"0")


def a_bomb(group):
    rows = 2**23
    made = group.create_dataset("observations", (rows, 11), "f4", chunks=(2**16, 11), compression="gzip")
    for start in range(0, rows, 2**16):  # the same content again and again
        made.id.write_direct_chunk((start, 0), BLOCK)


def words(group):
    group["observations"] = ["a", "b"]


def a_reference(group):
    group.create_dataset("observations", (5,), h5py.ref_dtype)


def a_compound(group):
    group["observations"] = np.zeros(5, [("a", "f4"), ("b", "f4")])


def a_group(group):
    group.create_group("observations")["position"] = np.zeros((5, 11))


def a_committed_type(group):
    group["observations"] = np.dtype("f4")


def nothing(group):
    group["observations"] = h5py.Empty("f4")


def complex_numbers(group):
    group["observations"] = np.zeros((5, 11), complex)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (linked, "observations is a link"),
        (soft, "observations is a link"),
        (virtual, "lies in another file"),
        (external, "lies in another file"),
        (huge, "was never written"),
        (huge_with_chunks, "was never written"),
        (unwritten, "was never written"),
        (a_large_chunk, "would unpack"),
        (a_bomb, "would unpack"),
        (words, "not numbers"),
        (a_reference, "not numbers"),
        (a_compound, "not numbers"),
        (complex_numbers, "not numbers"),
        (a_group, "only vector observations"),
        (a_committed_type, "is no array"),
        (nothing, "is empty"),
        (lambda group: None, "lacks /episode_0/observations"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_an_array_must_not_be(tmp_path, write, message):
    _, path = sound(tmp_path)
    with h5py.File(tmp_path / "set" / "data" / "other.hdf5", "w") as other:
        other["observations"] = np.zeros((5, 11), "f4")
    with h5py.File(path, "a") as file:
        del file["episode_0/observations"]
        write(file["episode_0"])
    with pytest.raises(InputError, match=message) as caught:
        read_minari(tmp_path / "set")
    assert str(caught.value).isprintable()


def test_a_filter_that_would_be_loaded_is_refused(tmp_path):
    _, path = sound(tmp_path)
    with h5py.File(path, "a") as file:
        group = file["episode_0"]
        del group["observations"]
        group.create_dataset("observations", (5, 11), "f4", chunks=(5, 11), shuffle=True, compression="gzip")
        group["observations"].id.write_direct_chunk((0, 0), b"0")
    content = path.read_bytes()
    # The number of gzip's filter, 1, where the list of filters has it after that of shuffling, 2, becomes blosc's.
    at = content.index(b"shuffle\0")
    place = content.index(b"deflate\0", at) - 8
    assert content[place] == 1
    path.write_bytes(content[:place] + (32001).to_bytes(2, "little") + content[place + 2 :])
    with pytest.raises(InputError, match="HDF5 filter 32001, which would have to be loaded"):
        read_minari(tmp_path / "set")


def test_many_names_for_one_array_are_counted(tmp_path):
    path = sound(tmp_path)[1]
    (tmp_path / "set" / "data" / "metadata.json").write_text(json.dumps({"total_episodes": 100, "data_format": "hdf5"}))
    with h5py.File(path, "w") as file:
        first = file.create_group("episode_0")
        steps = 2**16
        for name in EPISODE:
            shape = (steps + 1, 11) if name == "observations" else (steps, 3) if name == "actions" else (steps,)
            first.create_dataset(name, data=np.zeros(shape, bool if "ations" in name[4:] else "f4"), compression="gzip")
        for number in range(1, 100):
            file[f"episode_{number}"] = first
    with pytest.raises(InputError, match="its arrays together would unpack"):
        read_minari(tmp_path / "set")


def test_a_folder_without_its_data(tmp_path):
    about, path = sound(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match="does not exist"):
        read_minari(tmp_path / "set")
    path.mkdir()
    with pytest.raises(InputError, match="is no file"):
        read_minari(tmp_path / "set")
    shutil.rmtree(path)
    about.write_text(json.dumps({"total_episodes": 0, "data_format": "hdf5"}))
    with pytest.raises(InputError, match="holds no episodes"):
        read_minari(tmp_path / "set")
