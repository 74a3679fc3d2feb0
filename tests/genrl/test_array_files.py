import io
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from genrl.array_files import check_size, read_npy_file, read_npz_file
from genrl.errors import InputError

ARRAYS = {
    "floats": np.linspace(0, 1, 12).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "big_endian": np.arange(5, dtype=">f8"),
    "whole": np.arange(4),
    "flags": np.array([True, False]),
    "word": np.array("Hopper-v4"),
    "scalar": np.array(2.5),
    "none": np.zeros((0, 3)),
    "halves": np.ones(3, np.float16),
    "long": np.ones(3, np.longdouble),
}


def header(descr: str, shape: tuple[int, ...]) -> bytes:
    """Of a `.npy` of version 1."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def refused(read, path: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "allow_pickle" not in str(caught.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_round_trip(tmp_path, save):
    save(tmp_path / "a.npz", **ARRAYS)
    read = read_npz_file(tmp_path / "a.npz")
    assert read.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(read[name], array, err_msg=name)
        assert read[name].dtype.isnative
    assert read["long"].dtype == np.float64
    assert read_npz_file(tmp_path / "a.npz", ["whole", "absent"]).keys() == {"whole"}


@pytest.mark.parametrize("name", ARRAYS)
def test_one_array(tmp_path, name):
    np.save(tmp_path / "a.npy", ARRAYS[name])
    np.testing.assert_array_equal(read_npy_file(tmp_path / "a.npy"), ARRAYS[name])


def test_objects_that_are_not_asked_for_stay_unread(tmp_path):
    np.savez(tmp_path / "a.npz", infos=np.array([{}], dtype=object), x=np.ones(3))
    assert read_npz_file(tmp_path / "a.npz", ["x"])["x"].tolist() == [1, 1, 1]
    refused(read_npz_file, tmp_path / "a.npz", "'infos' holds pickled objects")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"nothing", "cannot be read"),
        (header("'<f8'", (10**12,)), "needs 8,000,000,000,000 bytes, 0 are there"),
        (header("'<f8'", (2,)) + bytes(8), "needs 16 bytes, 8 are there"),
        (header("'<f8'", (1,)) + bytes(16), "needs 8 bytes, 16 are there"),
        (header("'<f8'", (-1,)) + bytes(8), "cut short or damaged"),
        (header("'<f8'", (-1, -1)) + bytes(8), "cut short or damaged"),
        (header("'|S0'", (10**12,)), "not numbers"),
        (header("'|O'", (1,)) + bytes(8), "pickled objects"),
        (header("[('a', '|O')]", (1,)) + bytes(8), "pickled objects"),
        (header("[('a', '<f8')]", (1,)) + bytes(8), "not numbers"),
        (header("'<q9'", (1,)) + bytes(8), "cannot be read"),
        (header("[" * 5000, (1,)), "cannot be read"),
        (b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31), "cannot be read"),
        (b"\x93NUMPY\x03\x00" + bytes(8), "version"),
        (b"\x93NUMPY\x01", "cannot be read"),
    ],
)
def test_a_bad_array_is_refused(tmp_path, content, message):
    (tmp_path / "a.npy").write_bytes(content)
    refused(read_npy_file, tmp_path / "a.npy", message)
    if content:
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("x.npy", content)
        refused(read_npz_file, tmp_path / "a.npz", message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK half a zip", "copy it again"),
        (b"\x80\x04N.", "it is a pickle, which can run any code"),
        (b"PAR1", "is a Parquet file"),
        (b"1,2\n", "pickled objects or no arrays at all, its first bytes are"),
    ],
)
def test_what_is_no_archive_is_named(tmp_path, content, message):
    (tmp_path / "a.npz").write_bytes(content)
    refused(read_npz_file, tmp_path / "a.npz", message)


def test_one_array_is_no_archive(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(3))
    os.rename(tmp_path / "a.npy", tmp_path / "a.npz")
    refused(read_npz_file, tmp_path / "a.npz", "one array")


def bomb(path: Path, members: dict[str, int]) -> None:
    """Zeros that take a thousandth of their size."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, size in members.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                file.write(header("'<f4'", (size // 4,)))
                for _ in range(size // 2**24):
                    file.write(bytes(2**24))


@pytest.mark.parametrize("members", [{"x": 160 * 2**20}, {"x": 80 * 2**20, "y": 80 * 2**20}])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, members):
    bomb(tmp_path / "a.npz", members)
    program = (
        "import resource, sys; from genrl.array_files import read_npz_file; from genrl.errors import InputError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_npz_file(sys.argv[1])\n"
        "except InputError as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "a.npz"], capture_output=True, text=True, check=True
    )
    message, grown = done.stdout.splitlines()
    assert "more than 100 times as many" in message
    assert int(grown) < 20_000  # KiB


def test_what_real_data_take_is_let_pass():
    check_size(Path("a"), "x", 3 * 2**30, 2 * 2**30)  # as measured
    check_size(Path("a"), "x", 2**26, 1)  # all zeros, but not many
    with pytest.raises(InputError, match="damaged or made to fill the memory"):
        check_size(Path("a"), "x", 101 * 2**20, 2**20)


def test_bytes_that_are_no_bools_are_true(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.array([True, False, True]))
    (tmp_path / "a.npy").write_bytes(stream.getvalue()[:-1] + b"\xff")
    read = read_npy_file(tmp_path / "a.npy")
    assert read.sum() == 2
    assert read.view(np.uint8).tolist() == [1, 0, 1]
