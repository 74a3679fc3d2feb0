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


def test_unchanged_data_and_versions_say_nothing(tmp_path: Path) -> None:
    path = RunDirectory.create(tmp_path, "gail", "Ant-v4", 3, {}, data_digest="12ab").path
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RunDirectory.open(path).check_data("12ab", "a.npz")
        RunDirectory.open(path).check_versions()


def test_changed_data_are_refused_unless_allowed(tmp_path: Path) -> None:
    path = RunDirectory.create(tmp_path, "gail", "Ant-v4", 3, {}, data_digest="12ab").path
    with pytest.raises(InputError, match=r"data of a\.npz are not .* --allow-changed-data") as refused:
        RunDirectory.open(path).check_data("34cd", "a.npz")
    assert "\n" not in str(refused.value)
    RunDirectory.open(path).check_data("34cd", "a.npz", allow_changed=True)
    RunDirectory.open(path).check_data("34cd", "a.npz")  # they are the run's data from now on
    with pytest.raises(InputError, match="are not those"):
        RunDirectory.open(path).check_data("12ab", "a.npz")


def test_a_run_without_a_digest_goes_on_with_a_warning(tmp_path: Path) -> None:
    path = make(tmp_path).path
    with pytest.warns(UserWarning, match=r"whether a\.npz has changed is not known"):
        RunDirectory.open(path).check_data("12ab", "a.npz")
    with pytest.raises(InputError, match="are not those"):
        RunDirectory.open(path).check_data("34cd", "a.npz")


def test_changed_versions_are_one_line(tmp_path: Path) -> None:
    run = make(tmp_path)
    file = run.path / "versions.json"
    recorded = json.loads(file.read_text())
    file.write_text(json.dumps({**recorded, "torch": "1.0", "mujoco": "2.0"}))
    with pytest.warns(UserWarning, match=r"torch 1\.0 -> .*, mujoco 2\.0 -> .*may differ in bits") as caught:
        run.check_versions()
    assert len(caught) == 1
    for damaged in ("{", "[]"):
        file.write_text(damaged)
        with pytest.warns(UserWarning, match="missing or damaged"):
            run.check_versions()
    file.unlink()
    with pytest.warns(UserWarning, match="missing or damaged"):
        run.check_versions()
