"""The documents hold what they promise: their Python runs, their scripts and links exist, their numbers are in."""

import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from genrl.rewards import DensityTraining
from genrl.training.gradient_fitting import GradientFitting

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

# The same code on less of everything: one small rollout, two episodes.
TINY = {
    "1_000_000": "1",
    "100_000": "1",
    '"Ant-v4", 20)': '"Ant-v4", 2)',
    "demonstrations, seed=0)": "demonstrations, num_envs=16)",
    "(transforms=3)": "(transforms=1, fitting=GradientFitting(updates=5))",
    "learner=RealNVP())": "learner=RealNVP(), training=DensityTraining(first_steps=3))",
    "reward_model=paid)": "reward_model=paid, num_envs=4)",
    'PPO(FlowPolicy, "Pendulum-v1")': 'PPO(FlowPolicy, "Pendulum-v1", n_steps=64, n_epochs=1)',
    "EnsembleWorldModel()": "EnsembleWorldModel(hidden=(8,), fitting=GradientFitting(updates=5))",
    "as_vec_env(1024, ": "as_vec_env(16, ",
}


def python_blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def tiny(code: str) -> str:
    for much, little in TINY.items():
        code = code.replace(much, little)
    return code


def recorded_arrays() -> dict[str, Any]:
    """Two short episodes of Pendulum, as a user would have them."""
    env = gym.make("Pendulum-v1", max_episode_steps=30)
    env.action_space.seed(0)
    rows: dict[str, list[Any]] = {name: [] for name in ("observations", "actions", "rewards", "truncations")}
    for episode in range(2):
        observation, _ = env.reset(seed=episode)
        rows["observations"].append(observation)
        ended = False
        while not ended:
            action = env.action_space.sample()
            observation, reward, _, ended, _ = env.step(action)
            for name, value in zip(rows, (observation, action, reward, ended), strict=True):
                rows[name].append(value)
    arrays = {name: np.array(values) for name, values in rows.items()}
    return {**arrays, "terminations": np.zeros(60, dtype=bool), "episode_lengths": np.array([30, 30])}


@pytest.mark.parametrize("index", range(2))
def test_the_code_in_the_readme_runs(
    index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("agents.gail.warm_start", lambda *_, **__: False)  # thousands of updates, tested elsewhere
    code = python_blocks(README)[index]
    names = recorded_arrays() if "my-demonstrations.npz" in code else {}
    exec(compile(tiny(code), f"README.md, block {index}", "exec"), names)
    agent = names["agent"]
    assert agent.learner.num_timesteps > 0
    if index == 0:
        assert "'expert_fraction'" in capsys.readouterr().out


def test_the_generative_code_in_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("agents.gail.warm_start", lambda *_, **__: False)
    names: dict[str, Any] = {"GradientFitting": GradientFitting, "DensityTraining": DensityTraining}
    exec(compile(tiny(python_blocks(README)[2]), "README.md, block 2", "exec"), names)
    assert torch.isfinite(names["flow"].log_prob(names["x"])).all()
    assert names["paid"].fitted
    assert (tmp_path / "my-flow" / "model.safetensors").is_file()
    assert "tensor(" in capsys.readouterr().out


def test_the_code_of_world_models_in_the_readme_runs() -> None:
    names: dict[str, Any] = {"GradientFitting": GradientFitting}
    exec(compile(tiny(python_blocks(README)[3]), "README.md, block 3", "exec"), names)
    assert names["model"].require_built() == names["actions"]


def test_the_readme_has_blocks_that_are_run() -> None:
    assert len(python_blocks(README)) == 4


def test_the_settings_of_imitation_are_accepted() -> None:
    names: dict[str, Any] = {}
    (code,) = python_blocks(ROOT / "docs" / "from-imitation.md")
    exec(code, names)
    assert names["config"].reward_form == "gail"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    written = re.sub(r"<<.*?>>", "", path.read_text())
    targets = re.findall(r"\]\(([^)#]+)\)", written)
    missing = [t for t in targets if not t.startswith("http") and not (path.parent / t).exists()]
    assert not missing


def test_scripts_and_commands_exist() -> None:
    text = README.read_text()
    named = set(re.findall(r"\b((?:scripts|benchmarks)/\w+\.py)", text))
    named |= {f"scripts/{name}" for name in re.findall(r"^\| `(\w+\.py)", text, re.MULTILINE)}
    assert len(named) >= 8
    assert not [name for name in sorted(named) if not (ROOT / name).is_file()]


def test_no_number_is_left_open() -> None:
    assert not re.findall(r"<<.*?>>", README.read_text())
