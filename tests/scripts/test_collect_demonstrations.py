import importlib
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import PPO

from experts import load_demonstrations
from genrl.errors import InputError

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def collect(monkeypatch, tmp_path):
    """The script's main, called with fields of its configuration, in an empty folder."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.chdir(tmp_path)
    script = importlib.import_module("collect_demonstrations")
    return lambda **fields: script.main(script.CollectConfig(**fields))


SHORT = ("max_episode_steps=20",)


def test_records_the_shipped_expert_and_imports_it_again(collect, tmp_path, capsys):
    collect(env="Hopper-v4", episodes=2, stochastic=True, env_kwargs=SHORT)
    shown = capsys.readouterr().out
    assert "2/2 episodes, 40 steps" in shown
    assert "± " in shown
    recorded = load_demonstrations(tmp_path / "demonstrations" / "Hopper-v4-expert-stochastic")
    assert recorded.episode_lengths.tolist() == [20, 20]
    collect(import_minari="demonstrations/Hopper-v4-expert-stochastic/minari", out=tmp_path / "again")
    imported = load_demonstrations(tmp_path / "again")
    np.testing.assert_array_equal(imported.observations, recorded.observations)
    assert imported.env_id == "Hopper-v4"


def test_actions_can_be_left_out(collect, tmp_path, capsys):
    collect(env="Hopper-v4", episodes=1, without_actions=True, env_kwargs=SHORT, out=tmp_path / "watched")
    shown = "".join(capsys.readouterr().out.split())
    assert "withoutactions" in shown
    assert "--state-only" in shown
    assert not load_demonstrations(tmp_path / "watched").has_actions
    assert not (tmp_path / "watched" / "minari").exists()


def test_records_a_controller_that_knows_a_maze(collect, tmp_path):
    with pytest.raises(InputError, match="which maze"):
        collect(policy=Path("waypoints"))
    pytest.importorskip("gymnasium_robotics")
    collect(policy=Path("waypoints"), env="PointMaze_UMaze-v3", episodes=1, env_kwargs=SHORT, out=tmp_path / "maze")
    assert load_demonstrations(tmp_path / "maze").observations.shape == (21, 6)


def test_records_a_policy_folder(collect, tmp_path):
    folder = Path(load_demonstrations.__code__.co_filename).parent / "Hopper-v4" / "expert"
    collect(policy=folder, episodes=1, seed=5, env_kwargs=SHORT, out=tmp_path / "out")
    trajectory = next(load_demonstrations(tmp_path / "out").trajectories())
    assert trajectory.truncated
    assert len(trajectory) == 20


def test_a_zip_needs_trust_and_a_fitting_task(collect, tmp_path):
    PPO("MlpPolicy", "CartPole-v1").save(tmp_path / "cart.zip")
    path = tmp_path / "cart.zip"
    with pytest.raises(InputError, match="--trust"):
        collect(env="CartPole-v1", policy=path, algo="ppo")
    with pytest.raises(InputError, match="does not fit Hopper-v4"):
        collect(env="Hopper-v4", policy=path, algo="ppo", trust=True)
    assert not (tmp_path / "demonstrations").exists()
    collect(env="CartPole-v1", policy=path, algo="ppo", trust=True, episodes=2, out=tmp_path / "out")
    assert load_demonstrations(tmp_path / "out").actions.dtype.kind == "i"


def test_imports_are_checked_against_the_task(collect, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "old.npz",
        obs=rng.normal(size=(6, 11)),
        acts=rng.uniform(-1, 1, size=(5, 3)),
        rews=np.ones(5),
        terminal=np.array([True]),
        indices=np.array([], dtype=int),
    )
    collect(import_imitation=tmp_path / "old.npz", env="Hopper-v4", out=tmp_path / "out")
    assert load_demonstrations(tmp_path / "out").env_id == "Hopper-v4"
    with pytest.raises(InputError, match="11 observation columns"):
        collect(import_imitation=tmp_path / "old.npz", env="Ant-v4")


def test_nothing_to_do_is_said(collect):
    with pytest.raises(InputError, match="say which task"):
        collect()
    with pytest.raises(InputError, match="exclude each other"):
        collect(import_minari="a", import_imitation=Path("b"))


def test_bad_input_ends_in_one_line(run_script, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    done = run_script("collect_demonstrations", "--env", "Ant-v5")
    assert done.code == 2
    assert done.err.startswith("error: no expert for Ant-v5")
    assert done.err.count("\n") == 1
