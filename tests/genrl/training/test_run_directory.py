import json
import warnings
from pathlib import Path

import pytest
import torch

from genrl.errors import InputError
from genrl.training import RunDirectory


def make(parent: Path, env_id: str = "Ant-v4") -> RunDirectory:
    return RunDirectory.create(parent, "gail", env_id, 3, {"learner": "ppo", "demos": Path("a.npz")})


def save(run: RunDirectory, step: int, **options: int) -> Path:
    return run.save(step, tensors={"policy": {"w": torch.full((2,), float(step))}}, **options)


def damage(folder: Path) -> None:
    (folder / "policy.safetensors").write_bytes(b"cut")


def test_create_and_open(tmp_path: Path) -> None:
    run = make(tmp_path / "runs", "my/Maze 2-v1")
    assert run.path.name.startswith("gail-my-Maze-2-v1-3-")
    assert make(tmp_path / "runs", "my/Maze 2-v1").path != run.path
    back = RunDirectory.open(run.path)
    assert back.config == {"learner": "ppo", "demos": "a.npz", "agent": "gail", "env": "my/Maze 2-v1", "seed": 3}
    versions = json.loads((run.path / "versions.json").read_text())
    assert versions["torch"] == torch.__version__.split("+")[0] or versions["torch"] == torch.__version__
    assert versions["mujoco"]
    assert [entry.is_dir() for entry in (tmp_path / "runs").iterdir()] == [True, True]


def test_config_grows(tmp_path: Path) -> None:
    run = make(tmp_path)
    run.update_config(expert_return=8808.0)
    assert RunDirectory.open(run.path).config["expert_return"] == 8808.0


def test_open_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        RunDirectory.open(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"no config\.json"):
        RunDirectory.open(tmp_path)
    run = make(tmp_path)
    with pytest.raises(InputError, match=f"parent of 1 of them.*{run.path.name}"):
        RunDirectory.open(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        RunDirectory.open(run.path / "config.json")
    (run.path / "config.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        RunDirectory.open(run.path)
    (run.path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="missing"):
        RunDirectory.open(run.path)


def test_the_last_checkpoints_are_kept(tmp_path: Path) -> None:
    run = make(tmp_path)
    for step in (900, 1000, 10000):
        save(run, step)
    assert sorted(entry.name for entry in run.checkpoints.iterdir()) == ["1000", "10000"]
    assert run.latest_checkpoint().folder.name == "10000"


def test_damaged_newest_is_passed_over(tmp_path: Path) -> None:
    run = make(tmp_path)
    save(run, 1)
    damage(save(run, 2))
    with pytest.warns(UserWarning, match=r"2.policy\.safetensors has 3 bytes"):
        checkpoint = run.latest_checkpoint()
    assert checkpoint.tensors["policy"]["w"].tolist() == [1.0, 1.0]
    # The run goes on from 1: what it writes must outlive the damaged, later one.
    save(run, 1, keep_last=1)
    assert [entry.name for entry in run.checkpoints.iterdir()] == ["1"]


def test_no_checkpoint(tmp_path: Path) -> None:
    run = make(tmp_path)
    with pytest.raises(InputError, match="no usable checkpoint"):
        run.latest_checkpoint()
    damage(save(run, 1))
    with pytest.warns(UserWarning, match="bytes"), pytest.raises(InputError, match="no usable checkpoint"):
        run.policy_folder()


def test_policy_is_the_best_or_else_the_latest(tmp_path: Path) -> None:
    run = make(tmp_path)
    latest = save(run, 1)
    assert run.policy_folder() == latest
    best = run.save_best(tensors={"policy": {"w": torch.zeros(2)}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run.policy_folder() == best
    damage(best)
    with pytest.warns(UserWarning, match="best"):
        assert run.policy_folder() == latest


def test_progress_is_set_aside(tmp_path: Path) -> None:
    run = make(tmp_path)
    run.set_aside_progress()
    for text in ("a", "b"):
        (run.path / "progress.csv").write_text(text)
        run.set_aside_progress()
    assert (run.path / "progress.1.csv").read_text() == "a"
    assert (run.path / "progress.2.csv").read_text() == "b"
    assert not (run.path / "progress.csv").exists()
