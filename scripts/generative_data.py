"""Rows to fit a generative model to, by name or by path, split into rows to learn from and rows held out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrl.array_files import read_npy_file, read_npz_file
from genrl.errors import InputError, reason_of
from genrl.evaluation import TOY_DISTRIBUTIONS, labelled_toy_samples
from genrl.float32_checks import check_float32

__all__ = ["GenerativeData", "load_data"]

Array = NDArray[Any]
DIGIT_LEVELS = 17
DEMONSTRATIONS = "demonstrations:"
HELD_OUT = 0.2
PLACES = (*TOY_DISTRIBUTIONS, "digits", "demonstrations:<task>, or the path of a .npz, .npy or .csv")


@dataclass(frozen=True, kw_only=True)
class GenerativeData:
    """Data of one kind.

    Attributes:
        name: short, for a folder's name.
        train: (rows, ...) float32.
        test: (rows, ...) held out.
        train_context: (rows,) labels or (rows, columns), or None if it is unconditional.
        test_context: likewise.
        levels: K of data dequantised from K levels, 1 of continuous ones.
        image_shape: (channels, height, width) of rows that are images.
    """

    name: str
    train: Array
    test: Array
    train_context: Array | None = None
    test_context: Array | None = None
    levels: int = 1
    image_shape: tuple[int, int, int] | None = None

    @property
    def labelled(self) -> bool:
        """The context holds labels."""
        return self.train_context is not None and self.train_context.ndim == 1

    def as_images(self) -> GenerativeData:
        """With rows of the shape of the images."""
        assert self.image_shape is not None
        train, test = (rows.reshape(-1, *self.image_shape) for rows in (self.train, self.test))
        return replace(self, train=train, test=test)

    def as_levels(self) -> GenerativeData:
        """With the integers 0 .. K - 1 that were dequantised, for models of integers."""
        train, test = (np.floor(rows * self.levels).clip(0, self.levels - 1) for rows in (self.train, self.test))
        return replace(self, train=train, test=test, levels=1)


def load_data(name: str, *, rows: int = 10_000, conditional: bool = False, seed: int = 0) -> GenerativeData:
    """The data of that name.

    Args:
        name: a distribution in the plane; "digits" (scikit-learn's, flat, dequantised to [0, 1)); "demonstrations:"
            and a task, rows (state, action), or actions given states if conditional; or the path of a table.
        rows: of a distribution to learn from; a quarter as many more are held out.
        conditional: with labels as context; in a file they are the array `y` beside `x`.
        seed: of what is drawn, and of the split.

    Raises:
        InputError: there are no such data, or they have no labels.
    """
    if name in TOY_DISTRIBUTIONS:
        x, labels = (part.numpy() for part in labelled_toy_samples(name, rows + max(rows // 4, 1), seed))
        return _split(name, x, labels if conditional else None, np.arange(len(x)) >= rows)
    if name == "digits":
        x, labels = _digits(seed)
        held_out = _random_rows(len(x), seed)
        shape = (1, 8, 8)
        return _split(name, x, labels if conditional else None, held_out, levels=DIGIT_LEVELS, image_shape=shape)
    if name.startswith(DEMONSTRATIONS):
        return _demonstrations(name.removeprefix(DEMONSTRATIONS), conditional=conditional)
    path = Path(name).expanduser()
    if not path.suffix:
        raise InputError(f"there are no data {name!r}: give {', '.join(PLACES)}")
    table, found = read_table(path)
    _check_rows(path.stem, table)
    if conditional and found is None:
        raise InputError(f"{path} has no labels for --conditional: give a .npz with the arrays x and y")
    return _split(path.stem, table, found if conditional else None, _random_rows(len(table), seed))


def read_table(path: Path) -> tuple[Array, Array | None]:
    """Rows of a user's file, and their labels if it is a `.npz` with an array `y`.

    Raises:
        InputError: it does not exist, is of another format, or holds no numbers.
    """
    if path.suffix not in (".npz", ".npy", ".csv"):
        raise InputError(f"{path} is of no format that is read: give a .npz, .npy or .csv")
    if not path.is_file():
        raise InputError(f"{path} does not exist: check the path")
    if path.suffix == ".csv":
        return _read_csv(path), None
    if path.suffix == ".npy":
        return read_npy_file(path), None
    arrays = read_npz_file(path)
    x = arrays.get("x", arrays.get("X"))
    if x is None:
        if len(arrays) != 1:
            names = " ".join(", ".join(arrays).split())
            raise InputError(f"{path} holds the arrays {names:.200}: call the rows x, and the labels y")
        (x,) = arrays.values()
    return x, arrays.get("y")


def _read_csv(path: Path) -> Array:
    """Numbers between commas; a first line that holds none is a header."""
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline().strip().split(",")
        with path.open(encoding="utf-8") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of no data, which is said below
            table = np.loadtxt(file, delimiter=",", skiprows=0 if all(map(_is_number, first)) else 1, ndmin=2)
    except (ValueError, MemoryError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {reason_of(error)}") from None
    if not table.size:
        raise InputError(f"{path} holds no rows of numbers: check the file")
    return table


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _digits(seed: int) -> tuple[Array, Array]:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise InputError("the digits come with scikit-learn: python -m pip install scikit-learn") from None
    levels, labels = load_digits(return_X_y=True)
    noise = np.random.default_rng(seed).random(levels.shape)
    # Rounding to float32 may reach 1, which no longer belongs to the highest level.
    return np.minimum((levels + noise) / DIGIT_LEVELS, np.nextafter(np.float32(1), np.float32(0))), labels


def _demonstrations(task: str, *, conditional: bool) -> GenerativeData:
    """Whole episodes are held out: the rows of one are too much alike to be split."""
    from experts import load_demonstrations

    demonstrations = load_demonstrations(task)
    actions = demonstrations.require_actions("a model of (state, action)")
    actions = np.asarray(actions).reshape(len(actions), -1)
    episodes = np.repeat(np.arange(demonstrations.num_episodes), demonstrations.episode_lengths)
    states = np.asarray(demonstrations.observations)[np.arange(len(episodes)) + episodes]
    held_out = episodes >= min(round((1 - HELD_OUT) * demonstrations.num_episodes), demonstrations.num_episodes - 1)
    if not held_out.any() or held_out.all():
        raise InputError(f"the demonstrations of {task} are a single episode: two or more are needed, one to hold out")
    name = f"demonstrations-{Path(task).stem}"
    if conditional:
        return _split(name, actions, states, held_out)
    return _split(name, np.concatenate([states, actions], 1), None, held_out)


def _random_rows(rows: int, seed: int) -> Array:
    """(rows,) which are held out."""
    if rows < 2:
        raise InputError(f"the data have {rows} rows: at least two are needed, one to hold out")
    held_out = np.zeros(rows, dtype=bool)
    held_out[np.random.default_rng(seed).permutation(rows)[: max(1, round(HELD_OUT * rows))]] = True
    return held_out


def _split(name: str, x: Array, context: Array | None, held_out: Array, **facts: Any) -> GenerativeData:
    _check_rows(name, x)
    _check_finite(name, x)
    if context is not None:
        if context.ndim not in (1, 2) or 0 in context.shape:
            raise InputError(f"the labels of {name} have the shape {context.shape}: give one for each row")
        if len(context) != len(x):
            raise InputError(f"{name} has {len(x)} rows, but {len(context)} labels")
        if context.dtype.kind not in ("iub" if context.ndim == 1 else "fiub"):
            raise InputError(f"the labels of {name} must be whole numbers, not {context.dtype}: number the classes")
        _check_finite(f"the labels of {name}", context)
    if context is not None and context.ndim == 1:
        # No one can judge a class that nothing was learned of.
        held_out = held_out & np.isin(context, context[~held_out])
        if not held_out.any():
            raise InputError(f"{name} has too few rows of each class to hold any out: give more")
    return GenerativeData(
        name=name,
        train=x[~held_out].astype(np.float32),
        test=x[held_out].astype(np.float32),
        train_context=None if context is None else context[~held_out],
        test_context=None if context is None else context[held_out],
        **facts,
    )


def _check_rows(name: str, x: Array) -> None:
    if x.dtype.kind not in "fiub" or x.ndim < 2 or 0 in x.shape:
        raise InputError(f"the rows of {name} must be numbers in rows and columns, not {x.dtype} of shape {x.shape}")


def _check_finite(name: str, x: Array) -> None:
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).reshape(len(x), -1).any(1).sum())
        raise InputError(f"{name} must be finite: {bad} of {len(x)} rows hold NaN or infinity")
    check_float32(name, x)
