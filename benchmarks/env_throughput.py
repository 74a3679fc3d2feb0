"""How fast the simulator is: env steps a second beside MuJoCo's own limit and the other vector environments.

All contenders take turns in one run, because the speed of a machine drifts and only ratios of the same
minute carry over to another one. The limit is `mj_step` and nothing else on the same kind of states.

    python benchmarks/env_throughput.py --out throughput.json
"""

import csv
import functools
import importlib.util
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import stable_baselines3
import tyro
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from genrl.envs import make_vec_env

LIMIT = "mj_step, 2 threads"
PROCESSES = 8


@dataclass(frozen=True, kw_only=True)
class Config:
    """Env steps a second of the simulator and its peers, random actions, interleaved rounds."""

    envs: tuple[str, ...] = ("Ant-v4", "Humanoid-v4")
    """Tasks to measure."""
    num_envs: int = 64
    """Copies of each task; the contenders that run in processes have 8."""
    rounds: int = 7
    """How often each contender has its turn; the median counts."""
    env_steps: int = 6400
    """Env steps a turn."""
    only_ours: bool = False
    """Leave out the peers and compare with the limit alone."""
    out: Path | None = None
    """Where the figures are written: a .json or a .csv file."""


@dataclass(frozen=True)
class Contender:
    """Something that steps environments, and how to be rid of it."""

    num_envs: int
    step: Callable[[NDArray[np.float32]], Any]
    close: Callable[[], None]

    def steps_per_second(self, actions: NDArray[np.float32]) -> float:
        """Run through `actions`, (time, num_envs, size)."""
        start = time.perf_counter()
        for row in actions:
            self.step(row)
        return len(actions) * self.num_envs / (time.perf_counter() - start)


class PhysicalLimit:
    """`mj_step` over many MjData on threads, resetting what leaves the band of healthy heights."""

    def __init__(self, env_id: str, num_envs: int, num_threads: int) -> None:
        env: Any = gym.make(env_id).unwrapped
        self.model, self.frame_skip, self.band = env.model, env.frame_skip, env._healthy_z_range
        self.noise = env._reset_noise_scale
        self.simulations = [mujoco.MjData(self.model) for _ in range(num_envs)]
        self.num_envs, self.num_threads = num_envs, num_threads
        for i, data in enumerate(self.simulations):
            self._reset(data, np.random.default_rng(i))

    def _reset(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        mujoco.mj_resetData(self.model, data)
        data.qpos += rng.uniform(-self.noise, self.noise, self.model.nq)
        data.qvel += rng.uniform(-self.noise, self.noise, self.model.nv)
        mujoco.mj_forward(self.model, data)

    def _work(self, offset: int, actions: NDArray[np.float32]) -> None:
        rng = np.random.default_rng(offset)
        low, high = self.band
        mine = list(range(offset, self.num_envs, self.num_threads))
        for row in actions:
            for i in mine:
                data = self.simulations[i]
                data.ctrl[:] = row[i]
                mujoco.mj_step(self.model, data, self.frame_skip)
                if not low < data.qpos[2] < high:
                    self._reset(data, rng)

    def steps_per_second(self, actions: NDArray[np.float32]) -> float:
        """Run through `actions`, (time, num_envs, size); each thread keeps its own simulations."""
        threads = [threading.Thread(target=self._work, args=(offset, actions)) for offset in range(self.num_threads)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(actions) * self.num_envs / (time.perf_counter() - start)

    def close(self) -> None:
        """Nothing to be rid of."""


def stable_baselines(venv: VecEnv) -> Contender:
    """Take a `VecEnv` through its own interface."""
    venv.reset()
    return Contender(venv.num_envs, venv.step, venv.close)


def gymnasium_vector(venv: gym.vector.VectorEnv) -> Contender:
    """Take a Gymnasium vector environment."""
    venv.reset(seed=0)
    return Contender(venv.num_envs, venv.step, venv.close)


def envpool_vector(env_id: str, num_envs: int) -> Contender:
    """Take EnvPool, synchronous, on two threads."""
    import envpool

    pool = envpool.make(env_id, env_type="gymnasium", num_envs=num_envs, num_threads=2)
    pool.reset()
    return Contender(num_envs, pool.step, pool.close)


def contenders(env_id: str, num_envs: int, only_ours: bool) -> dict[str, Contender | PhysicalLimit]:
    """Build everything that is measured, warm."""
    make = functools.partial(gym.make, env_id)
    found: dict[str, Contender | PhysicalLimit] = {
        "mj_step, 1 thread": PhysicalLimit(env_id, num_envs, 1),
        LIMIT: PhysicalLimit(env_id, num_envs, 2),
        "genrl, 1 thread": stable_baselines(make_vec_env(env_id, num_envs, num_threads=1, seed=0)),
        "genrl, 2 threads": stable_baselines(make_vec_env(env_id, num_envs, num_threads=2, seed=0)),
    }
    if only_ours:
        return found
    found |= {
        "gymnasium SyncVectorEnv": gymnasium_vector(SyncVectorEnv([make] * num_envs)),
        f"gymnasium AsyncVectorEnv({PROCESSES})": gymnasium_vector(
            AsyncVectorEnv([make] * PROCESSES, context="forkserver")
        ),
        "SB3 DummyVecEnv": stable_baselines(DummyVecEnv([make] * num_envs)),
        f"SB3 SubprocVecEnv({PROCESSES})": stable_baselines(SubprocVecEnv([make] * PROCESSES)),
    }
    if importlib.util.find_spec("envpool"):
        found["EnvPool, 2 threads"] = envpool_vector(env_id, num_envs)
    return found


def measure(env_id: str, config: Config) -> list[dict[str, Any]]:
    """Return a row for each contender: median env steps a second, and its part of the limit."""
    entered = contenders(env_id, config.num_envs, config.only_ours)
    space = gym.make(env_id).action_space
    assert isinstance(space, gym.spaces.Box)
    rng = np.random.default_rng(0)
    speeds: dict[str, list[float]] = {name: [] for name in entered}
    names = list(entered)
    for turn in range(config.rounds + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            contender = entered[name]
            length = max(1, config.env_steps // contender.num_envs)
            shape = (length, contender.num_envs, *space.shape)
            actions = rng.uniform(space.low, space.high, shape).astype(np.float32)
            speed = contender.steps_per_second(actions)
            if turn:  # the first is warm-up
                speeds[name].append(speed)
    for contender in entered.values():
        contender.close()
    return [row(env_id, name, speeds[name], speeds[LIMIT]) for name in names]


def row(env_id: str, name: str, speeds: Sequence[float], limits: Sequence[float]) -> dict[str, Any]:
    """Summarise one contender; its ratio is the median of the ratios within each round."""
    ratio = median(speed / limit for speed, limit in zip(speeds, limits, strict=True))
    return {
        "env": env_id,
        "contender": name,
        "steps_per_second": round(median(speeds)),
        "of_limit": round(ratio, 3),
    }


def write(path: Path, rows: list[dict[str, Any]], config: Config) -> None:
    """Write the figures, with the versions they belong to where the format has room for them."""
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return
    versions = {package.__name__: package.__version__ for package in (mujoco, gym, stable_baselines3, np)}
    settings = {"num_envs": config.num_envs, "rounds": config.rounds, "env_steps": config.env_steps}
    path.write_text(json.dumps({"versions": versions, **settings, "figures": rows}, indent=1) + "\n")


def main(config: Config) -> None:
    """Measure, print and write."""
    rows = []
    for env_id in config.envs:
        print(f"\n{env_id}, {config.num_envs} environments{'':<12} steps/s   of the limit", flush=True)
        for figures in measure(env_id, config):
            print(f"{figures['contender']:<34} {figures['steps_per_second']:>12,} {figures['of_limit']:>12.3f}")
            rows.append(figures)
    if config.out is not None:
        write(config.out, rows, config)


if __name__ == "__main__":
    main(tyro.cli(Config))
