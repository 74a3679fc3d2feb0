"""Arrow and Parquet files that carry pickles where pyarrow, pandas or a careless reader would open them."""

import base64
import contextlib
import json
import pickle

import numpy as np
import pyarrow
import pytest
from payloads import CALLS
from pyarrow import parquet

from experts import load_demonstrations
from experts.arrow import read_arrow
from experts.imitation_library import read_imitation
from genrl.errors import InputError

EXTENSION = "arrow.py_extension_type"  # what pyarrow before 14.0.1 unpickled while it read a schema (CVE-2023-47248)


def attacked_tables(payload) -> list[pyarrow.Table]:
    """One episode of `imitation`, with the payload in its schema, in the metadata of pandas, or in the cells."""
    content = pickle.dumps(payload)
    text = base64.b64encode(content).decode()
    columns = {
        "obs": pyarrow.array([[[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]]),
        "acts": pyarrow.array([[[0.5], [0.5]]]),
        "rews": pyarrow.array([[1.0, 1.0]]),
        "infos": pyarrow.array([[f'{{"py/reduce": "{text}"}}'] * 2]),
        "terminal": pyarrow.array([True]),
    }
    extension = {"ARROW:extension:name": EXTENSION, "ARROW:extension:metadata": content}
    fields = [pyarrow.field(name, array.type, metadata=extension) for name, array in columns.items()]
    pandas = json.dumps({"columns": [{"name": "obs", "pandas_type": "object", "metadata": {"encoding": "pickle"}}]})
    about = {"pandas": pandas, "serialized": content, "huggingface": json.dumps({"info": {"features": text}})}
    plain = pyarrow.table(columns)
    cells = plain.set_column(0, "obs", pyarrow.array([[content] * 3])).set_column(1, "acts", pyarrow.array([content]))
    return [
        pyarrow.Table.from_arrays(list(columns.values()), schema=pyarrow.schema(fields, metadata=about)),
        plain.replace_schema_metadata(about),
        cells,
    ]


def write_dataset(folder, table, kind: str):
    """A folder as `imitation` saves it, with an Arrow stream, an Arrow file or a Parquet file in it; the file."""
    folder.mkdir()
    path = folder / f"data-00000-of-00001.{kind}"
    if kind == "parquet":
        parquet.write_table(table, path)
    else:
        new = pyarrow.ipc.new_stream if kind == "stream" else pyarrow.ipc.new_file
        with new(str(path), table.schema) as writer:
            writer.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": path.name}]}))
    return path


def write_minari(folder, path):
    """The same file as the part of a Minari dataset."""
    part = folder / "data" / "0"
    part.mkdir(parents=True)
    (part / path.name).write_bytes(path.read_bytes())
    kind = "parquet" if path.suffix == ".parquet" else "arrow"
    about = {"total_episodes": 1, "total_steps": 2, "data_format": kind, "dataset_id": "attacked/expert-v0"}
    (folder / "data" / "metadata.json").write_text(json.dumps({**about, "minari_version": "0.5.4"}))
    return folder


@pytest.mark.parametrize("kind", ["stream", "file", "parquet"])
def test_no_pickle_in_an_arrow_file_is_opened(tmp_path, marker, kind):
    read = 0
    for number, make in enumerate(CALLS.values()):
        for place, table in enumerate(attacked_tables(make(marker))):
            folder = tmp_path / f"{number}-{place}"
            path = write_dataset(folder, table, kind)
            minari = write_minari(tmp_path / f"{number}-{place}-minari", path)
            for reader in (
                lambda folder=folder: read_imitation(folder),
                lambda path=path: read_arrow(path, ["obs", "acts", "infos"]),
                lambda minari=minari: load_demonstrations(str(minari)),
            ):
                with contextlib.suppress(InputError):
                    reader()
                    read += 1
            assert not marker.exists()
            assert not marker.is_symlink()
    assert read >= 2 * len(CALLS)  # what stands beside the numbers is not looked at, and the numbers are read


def test_the_numbers_beside_an_attack_are_read(tmp_path, marker):
    table = attacked_tables(CALLS["os.mkdir"](marker))[1]
    demonstrations = read_imitation(write_dataset(tmp_path / "set", table, "stream").parent)
    np.testing.assert_array_equal(demonstrations.actions, [[0.5], [0.5]])


@pytest.mark.parametrize("kind", ["stream", "parquet"])
def test_no_script_opens_a_pickle_in_an_arrow_file(tmp_path, marker, script, kind):
    table = attacked_tables(CALLS["os.mkdir"](marker))[0]
    folder = write_dataset(tmp_path / "set", table, kind).parent
    minari = write_minari(tmp_path / "minari", next(folder.glob("data-*")))
    bc, collect = script("train_bc"), script("collect_demonstrations")
    out = tmp_path / "out"
    for call in (
        lambda: bc.main(bc.TrainConfig(env="Hopper-v4", demos=str(minari), log_folder=out)),
        lambda: bc.main(bc.TrainConfig(env="Hopper-v4", demos=str(folder), log_folder=out)),
        lambda: collect.main(collect.CollectConfig(env="Hopper-v4", import_imitation=folder, out=out)),
    ):
        with pytest.raises(InputError):
            call()
    assert not marker.exists()
