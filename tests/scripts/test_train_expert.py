import json
import sys
from pathlib import Path

import pytest

from experts import expert_card, load_demonstrations, load_expert

SCRIPTS = Path(__file__).parents[2] / "scripts"
SHORT = ("--env", "Pendulum-v1", "--num-envs", 2, "--eval-freq", 300, "--eval-episodes", 2, "--final-episodes", 3)


@pytest.fixture
def call(monkeypatch, tmp_path, capsys):
    """Runs the command line in `tmp_path`; gives its exit code, output and errors."""
    monkeypatch.setenv("GENRL_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(SCRIPTS)
    monkeypatch.chdir(tmp_path)
    from command_line import run

    import train_expert

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["train_expert.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            run(train_expert.main, train_expert.TrainExpertConfig)
        captured = capsys.readouterr()
        return exit_.value.code, captured.out, captured.err

    return call


def test_a_trained_expert_is_in_the_catalogue_and_a_run_can_go_on(call, tmp_path):
    code, out, err = call(*SHORT, "--n-timesteps", 500)
    assert code == 0, err
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "evaluation.json").read_text())["episodes"] == 3
    for word in ("steps", "registered", "return, mean", run.name):
        assert word in out
    card = expert_card("Pendulum-v1")
    assert (card["tier"], card["evaluation"]["episodes"]) == ("expert", 3)
    assert "--n-timesteps 500" in card["policy"]["command"]
    assert load_expert("Pendulum-v1").config.act_dim == 1
    assert load_demonstrations("Pendulum-v1", episodes=1).episode_lengths.tolist() == [200]

    code, out, err = call("--resume", run, "--n-timesteps", 600)
    assert code == 0, err
    assert "resuming" in out
    steps = [line.split(",")[0] for line in (run / "progress.csv").read_text().splitlines()]
    assert len(steps) > 1
    assert list((tmp_path / "runs").iterdir()) == [run]


def test_a_changed_task_stays_out_of_the_catalogue(call, tmp_path):
    code, out, err = call(*SHORT, "--n-timesteps", 256, "--env-kwargs", "g=9.0")
    assert code == 0, err
    assert "not put into the catalogue" in out
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "say which task"),
        (("--env", "Walker3d-v4"), "unknown environment 'Walker3d-v4'"),
        (("--env", "CartPole-v1"), "vectors within bounds"),
        (("--env", "Ant-v4", "--tier", "expert"), "shipped and stays"),
        (("--env", "Ant-v4", "--eval-episodes", "0"), "must be 1 or more"),
        (("--env", "Ant-v4", "--n-timesteps", "0"), "must be 1 or more, not 0"),
        (("--env", "Ant-v4", "--env-kwargs", "gravity=3"), "no keyword 'gravity'"),
        (("--resume", "nowhere"), "does not exist"),
    ],
)
def test_bad_input_is_told_in_one_line_and_nothing_is_made(call, tmp_path, arguments, message):
    code, _, err = call(*arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_run_of_another_agent_is_not_resumed(call, tmp_path):
    from genrl.training import RunDirectory

    run = RunDirectory.create(tmp_path / "runs", "gail", "Ant-v4", 0, {"settings": {}})
    code, _, err = call("--resume", run.path)
    assert code == 2
    assert "is a run of gail: resume it with its own script" in err
