"""Damaged Arrow and Parquet files, of `imitation` and of Minari: each is read, or refused in one line."""

import json

import h5py
import numpy as np
import pyarrow
import pytest
from demonstration_cases import FIELDS, JSON_VALUES, LENGTHS, ODD_JSON, use
from hypothesis import strategies as st
from mutations import BYTE_EDITS, EXAMPLES, edited_bytes, explore, meet
from pyarrow import parquet

from experts.arrow import read_arrow
from experts.imitation_library import read_imitation
from experts.minari_datasets import read_minari
from genrl.errors import InputError
from genrl.transitions import Demonstrations

COLUMNS = {"obs": "observations", "acts": "actions", "rews": "rewards"}
STARTS = np.cumsum(LENGTHS) - LENGTHS


def write_imitation(folder):
    """A datasets folder of `imitation`; its Arrow file."""
    folder.mkdir(exist_ok=True)
    rows = {
        "obs": [
            FIELDS["observations"][s + i : s + i + n + 1].tolist()
            for i, (s, n) in enumerate(zip(STARTS, LENGTHS, strict=True))
        ],
        "acts": [FIELDS["actions"][s : s + n].tolist() for s, n in zip(STARTS, LENGTHS, strict=True)],
        "rews": [FIELDS["rewards"][s : s + n].tolist() for s, n in zip(STARTS, LENGTHS, strict=True)],
        "infos": [["{}"] * int(n) for n in LENGTHS],
        "terminal": [True, False, False],
    }
    table = pyarrow.table(rows)
    path = folder / "data.arrow"
    with pyarrow.ipc.new_stream(str(path), table.schema) as stream:
        stream.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": path.name}]}))
    return path


def write_minari(folder, data_format):
    """A Minari dataset of one episode; its file."""
    data = folder / "data"
    (data / "0").mkdir(parents=True)
    steps = 5
    flat = pyarrow.array(np.arange(2.0 * (steps + 1)))
    columns = {
        "observations": pyarrow.FixedSizeListArray.from_arrays(flat, 2),
        "actions": pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(np.zeros(steps + 1, np.float32)), 1),
        "rewards": np.zeros(steps + 1),
        "terminations": np.zeros(steps + 1, bool),
        "truncations": np.zeros(steps + 1, bool),
    }
    table = pyarrow.table(columns)
    path = data / "0" / f"part-0.{data_format}"
    if data_format == "arrow":
        with pyarrow.ipc.new_file(str(path), table.schema) as stream:
            stream.write_table(table)
    else:
        parquet.write_table(table, path)
    (data / "metadata.json").write_text(json.dumps({"total_episodes": 1, "data_format": data_format}))
    return path


def test_what_is_not_damaged_is_read(tmp_path):
    write_imitation(tmp_path / "a")
    assert use(read_imitation(tmp_path / "a")).episode_lengths.tolist() == LENGTHS.tolist()
    for data_format in ("arrow", "parquet"):
        write_minari(tmp_path / data_format, data_format)
        read = use(read_minari(tmp_path / data_format))
        assert isinstance(read, Demonstrations)
        assert read.observations[-1].tolist() == [10, 11]


@pytest.mark.parametrize("examples", EXAMPLES)
def test_bytes_of_imitation(tmp_path, examples):
    path = write_imitation(tmp_path / "a")
    content = path.read_bytes()

    def check(edits):
        path.unlink()  # what is mapped may still be read
        path.write_bytes(edited_bytes(content, edits))
        meet(lambda: use(read_imitation(tmp_path / "a")))

    explore(BYTE_EDITS, check, examples)


@pytest.mark.parametrize("data_format", ["arrow", "parquet"])
@pytest.mark.parametrize("examples", EXAMPLES)
def test_bytes_of_minari(tmp_path, examples, data_format):
    path = write_minari(tmp_path / "a", data_format)
    content = path.read_bytes()

    def check(edits):
        path.unlink()
        path.write_bytes(edited_bytes(content, edits))
        meet(lambda: use(read_minari(tmp_path / "a")))

    explore(BYTE_EDITS, check, examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_state_of_imitation(tmp_path, examples):
    write_imitation(tmp_path / "a")

    def check(state):
        (tmp_path / "a" / "state.json").write_text(state, encoding="utf-8")
        meet(lambda: use(read_imitation(tmp_path / "a")))

    names = st.sampled_from(["../data.arrow", "/etc/passwd", "data.arrow", "", ".", "..", "\0", "x" * 300, None, 3])
    states = st.fixed_dictionaries({"_data_files": st.lists(st.fixed_dictionaries({"filename": names}), max_size=3)})
    explore((states | JSON_VALUES).map(json.dumps) | st.sampled_from(ODD_JSON), check, examples)


def table_of(**columns):
    return pyarrow.table({"obs": [[[1.0, 2.0], [3.0, 4.0]]], "acts": [[[0.5]]], "terminal": [True], **columns})


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"obs": [[[1.0, 2.0], [3.0]]]}, "lists that are no arrays"),
        ({"obs": [[[[1.0]], [[2.0]]]]}, "observations that are vectors|no arrays|observations of the demonstrations"),
        ({"obs": [None]}, "not numbers or words"),
        ({"obs": [[["a"], ["b"]]]}, "observations of the demonstrations must be numbers"),
        ({"acts": ["x"]}, "acts must be an array"),
        ({"terminal": ["x"]}, "terminal must be"),
        ({"obs": [{"a": 1}]}, "not numbers or words"),
        ({"obs": pyarrow.nulls(1)}, "not numbers or words"),
        ({"obs": pyarrow.array(["a"]).dictionary_encode()}, "dictionary-encoded"),
    ],
)
def test_columns_of_another_kind(tmp_path, columns, message):
    write_imitation(tmp_path)
    table = table_of(**columns)
    with pyarrow.ipc.new_stream(str(tmp_path / "data.arrow"), table.schema) as stream:
        stream.write_table(table)
    with pytest.raises(InputError, match=message) as caught:
        read_imitation(tmp_path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_compressed_file_is_refused_before_it_is_unpacked(tmp_path, compression):
    table = pyarrow.table({"obs": np.zeros(2**20)})
    options = pyarrow.ipc.IpcWriteOptions(compression=compression)
    with pyarrow.ipc.new_stream(str(tmp_path / "a.arrow"), table.schema, options=options) as stream:
        stream.write_table(table)
    before = pyarrow.total_allocated_bytes()
    with pytest.raises(InputError, match="compressed inside"):
        read_arrow(tmp_path / "a.arrow", ["obs"])
    assert pyarrow.total_allocated_bytes() - before < 2**20


def test_a_parquet_bomb_is_refused(tmp_path):
    table = pyarrow.table({"obs": np.zeros(2**25)})
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match="would unpack"):
        read_arrow(tmp_path / "a.parquet", ["obs"])


def test_an_old_pyarrow_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pyarrow, "__version__", "14.0.0")
    with pytest.raises(InputError, match=r"pip install 'pyarrow>=14.0.1'"):
        read_imitation(write_imitation(tmp_path).parent)


def test_hdf5_under_another_name_is_refused(tmp_path):
    path = write_minari(tmp_path / "a", "arrow")
    with h5py.File(path, "w") as file:
        file["observations"] = np.zeros(3)
    with pytest.raises(InputError, match="cannot be read"):
        read_minari(tmp_path / "a")


def test_a_stream_that_begins_with_no_schema_is_refused(tmp_path):
    """pyarrow takes any message for a schema, and ends the process."""
    path = write_imitation(tmp_path)
    with pyarrow.BufferReader(path.read_bytes()) as source:
        reader = pyarrow.ipc.MessageReader.open_stream(source)
        messages = [reader.read_next_message() for _ in range(2)]
    assert [message.type for message in messages] == ["schema", "record batch"]
    path.write_bytes(messages[1].serialize().to_pybytes())
    with pytest.raises(InputError, match="does not begin with the schema"):
        read_imitation(tmp_path)
