"""What a stopped run tells the user to do."""

import shlex
from pathlib import Path

import pytest

from genrl.training import RunDirectory


@pytest.fixture
def stopped_run(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "scripts")
    import stopped_run

    monkeypatch.setattr("sys.argv", ["scripts/train_gail.py"])
    return stopped_run


def commands(stopped_run, directory):
    lines = dict(line.partition(": ")[::2] for line in stopped_run.stopped_run(directory, of=10).splitlines())
    return [shlex.split(lines[name])[1:] for name in ("to go on", "to evaluate")]


@pytest.mark.parametrize(
    ("env_id", "settings", "flags"),
    [
        ("Ant-v4", {"trust": False, "env_kwargs": ["ctrl_cost_weight=0.1"]}, []),
        ("my_tasks:Reach-v0", {"trust": False}, ["--trust"]),
        ("Ant-v4", {"trust": False, "env_kwargs": ["xml_file=my/ant.xml"]}, ["--trust"]),
        ("digits:inverted", {}, []),  # of a script that makes no environment and has no such flag
    ],
)
def test_the_commands_have_the_flags_that_the_run_needs(tmp_path, stopped_run, env_id, settings, flags):
    directory = RunDirectory.create(tmp_path, "gail", env_id, 0, {"settings": settings})
    directory.save(5, tensors={}, documents={})
    resume, evaluate = commands(stopped_run, directory)
    assert resume == ["scripts/train_gail.py", "--resume", str(directory.path), *flags]
    assert evaluate == ["scripts/evaluate.py", str(directory.path), *flags]
