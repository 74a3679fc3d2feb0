import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from genrl.errors import InputError
from genrl.training import atomic_files as atomic
from genrl.training import read_checkpoint, verify_checkpoint, write_checkpoint


def write(folder: Path, value: float = 1.0) -> None:
    write_checkpoint(
        folder,
        tensors={"policy": {"w": torch.full((3, 2), value), "n": torch.tensor(7)}},
        documents={"counters": {"steps": 10, "path": Path("x"), "number": np.float64(0.5)}},
        arrays={"statistics": {"file": np.arange(4), "group/mean": np.ones((2, 2)), "flag": np.array(True)}},
    )


def value(folder: Path) -> float:
    return read_checkpoint(folder).tensors["policy"]["w"][0, 0].item()


def test_round_trip(tmp_path: Path) -> None:
    write(tmp_path / "a" / "10")
    back = read_checkpoint(tmp_path / "a" / "10")
    assert torch.equal(back.tensors["policy"]["w"], torch.ones(3, 2))
    assert back.tensors["policy"]["n"].dtype == torch.int64
    assert back.documents == {"counters": {"steps": 10, "path": "x", "number": 0.5}}
    np.testing.assert_array_equal(back.arrays["statistics"]["file"], np.arange(4))
    assert back.arrays["statistics"]["group/mean"].shape == (2, 2)
    assert back.arrays["statistics"]["flag"].dtype == bool


def test_tied_and_strided_tensors_are_stored(tmp_path: Path) -> None:
    weight = torch.arange(6.0).reshape(2, 3)
    write_checkpoint(tmp_path / "c", tensors={"net": {"a": weight, "b": weight, "c": weight.T}})
    back = read_checkpoint(tmp_path / "c").tensors["net"]
    assert torch.equal(back["b"], weight)
    assert torch.equal(back["c"], weight.T)


def test_nothing_is_a_pickle(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="pickle"):
        write_checkpoint(tmp_path / "c", arrays={"a": {"x": np.array([{}], dtype=object)}})
    assert list(tmp_path.iterdir()) == []


def test_replacing_leaves_only_the_new_one(tmp_path: Path) -> None:
    write(tmp_path / "best", 1.0)
    write(tmp_path / "best", 2.0)
    assert value(tmp_path / "best") == 2.0
    assert [entry.name for entry in tmp_path.iterdir()] == ["best"]


def test_full_disk_keeps_the_previous_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "best", 1.0)

    def no_space(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", no_space)
        with pytest.raises(OSError, match="No space"):
            write(tmp_path / "best", 2.0)
        with pytest.raises(OSError, match="No space"):
            write(tmp_path / "20", 2.0)
    assert value(tmp_path / "best") == 1.0
    assert [entry.name for entry in tmp_path.iterdir()] == ["best"]


@pytest.mark.parametrize("renames_before_failure", [0, 1])
def test_failure_between_write_and_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames_before_failure: int
) -> None:
    write(tmp_path / "best", 1.0)
    rename, left = os.rename, [renames_before_failure]

    def fail_once(source: Path, target: Path) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(atomic.os, "rename", fail_once)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "best", 2.0)
    assert value(tmp_path / "best") == 1.0
    assert [entry.name for entry in tmp_path.iterdir()] == ["best"]


def test_process_killed_between_the_two_renames(tmp_path: Path) -> None:
    write(tmp_path / "best", 1.0)
    (tmp_path / "best").rename(tmp_path / ".best.previous")
    (tmp_path / ".best.partial").mkdir()
    assert value(tmp_path / "best") == 1.0
    write(tmp_path / "best", 2.0)
    assert value(tmp_path / "best") == 2.0
    assert [entry.name for entry in tmp_path.iterdir()] == ["best"]


@pytest.mark.parametrize("name", ["policy.safetensors", "counters.json", "statistics.npz", "manifest.json"])
@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "remove"])
def test_damage_is_named(tmp_path: Path, name: str, harm: str) -> None:
    write(tmp_path / "c")
    path = tmp_path / "c" / name
    content = bytearray(path.read_bytes())
    if harm == "flip":
        content[len(content) // 2] ^= 0xFF
    path.write_bytes(content[: {"flip": None, "cut": len(content) // 2}.get(harm, 0)])
    if harm == "remove":
        path.unlink()
    with pytest.raises(InputError, match=name):
        read_checkpoint(tmp_path / "c")


def test_wrong_folder_and_newer_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        verify_checkpoint(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"no manifest\.json"):
        verify_checkpoint(tmp_path)
    write(tmp_path / "c")
    manifest = json.loads((tmp_path / "c" / "manifest.json").read_text())
    (tmp_path / "c" / "manifest.json").write_text(json.dumps({**manifest, "version": 99}))
    with pytest.raises(InputError, match="update genrl"):
        verify_checkpoint(tmp_path / "c")


def test_single_files_are_whole_or_untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atomic.write_json(tmp_path / "a.json", {"n": np.arange(2)})
    assert atomic.read_json(tmp_path / "a.json") == {"n": [0, 1]}

    def no_space(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", no_space)
    with pytest.raises(OSError, match=r"No space.*a\.json") as caught:
        atomic.write_json(tmp_path / "a.json", {"n": 2})
    assert caught.value.filename == str(tmp_path / "a.json")
    assert atomic.read_json(tmp_path / "a.json") == {"n": [0, 1]}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_arrays_keep_their_layout(tmp_path: Path) -> None:
    columns_first = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    write_checkpoint(tmp_path / "1", arrays={"a": {"columns": columns_first, "rows": np.ones((2, 3))}})
    back = read_checkpoint(tmp_path / "1").arrays["a"]
    np.testing.assert_array_equal(back["columns"], columns_first)
    assert (back["columns"].strides, back["rows"].strides) == (columns_first.strides, (24, 8))
