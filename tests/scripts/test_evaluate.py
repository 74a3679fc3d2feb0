import json
from pathlib import Path
from types import ModuleType

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.policies import ActorCriticNetwork, describe_policy, policy_kwargs, save_policy
from genrl.training import RunDirectory

SCRIPTS = Path(__file__).parents[2] / "scripts"
NETWORK = ActorCriticNetwork(hidden=(8,))


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import evaluate

    return evaluate


@pytest.fixture(scope="module")
def learner() -> PPO:
    standardise = Standardise.fit(torch.randn(50, 3))
    return PPO("MlpPolicy", "Pendulum-v1", policy_kwargs=policy_kwargs(NETWORK, standardise), seed=0)


@pytest.fixture
def run(tmp_path: Path, learner: PPO) -> RunDirectory:
    settings = {"expert_return": -150.0, "env_kwargs": ["g=5.0"]}
    run = RunDirectory.create(tmp_path / "runs", "gail", "Pendulum-v1", 0, settings)
    state = learner.policy.state_dict()
    description = describe_policy(learner.policy, NETWORK, "Pendulum-v1")
    run.save(1, tensors={"policy": state}, documents={"policy": description})
    return run


def measure(module: ModuleType, path: Path, out: Path, **options: object) -> dict[str, object]:
    module.main(module.EvaluateConfig(policy=path, episodes=3, json=out / "out.json", **options))
    return json.loads((out / "out.json").read_text())


def test_run_directory(
    evaluate: ModuleType, run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = measure(evaluate, run.path, tmp_path)
    assert (summary["env"], summary["episodes"], summary["expert_return"]) == ("Pendulum-v1", 3, -150.0)
    assert summary["expert_fraction"] == summary["mean"] / -150.0
    assert summary["mean_length"] == 200
    assert "checkpoints/1" in capsys.readouterr().out
    # The keywords of its training count, unless others are given.
    own = measure(evaluate, run.path, tmp_path, env_kwargs=("g=5.0",))
    assert own["mean"] == summary["mean"]
    assert measure(evaluate, run.path, tmp_path, env_kwargs=("g=9.0",))["mean"] != summary["mean"]


def test_best_goes_before_the_latest(
    evaluate: ModuleType, run: RunDirectory, learner: PPO, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.save_best(
        tensors={"policy": learner.policy.state_dict()},
        documents={"policy": describe_policy(learner.policy, NETWORK, "Pendulum-v1")},
    )
    by_run = measure(evaluate, run.path, tmp_path, stochastic=True, seed=5)
    assert f"policy: {run.best}" in capsys.readouterr().out
    assert measure(evaluate, run.best, tmp_path, stochastic=True, seed=5) == by_run
    assert by_run["deterministic"] is False


def test_bare_policy_folder(evaluate: ModuleType, learner: PPO, tmp_path: Path) -> None:
    save_policy(learner.policy, NETWORK, tmp_path / "policy")
    with pytest.raises(InputError, match="--env"):
        measure(evaluate, tmp_path / "policy", tmp_path)
    summary = measure(evaluate, tmp_path / "policy", tmp_path, env="Pendulum-v1")
    assert summary["expert_fraction"] is None
    with pytest.raises(InputError, match="another task"):
        measure(evaluate, tmp_path / "policy", tmp_path, env="Hopper-v4")


def test_zip_needs_trust(evaluate: ModuleType, learner: PPO, tmp_path: Path) -> None:
    learner.save(tmp_path / "model.zip")
    path = tmp_path / "model.zip"
    with pytest.raises(InputError, match="--trust"):
        measure(evaluate, path, tmp_path, env="Pendulum-v1")
    with pytest.raises(InputError, match="--algo"):
        measure(evaluate, path, tmp_path, env="Pendulum-v1", trust=True)
    summary = measure(evaluate, path, tmp_path, env="Pendulum-v1", trust=True, algo="ppo")
    env = gym.make("Pendulum-v1")
    observation, _ = env.reset(seed=0)
    total, done = 0.0, False
    while not done:
        action, _ = learner.predict(observation, deterministic=True)
        observation, reward, _, done, _ = env.step(np.asarray(action))
        total += float(reward)
    assert summary["min"] - 1 <= total <= summary["max"] + 1
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be read"):
        measure(evaluate, path, tmp_path, env="Pendulum-v1", trust=True, algo="ppo")


def test_shipped_expert(evaluate: ModuleType, tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "experts" / "Hopper-v4"
    summary = measure(evaluate, folder, tmp_path, env_kwargs=("max_episode_steps=200",))
    assert summary["env"] == "Hopper-v4"
    assert summary["mean_length"] == 200
    assert summary["expert_return"] > 3000


def test_bad_input(evaluate: ModuleType, run: RunDirectory, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        measure(evaluate, tmp_path / "nothing", tmp_path)
    with pytest.raises(InputError, match=r"\.mp4 or \.gif"):
        measure(evaluate, run.path, tmp_path, video=Path("film.avi"))
    weights = run.checkpoints / "1" / "policy.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5])
    with pytest.warns(UserWarning, match="bytes"), pytest.raises(InputError, match="no usable checkpoint"):
        measure(evaluate, run.path, tmp_path)
