"""Readers of a run that is being written see whole versions only and change nothing; a killed writer loses nothing."""

import os
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genrl.errors import InputError
from genrl.policies.actor import Actor, ActorConfig
from genrl.training import RunDirectory, read_checkpoint, verify_checkpoint, write_checkpoint
from genrl.training import atomic_files as atomic

ROUNDS = 60


class Killed(BaseException):
    """Stands for the death of the process: nothing that it would have done afterwards happens."""


def write(folder: Path, version: int) -> None:
    write_checkpoint(
        folder,
        tensors={"policy": {"w": torch.full((50,), float(version))}},
        documents={"version": version},
        arrays={"replay": {"x": np.full(50, version)}},
    )


def version(folder: Path) -> int:
    """The version of a checkpoint, all of whose files must be of it."""
    found = read_checkpoint(folder)
    number: int = found.documents["version"]
    assert found.tensors["policy"]["w"].unique().tolist() == [float(number)]
    assert np.unique(found.arrays["replay"]["x"]).tolist() == [number]
    return number


def run_beside(writer: Callable[[], None], *readers: Callable[[], object]) -> list[int]:
    """Call readers again and again while the writer works; how often each has read. Any warning is an error."""
    finished, errors, counts = threading.Event(), list[BaseException](), [0] * len(readers)

    def work() -> None:
        try:
            writer()
        except BaseException as error:
            errors.append(error)
        finished.set()

    def read(index: int) -> None:
        try:
            while not finished.is_set() and not errors:
                readers[index]()
                counts[index] += 1
        except BaseException as error:
            errors.append(error)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads = [threading.Thread(target=work)]
        threads += [threading.Thread(target=read, args=(index,)) for index in range(len(readers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert not errors, errors
    return counts


def test_a_folder_that_is_replaced_is_read_whole(tmp_path: Path) -> None:
    folder, seen = tmp_path / "best", set[int]()
    write(folder, 0)

    def replace() -> None:
        for number in range(1, ROUNDS + 1):
            write(folder, number)

    counts = run_beside(replace, lambda: seen.add(version(folder)), lambda: verify_checkpoint(folder))
    assert min(counts) > 0
    assert len(seen) > 3  # else the readers saw nothing of the replacing
    assert version(folder) == ROUNDS
    assert [entry.name for entry in tmp_path.iterdir()] == ["best"]


def test_an_actor_without_a_manifest_is_read_whole(tmp_path: Path) -> None:
    def write_actor(number: int) -> None:
        actor = Actor(ActorConfig(obs_dim=1, act_dim=1, hidden_sizes=(4,), env_id=f"Version{number}-v0"))
        with torch.no_grad():
            for parameter in actor.parameters():
                parameter.fill_(number)
        atomic.replace_folder(tmp_path / "actor", actor.save)

    def read() -> None:
        actor = Actor.load(tmp_path / "actor")
        number = next(actor.parameters()).detach().unique().tolist()
        assert [f"Version{value:.0f}-v0" for value in number] == [actor.config.env_id]

    def replace() -> None:
        for number in range(1, ROUNDS):
            write_actor(number)

    write_actor(0)
    assert run_beside(replace, read)[0] > 0


def test_a_run_is_read_while_it_trains(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, "gail", "Ant-v4", 0, {})

    def save(step: int) -> None:
        tensors = {"policy": {"w": torch.full((50,), float(step))}}
        run.save(step, tensors=tensors, documents={"policy": {"step": step}}, keep_last=1)

    def train() -> None:
        for step in range(1, ROUNDS + 1):
            save(step)
            if step > ROUNDS // 2:
                run.save_best(tensors={"policy": {"w": torch.full((50,), float(step))}}, documents={"policy": {}})

    save(0)
    counts = run_beside(
        train,
        lambda: RunDirectory.open(run.path).latest_checkpoint(),
        lambda: RunDirectory.open(run.path).read_policy(read_checkpoint),
        lambda: RunDirectory.open(run.path).policy_folder(),
    )
    assert min(counts) > 0
    assert sorted(entry.name for entry in run.path.rglob("*") if entry.is_dir()) == ["60", "best", "checkpoints"]


def test_a_damaged_folder_is_still_named_at_once(tmp_path: Path) -> None:
    write(tmp_path / "best", 1)
    (tmp_path / "best" / "policy.safetensors").write_bytes(b"cut")
    started = time.monotonic()
    with pytest.raises(InputError, match=r"policy\.safetensors has 3 bytes"):
        read_checkpoint(tmp_path / "best")
    assert time.monotonic() - started < 5


def steps_of_replacing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, Path]]:
    """A folder for each step of replacing version 1 by 2, written by a process that died right before that step."""
    for step in range(1, 100):
        run = tmp_path / str(step)
        write(run / "best", 1)
        calls = 0

        def dying(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls >= step:  # noqa: B023
                    raise Killed
                return function(*args, **kwargs)

            return call

        with monkeypatch.context() as patch:
            for module, name in ((os, "rename"), (os, "fsync"), (shutil, "rmtree"), (os, "mkdir"), (os, "unlink")):
                patch.setattr(module, name, dying(getattr(module, name)))
            try:
                write(run / "best", 2)
            except Killed:
                pass
            else:
                return
        yield step, run


def contents(folder: Path) -> list[str]:
    return sorted(str(entry.relative_to(folder)) for entry in folder.rglob("*"))


def test_a_writer_may_die_at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for step, run in steps_of_replacing(tmp_path, monkeypatch):
        left = contents(run)
        seen.append(version(run / "best"))
        assert contents(run) == left, f"the reader wrote (step {step})"
        atomic.recover_folders(run)
        assert [entry.name for entry in run.iterdir()] == ["best"], f"leftovers (step {step})"
        assert version(run / "best") == seen[-1]
        write(run / "best", 3)
        assert version(run / "best") == 3
    assert seen == sorted(seen)
    assert len(seen) > 8
    assert set(seen) == {1, 2}


def test_resuming_removes_what_killed_saves_left(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, "gail", "Ant-v4", 0, {"learner": "ppo"})
    other = RunDirectory.create(tmp_path, "gail", "Ant-v4", 0, {})
    write(run.checkpoints / "10", 10)
    write(run.checkpoints / "20", 20)
    (run.checkpoints / "20").rename(run.checkpoints / ".20.previous")  # died while it replaced 20
    for place in (run.checkpoints / ".20.partial", run.checkpoints / ".5.removed", run.path / ".best.partial"):
        place.mkdir()
        (place / "policy.safetensors").write_bytes(b"half")
    (run.path / ".config.json.partial").write_bytes(b"{")
    (run.path / ".keep").write_text("the user's own")
    (other.path / ".best.partial").mkdir()  # of a run that may be saving right now

    before = contents(run.path)
    reader = RunDirectory.open(run.path)
    assert reader.latest_checkpoint().documents["version"] == 20
    assert reader.policy_folder().name == "20"
    assert contents(run.path) == before

    resumed = RunDirectory.resume(run.path)
    assert resumed.config == run.config
    assert sorted(entry.name for entry in run.checkpoints.iterdir()) == ["10", "20"]
    assert sorted(entry.name for entry in run.path.iterdir()) == [
        ".keep",
        "checkpoints",
        "config.json",
        "versions.json",
    ]
    assert (other.path / ".best.partial").is_dir()
    assert resumed.latest_checkpoint().documents["version"] == 20


def test_temporary_files_of_killed_processes_are_removed_and_those_of_living_ones_kept(tmp_path: Path) -> None:
    path = tmp_path / "25.npz"
    (tmp_path / ".25.npz-dead1").write_bytes(b"half")
    (tmp_path / ".250.npz-other").write_bytes(b"of another file")
    with atomic.own_temporary_file(path) as (_, living), atomic.own_temporary_file(path) as (file, temporary):
        assert living.exists()
        assert not (tmp_path / ".25.npz-dead1").exists()
        file.write(b"whole")
        file.flush()
        temporary.replace(path)
    assert path.read_bytes() == b"whole"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".250.npz-other", "25.npz"]


def test_an_older_version_that_is_half_removed_is_no_damage_once_the_new_one_is_there(tmp_path: Path) -> None:
    write(tmp_path / "best", 1)
    write(tmp_path / "new", 2)
    (tmp_path / "best").rename(tmp_path / ".best.previous")
    (tmp_path / ".best.previous" / "policy.safetensors").unlink()
    places = []

    def read(place: Path) -> int:
        places.append(place.name)
        if len(places) == 1:
            (tmp_path / "new").rename(tmp_path / "best")  # the writer goes on while the older one is being read
        return version(place)

    assert atomic.read_folder(tmp_path / "best", read) == 2
    assert places == [".best.previous", "best"]
