"""Damage to JSON documents, drawn by hypothesis, and to the folders that hold them beside tensors."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from mutations import BYTE_EDITS, edited_bytes, explore, meet

__all__ = ["FOLDER_EDITS", "amounts", "check_folders", "edit_folder", "edited_document", "seal"]

DEEP: list[Any] = []
for _ in range(60):
    DEEP = [DEEP]
VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 2, 7, 0.5, -0.0, 1e-320, 1e39, 1e308, 10**9, 10**12, 2**31, 2**63, 2**64, -(10**18),
    10**400, float("nan"), float("inf"), -float("inf"), "", "a", "1", "nan", "x" * 20_000, "\n\t\x1b[31m", "é",
    "../../x", "/etc/passwd", "genrl.flows.flow:Flow", "genrl.generative_model:GenerativeModel", "os:system", [], {},
    [[]], [1], [10**9], [10**9, 10**9], [0], [-1], [None], ["a"], [1.5], [float("nan")], list(range(2000)),
    [1] * 300, DEEP, {"": 1}, {"hyperparameters": {}}, {"model": "genrl.flows.real_nvp:RealNVP", "hyperparameters": {}},
]  # fmt: skip
TEXTS: list[bytes] = [
    b"", b"{", b"[]", b"null", b"3", b'"text"', b"NaN", b"[" * 100_000, b"9" * 10_000, b'{"a": 1e999}', b"{}}",
    b'{"\\ud800": 1}', b'{"a": "\\u0000"}', b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b"\x80\x81", b"{'a': 1}",
    b'{"a":' * 3_000 + b"1" + b"}" * 3_000, b'{"kind": "gail", "kind": "bc"}',
]  # fmt: skip
KINDS = ["set", "set", "set", "delete", "add", "scale", "negate", "text", "wrap", "longer", "shorter", "swap", "nest"]

places = st.integers(0, 2**16 - 1).map(lambda number: number * 40_503 % 2**16)
"""Numbers all over their range, of which hypothesis would draw small ones too often."""
EDITS = st.lists(st.tuples(st.sampled_from(KINDS), places, places), min_size=1, max_size=3)

FOLDER_EDITS = st.tuples(
    st.sampled_from(["document", "document", "document", "text", "bytes", "tensors", "missing"]),
    places,
    EDITS,
    BYTE_EDITS,
)
"""Damage to one file of a folder: what kind, which file, and how."""


def edited_document(document: Any, edits: list[tuple[str, int, int]]) -> Any:
    """A JSON document after a few edits, each at one of its values."""
    document = {"": copy.deepcopy(document)}
    for kind, place, value in edits:
        spots = list(_spots(document))
        inside, key = spots[place * len(spots) // 2**16]
        before, odd = inside[key], copy.deepcopy(VALUES[value % len(VALUES)])
        if kind == "set":
            inside[key] = odd
        elif kind == "delete" and inside is not document:
            del inside[key]
        elif kind == "add" and isinstance(before, dict):
            before[str(odd)[:50]] = value
        elif kind == "add" and isinstance(before, list):
            before.append(odd)
        elif kind == "scale" and isinstance(before, int | float):
            inside[key] = before * [2, 10, 1000, 10**6, 10**9, 0.5][value % 6]
        elif kind == "negate" and isinstance(before, int | float):
            inside[key] = -before
        elif kind == "text":
            inside[key] = str(before)
        elif kind == "wrap":
            inside[key] = [before]
        elif kind == "longer" and isinstance(before, list):
            inside[key] = before * (2 + value % 100)
        elif kind == "shorter" and isinstance(before, list):
            inside[key] = before[: value % (len(before) + 1)]
        elif kind == "swap":
            other, there = spots[value % len(spots)]
            other[there], inside[key] = copy.deepcopy(before), copy.deepcopy(other[there])
        elif kind == "nest" and isinstance(before, dict):
            inside[key] = {**before, "encoder": copy.deepcopy(before), "model": copy.deepcopy(before)}
    return document[""]


def _spots(document: Any) -> Any:
    """Every place of a document, as the dict or list that it is in and its key there; of long lists the first ten."""
    keys = list(document) if isinstance(document, dict) else range(min(len(document), 10))
    for key in keys:
        yield document, key
        if isinstance(document[key], dict | list):
            yield from _spots(document[key])


def edit_folder(folder: Path, edit: Any) -> None:
    """Damage one file of a folder; if it has a manifest, that is of the damaged content."""
    kind, which, edits, byte_edits = edit
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "manifest.json")
    documents = [path for path in files if path.suffix == ".json"]
    if kind in ("document", "text"):
        path = documents[which % len(documents)]
        if kind == "text":
            path.write_bytes(TEXTS[edits[0][1] % len(TEXTS)])
        else:
            path.write_text(json.dumps(edited_document(json.loads(path.read_text()), edits)))
    else:
        tensors = [path for path in files if path.suffix != ".json"] if kind == "tensors" else []
        tensors = tensors or files
        path = tensors[which % len(tensors)]
        if kind == "missing":
            path.unlink()
        else:
            path.write_bytes(edited_bytes(path.read_bytes(), byte_edits))
    seal(folder)


def seal(folder: Path) -> None:
    """Make the manifest of a checkpoint that of its content."""
    path = folder / "manifest.json"
    if path.is_file():
        manifest = json.loads(path.read_text())
        for name in manifest["files"]:
            if (folder / name).is_file():
                content = (folder / name).read_bytes()
                manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        path.write_text(json.dumps(manifest))


def amounts(quick: int, thorough: int = 2500) -> list[Any]:
    """How many examples, as parameters of a test: of the suite that runs every time, and of the full one."""
    return [pytest.param(quick, id="quick"), pytest.param(thorough, id="thorough", marks=pytest.mark.slow)]


def check_folders(sound: Path, load: Callable[[Path], Any], examples: int, *, inside: str = ".") -> None:
    """Damage a folder in so many ways; each must load, or be refused in one line, and be left as it is.

    Args:
        sound: what is damaged, in copies of it; or a folder of several, of which one is drawn each time.
        load: given the damaged copy.
        examples: how many.
        inside: the folder in it whose files are damaged.
    """
    kinds = [sound] if any(path.is_file() for path in sound.iterdir()) else sorted(sound.iterdir())
    for kind in kinds:
        assert not isinstance(meet(lambda kind=kind: load(kind)), str)
    damaged = sound.parent / "damaged"

    def check(example: Any) -> None:
        which, edit = example
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(kinds[which % len(kinds)], damaged)
        edit_folder(damaged / inside, edit)
        before = _content(damaged)
        meet(lambda: load(damaged))
        assert _content(damaged) == before

    explore(st.tuples(places, FOLDER_EDITS), check, examples)


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
