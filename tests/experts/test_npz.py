import dataclasses

import numpy as np
import pytest

from experts.npz import read_npz, write_npz
from genrl.errors import InputError


def test_round_trip(tmp_path, small, same):
    write_npz(tmp_path / "a.npz", small)
    read = read_npz(tmp_path / "a.npz")
    same(read, small)
    assert (read.env_id, read.expert_return) == ("Hopper-v4", 12.5)


def test_stores_float32_and_whole_numbers_as_they_are(tmp_path, small):
    doubles = dataclasses.replace(
        small, observations=small.observations.astype(np.float64), actions=np.arange(len(small.actions))
    )
    write_npz(tmp_path / "a.npz", doubles)
    read = read_npz(tmp_path / "a.npz")
    assert read.observations.dtype == np.float32
    assert read.actions.dtype.kind == "i"


def test_a_file_without_extras_is_read(tmp_path, small):
    fields = ("observations", "actions", "rewards", "terminations", "truncations", "episode_lengths")
    np.savez(tmp_path / "a.npz", **{name: getattr(small, name) for name in fields})
    read = read_npz(tmp_path / "a.npz")
    assert read.env_id is None
    assert read.expert_return == pytest.approx(small.returns.mean())


def test_a_file_without_actions_is_read_and_written(tmp_path, small):
    fields = ("observations", "rewards", "terminations", "truncations", "episode_lengths")
    np.savez(tmp_path / "watched.npz", **{name: getattr(small, name) for name in fields})
    read = read_npz(tmp_path / "watched.npz")
    assert not read.has_actions
    np.testing.assert_array_equal(read.observations, small.observations)
    write_npz(tmp_path / "again.npz", read)
    assert "actions" not in np.load(tmp_path / "again.npz").files
    assert not read_npz(tmp_path / "again.npz").has_actions


def truncated(path, small):
    write_npz(path, small)
    path.write_bytes(path.read_bytes()[:-200])


def a_flipped_byte(path, small):
    write_npz(path, small)
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(content)


def with_nan(path, small):
    observations = small.observations.copy()
    write_npz(path, small)
    observations[3] = np.nan
    np.savez(path, **{**dict(np.load(path)), "observations": observations})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path, small: None, "does not exist"),
        (lambda path, small: path.write_bytes(b""), "is empty"),
        (lambda path, small: path.write_bytes(b"not a zip file at all"), "its first bytes are"),
        (truncated, "cut short"),
        (a_flipped_byte, "cut short"),
        (lambda path, small: np.savez(path, observations=np.zeros(3)), "lacks rewards.*zeros, if nobody knows them"),
        (lambda path, small: np.savez(path, observations=np.array([{}], dtype=object)), "holds pickled objects"),
        (lambda path, small: np.save(path.open("wb"), np.zeros(3)), "one array"),
        (with_nan, "NaN or infinity"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path, small, make, message):
    path = tmp_path / "bad.npz"
    make(path, small)
    with pytest.raises(InputError, match=message) as caught:
        read_npz(path)
    assert "bad.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failed_write_leaves_the_old_file(tmp_path, small, same, monkeypatch):
    write_npz(tmp_path / "a.npz", small)

    def no_space(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", no_space)
    with pytest.raises(OSError, match="No space"):
        write_npz(tmp_path / "a.npz", small.first(1))
    same(read_npz(tmp_path / "a.npz"), small)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.npz"]
