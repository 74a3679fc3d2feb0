from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from genrl.errors import InputError
from genrl.evaluation import TOY_DISTRIBUTIONS

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import generative_data

    return generative_data


@pytest.mark.parametrize("name", TOY_DISTRIBUTIONS)
def test_distributions_in_the_plane(data: ModuleType, name: str) -> None:
    found = data.load_data(name, rows=400)
    assert (found.train.shape, found.test.shape, found.train.dtype) == ((400, 2), (100, 2), np.float32)
    assert found.train_context is None
    labelled = data.load_data(name, rows=400, conditional=True)
    assert np.array_equal(labelled.train, found.train)
    assert labelled.labelled
    assert (labelled.train_context.shape, labelled.test_context.shape) == ((400,), (100,))


def test_digits_are_dequantised(data: ModuleType) -> None:
    from sklearn.datasets import load_digits

    found = data.load_data("digits", conditional=True)
    assert (found.levels, found.image_shape) == (17, (1, 8, 8))
    assert len(found.train) + len(found.test) == 1797
    assert len(found.test) == 359
    rows = np.concatenate([found.train, found.test])
    assert rows.min() >= 0
    assert rows.max() < 1
    # Going back to the levels gives the images, in another order.
    levels = np.floor(rows.astype(np.float64) * 17)
    assert np.array_equal(np.sort(levels.sum(1)), np.sort(load_digits().data.sum(1)))
    assert set(found.train_context.tolist()) == set(range(10))
    assert found.as_images().train.shape[1:] == (1, 8, 8)
    assert np.array_equal(found.as_images().test.reshape(-1, 64), found.test)


def test_digits_become_integers_again(data: ModuleType) -> None:
    from sklearn.datasets import load_digits

    found = data.load_data("digits").as_levels()
    rows = np.concatenate([found.train, found.test])
    digits = load_digits().data
    assert found.levels == 1  # bits of integers need no correction
    assert np.array_equal(rows[np.lexsort(rows.T)], digits[np.lexsort(digits.T)])


def test_whole_episodes_of_demonstrations_are_held_out(data: ModuleType) -> None:
    found = data.load_data("demonstrations:Hopper-v4")
    assert found.train.shape[1] == found.test.shape[1] == 11 + 3
    assert (len(found.train) % 1000, len(found.test) % 1000) == (0, 0)
    given = data.load_data("demonstrations:Hopper-v4", conditional=True)
    assert not given.labelled
    assert np.array_equal(np.concatenate([given.test_context, given.test], 1), found.test)


def test_files(data: ModuleType, tmp_path: Path) -> None:
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 3
    np.savez(tmp_path / "both.npz", x=x, y=y)
    np.savez(tmp_path / "one.npz", anything=x)
    np.save(tmp_path / "rows.npy", x)
    np.savetxt(tmp_path / "plain.csv", x, delimiter=",")
    np.savetxt(tmp_path / "named.csv", x, delimiter=",", header="a,b", comments="")
    for name in ("both.npz", "one.npz", "rows.npy", "plain.csv", "named.csv"):
        found = data.load_data(str(tmp_path / name))
        assert found.name == name.split(".")[0]
        assert (len(found.train), len(found.test)) == (8, 2)
        rows = np.concatenate([found.train, found.test])
        assert np.array_equal(rows[rows[:, 0].argsort()], x)
    labelled = data.load_data(str(tmp_path / "both.npz"), conditional=True)
    assert np.array_equal(labelled.train_context, y[(labelled.train[:, 0] / 2).astype(int)])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.npz", None, "does not exist"),
        ("rows.txt", b"1,2", "of no format that is read"),
        ("words.csv", b"a,b\nc,d\n", "cannot be read"),
        ("broken.npz", b"PK\x03\x04broken", "cannot be read"),
        ("broken.npy", b"nothing", "cannot be read"),
        ("short.csv", b"1,2\n", "at least two are needed"),
    ],
)
def test_files_that_cannot_be_used(
    data: ModuleType, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        data.load_data(str(tmp_path / name))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros((3, 2)), "b": np.zeros((3, 2))}, "holds the arrays a, b: call the rows x"),
        ({"x": np.zeros(3), "y": np.zeros(3, int)}, "must be numbers in rows and columns"),
        ({"x": np.array([["a"]] * 3), "y": np.zeros(3, int)}, "must be numbers in rows and columns"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(2, int)}, "3 rows, but 2 labels"),
        ({"x": np.zeros((3, 2))}, "has no labels for --conditional"),
    ],
)
def test_arrays_that_cannot_be_used(data: ModuleType, tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "file.npz", **arrays)
    with pytest.raises(InputError, match=message):
        data.load_data(str(tmp_path / "file.npz"), conditional=True)


def test_a_pickle_is_not_opened(data: ModuleType, tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be read"):
        data.load_data(str(tmp_path / "objects.npy"))


def test_an_unknown_name_lists_the_known_ones(data: ModuleType) -> None:
    with pytest.raises(InputError, match=r"no data 'moons': give two_moons, .*digits, demonstrations:"):
        data.load_data("moons")


def test_no_class_is_held_out_as_a_whole(data: ModuleType, tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    for rare in range(60):  # one of these rows would be held out
        y[:] = np.arange(60) % 2
        y[rare] = 2
        np.savez(tmp_path / "mine.npz", x=x, y=y)
        found = data.load_data(str(tmp_path / "mine.npz"), conditional=True)
        assert set(found.test_context) <= set(found.train_context)
        assert len(found.train) + len(found.test) == 60
    np.savez(tmp_path / "mine.npz", x=x, y=np.arange(60))
    with pytest.raises(InputError, match="too few rows of each class"):
        data.load_data(str(tmp_path / "mine.npz"), conditional=True)


@pytest.mark.parametrize("suffix", ["npz", "npy", "csv"])
@pytest.mark.parametrize(
    ("column", "message"),
    [
        (1.7e9 + np.arange(50), "column 1 of mine holds numbers such as 1700000000.0 that float32 cannot tell apart"),
        (np.full(50, 1e39), "column 1 of mine holds 1e[+]39, which is beyond float32"),
        (np.where(np.arange(50) == 7, np.nan, 1.0), "mine must be finite: 1 of 50 rows"),
    ],
)
def test_what_float32_cannot_hold_is_named(
    data: ModuleType, tmp_path: Path, suffix: str, column: np.ndarray, message: str
) -> None:
    path = tmp_path / f"mine.{suffix}"
    table = np.stack([np.linspace(-1, 1, 50), column], 1)
    if suffix == "npz":
        np.savez(path, x=table)
    elif suffix == "npy":
        np.save(path, table)
    else:
        np.savetxt(path, table, delimiter=",", fmt="%.17g")
    with pytest.raises(InputError, match=message):
        data.load_data(str(path))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["a", "b", "a"]), "labels of file must be whole numbers, not <U1"),
        (np.array(1), r"labels of file have the shape \(\)"),
        (np.array([[np.nan], [1], [2]]), "labels of file must be finite"),
    ],
)
def test_labels_that_cannot_be_used(data: ModuleType, tmp_path: Path, y: np.ndarray, message: str) -> None:
    np.savez(tmp_path / "file.npz", x=np.arange(6.0).reshape(3, 2), y=y)
    with pytest.raises(InputError, match=message):
        data.load_data(str(tmp_path / "file.npz"), conditional=True)
