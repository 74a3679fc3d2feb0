"""How fast GAIL trains, end to end: env steps a second beside the `imitation` library at the same work, and beside
what the bare simulator gives on two threads.

Each measurement is a process of its own, so that no thread setting leaks into the next; the contenders take turns,
because the speed of a machine drifts and only ratios of the same minute carry over to another one. One iteration
(collect, train the discriminator, relabel, update) is warm-up, and setting up is not counted.

    make bench-install
    python benchmarks/gail_throughput.py --out gail_throughput.json
"""

import contextlib
import csv
import importlib.metadata
import importlib.util
import json
import multiprocessing
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import tyro
from gail_work import (
    DEMONSTRATIONS,
    DISCRIMINATOR_BATCH,
    DISCRIMINATOR_STEPS,
    GAMMA,
    NUM_ENVS,
    PPO_EPOCHS,
    PPO_LEARNING_RATE,
    PPO_MINIBATCH,
    ROLLOUT,
    steps_per_second,
)
from imitation_peer import imitation_command_line, imitation_quickstart, imitation_tuned

DOCUMENTED = "imitation, as its command line"
QUICKSTART = "imitation, as its quickstart"
TUNED = "imitation, tuned by hand"
PEERS = (DOCUMENTED, QUICKSTART, TUNED)
LIMIT = "bare mj_step, two threads"
RATIOS = {"of_command_line": DOCUMENTED, "of_quickstart": QUICKSTART, "of_tuned": TUNED, "of_limit": LIMIT}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Env steps a second of GAIL, interleaved rounds."""

    envs: tuple[str, ...] = ("Ant-v4",)
    """Tasks to measure; Humanoid-v4 has shipped demonstrations, too."""
    rounds: int = 3
    """How often each contender has its turn; the median counts."""
    env_steps: int = 40_000
    """Env steps a turn, rounded up to whole iterations."""
    only_ours: bool = False
    """Leave out the peers, for example where `imitation` is not installed."""
    only: tuple[str, ...] = ()
    """Contenders by a part of their names; all by default."""
    out: Path | None = None
    """Where the figures are written: a .json or a .csv file."""


def genrl_same_work(env_id: str, env_steps: int) -> float:
    """The networks, batches, epochs, rollout and discriminator steps of `imitation`'s quickstart, and its 8 envs."""
    return time_genrl_same_work(env_id, env_steps, NUM_ENVS)


def genrl_same_work_wide(env_id: str, env_steps: int) -> float:
    """The same, the rollout collected from 64 environments."""
    return time_genrl_same_work(env_id, env_steps, 64)


def genrl_recipe(env_id: str, env_steps: int) -> float:
    """The package's defaults: larger networks, larger minibatches, a gradient penalty."""
    from agents import GAILConfig

    return time_genrl(env_id, env_steps, 64, GAILConfig())


def genrl_trpo(env_id: str, env_steps: int) -> float:
    """The package's defaults with TRPO."""
    from agents import GAILConfig

    return time_genrl(env_id, env_steps, 64, GAILConfig(learner="trpo"))


def physical_limit(env_id: str, env_steps: int) -> float:
    """The simulator and nothing else, on the states that random actions lead to."""
    import numpy as np
    from env_throughput import PhysicalLimit

    limit = PhysicalLimit(env_id, 64, 2)
    shape = (-(-env_steps // 64), 64, limit.model.nu)
    return limit.steps_per_second(np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32))


CONTENDERS: dict[str, Callable[[str, int], float]] = {
    LIMIT: physical_limit,
    DOCUMENTED: imitation_command_line,
    QUICKSTART: imitation_quickstart,
    TUNED: imitation_tuned,
    "genrl PPO, same work, 8 envs": genrl_same_work,
    "genrl PPO, same work, 64 envs": genrl_same_work_wide,
    "genrl PPO, its own recipe": genrl_recipe,
    "genrl TRPO, its own recipe": genrl_trpo,
}


def time_genrl_same_work(env_id: str, env_steps: int, num_envs: int) -> float:
    """Env steps a second of this package at the work of `time_imitation`."""
    from agents import GAILConfig
    from agents.discriminator_reward import DiscriminatorConfig
    from agents.learners import PPOConfig
    from genrl.policies import ActorCriticNetwork
    from genrl.rewards import AdversarialTraining

    training = AdversarialTraining(
        learning_rate=1e-3, steps=DISCRIMINATOR_STEPS, batch_size=DISCRIMINATOR_BATCH, penalty_weight=0.0
    )
    config = GAILConfig(
        bc_warm_start=False,
        reward_form="gail",
        network=ActorCriticNetwork(hidden=(64, 64), activation="tanh", log_std_init=0.0),
        discriminator=DiscriminatorConfig(hidden=(32, 32), activation="relu", training=training),
        ppo=PPOConfig(
            n_steps=ROLLOUT // num_envs,
            batch_size=PPO_MINIBATCH,
            n_epochs=PPO_EPOCHS,
            learning_rate=PPO_LEARNING_RATE,
            gamma=GAMMA,
            desired_kl=None,
        ),
    )
    return time_genrl(env_id, env_steps, num_envs, config, all_columns=True)


def time_genrl(env_id: str, env_steps: int, num_envs: int, config: Any, *, all_columns: bool = False) -> float:
    """Env steps a second of this package; `all_columns` undoes the recipe's choice of observation columns."""
    from stable_baselines3.common import logger

    from agents import GAIL
    from experts import load_demonstrations
    from genrl.envs import make_vec_env

    # An environment without an id is one of which the recipe knows nothing.
    env = make_vec_env(env_id, num_envs, seed=0) if all_columns else env_id
    demonstrations = load_demonstrations(env_id, episodes=DEMONSTRATIONS)
    agent = GAIL(env, demonstrations, num_envs=num_envs, seed=0, device="cpu", config=config)
    rollout = num_envs * (config.trpo if config.learner == "trpo" else config.ppo).n_steps
    with tempfile.TemporaryDirectory() as folder:  # logs as the peer does
        agent.learner.set_logger(logger.configure(folder, ["stdout", "log", "csv"]))
        speed = steps_per_second(lambda steps: agent.learn(steps, reset_num_timesteps=False), rollout, env_steps)
        agent.learner.logger.close()
    agent.env.close()
    return speed


def quietly(name: str, env_id: str, env_steps: int) -> float:
    """One measurement, in the process made for it; only an error is seen of it."""
    warnings.simplefilter("ignore")
    with (
        Path(os.devnull).open("w") as nothing,
        contextlib.redirect_stdout(nothing),
        contextlib.redirect_stderr(nothing),
    ):
        return CONTENDERS[name](env_id, env_steps)


def measure(env_id: str, names: list[str], config: Config) -> list[dict[str, Any]]:
    """Return a row for each contender."""
    speeds: dict[str, list[float]] = {name: [] for name in names}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as processes:
        for turn in range(config.rounds):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                speeds[name].append(processes.submit(quietly, name, env_id, config.env_steps).result())
                print(f"  round {turn + 1}: {name:<32} {speeds[name][-1]:>8,.0f}", flush=True)
    return [row(env_id, name, speeds) for name in names]


def row(env_id: str, name: str, speeds: dict[str, list[float]]) -> dict[str, Any]:
    """Summarise one contender; a ratio is the median of the ratios within each round."""
    figures: dict[str, Any] = {"env": env_id, "contender": name, "steps_per_second": round(median(speeds[name]))}
    for key, peer in RATIOS.items():
        if peer in speeds:
            ratios = [mine / other for mine, other in zip(speeds[name], speeds[peer], strict=True)]
            figures[key] = round(median(ratios), 2)
    return figures


def write(path: Path, rows: list[dict[str, Any]], config: Config) -> None:
    """Write the figures, with the versions they belong to where the format has room for them."""
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return
    names = ("imitation", "stable-baselines3", "sb3-contrib", "torch", "mujoco", "gymnasium")
    found = {name for name in names if importlib.util.find_spec(name.replace("-", "_"))}
    versions = {name: importlib.metadata.version(name) for name in names if name in found}
    settings = {"rounds": config.rounds, "env_steps": config.env_steps, "cores": os.cpu_count()}
    path.write_text(json.dumps({"versions": versions, **settings, "figures": rows}, indent=1) + "\n")


def main(config: Config) -> None:
    """Measure, print and write."""
    if not config.only_ours and importlib.util.find_spec("imitation") is None:
        print("error: the peer is not installed: run make bench-install, or pass --only-ours", file=sys.stderr)
        sys.exit(2)
    names = [name for name in CONTENDERS if not (config.only_ours and name in PEERS)]
    names = [name for name in names if not config.only or any(part in name for part in config.only)]
    rows = []
    for env_id in config.envs:
        print(env_id, flush=True)
        rows += measure(env_id, names, config)
    titles = "".join(f"{key.replace('_', ' '):>17}" for key in RATIOS)
    print(f"\n{'':<45}{'steps/s':>8}{titles}")
    for figures in rows:
        ratios = "".join(f"{figures.get(key, float('nan')):>17.2f}" for key in RATIOS)
        print(f"{figures['env']:<12} {figures['contender']:<32}{figures['steps_per_second']:>8,}{ratios}")
    if config.out is not None:
        write(config.out, rows, config)


if __name__ == "__main__":
    main(tyro.cli(Config))
