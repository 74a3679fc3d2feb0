"""World models beside mbrl-lib's ensemble: how far they see, whether their intervals hold, and how fast they dream.

All are trained on the same steps and judged by the same others: whole episodes, some of the shipped expert with noise
on its actions and as many steps of random actions; of random actions alone where no expert is shipped. The ensembles
have the same networks and updates; the other models have as many updates, and widths of their own. Errors are root mean
squares over columns, in deviations of the data. Dreams take turns with the simulator, because the speed of a machine
drifts.

    make bench-install
    python benchmarks/world_models.py --out world_models.json
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal, get_args

import numpy as np
import torch
import tyro
from stable_baselines3.common.vec_env import VecEnv
from world_model_peer import PeerEnsemble

from agents.world_model_choices import MODELS, WorldModelName, with_fitting
from experts import NoisyPolicy, available, load_expert, record
from genrl.envs import make_vec_env
from genrl.evaluation.random_policy import RandomPolicy
from genrl.world_models import Dynamics, EnsembleWorldModel, Experience, judge_forecasts
from genrl.world_models.forecast import Forecaster

RATE, BATCH = 1e-3, 256


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is compared."""

    env: tuple[str, ...] = ("Pendulum-v1", "Hopper-v4", "HalfCheetah-v4")
    """Gymnasium ids of the tasks."""
    models: tuple[WorldModelName | Literal["peer"], ...] = ("peer", *get_args(WorldModelName))
    """By the names of `train_world_model.py`; peer is mbrl-lib's ensemble."""
    steps: int = 10_000
    """To learn from."""
    judged_steps: int = 3000
    """To judge by, of other episodes."""
    noise: float = 0.3
    """Deviation of the noise on the expert's actions, in half their range."""
    updates: int = 2000
    """Gradient steps of each model."""
    hidden: int = 200
    """Width of the three hidden layers of the ensembles."""
    members: int = 7
    """Networks of the ensembles."""
    elites: int = 5
    """Of them."""
    particles: int = 40
    """Draws of a forecast, a multiple of the elites."""
    starts: int = 200
    """Pieces of experience that are forecast."""
    dreams: int = 1024
    """Side by side, when dreaming is timed."""
    rounds: int = 5
    """How often simulator and dreams have their turns; the median counts."""
    seed: int = 0
    """Of everything random."""
    out: Path | None = None
    """A .json file for the figures."""


def main(config: Config) -> None:
    """Compare world models on each task, and print a line for each."""
    torch.set_num_threads(1)
    figures = []
    for env_id in config.env:
        figures += compare(env_id, config)
        if config.out is not None:
            config.out.write_text(json.dumps({"config": asdict(config), "rows": figures}, indent=2, default=str))


def compare(env_id: str, config: Config) -> list[dict[str, Any]]:
    """All models on one task."""
    experience = gathered(env_id, config.steps, config, seed=config.seed)
    judged = gathered(env_id, config.judged_steps, config, seed=config.seed + 10_000)
    rows = []
    for name, model in contenders(experience, config).items():
        began = time.process_time()
        fit(model, experience, config)
        row: dict[str, Any] = {"env": env_id, "model": name, "parameters": count(model)}
        row["fit cpu seconds"] = round(time.process_time() - began, 1)
        forecasts = judge_forecasts(model, judged, most_starts=config.starts, particles=config.particles, seed=1)
        for ahead in forecasts:
            row[f"error {ahead.steps}"] = round(ahead.error, 4)
            row[f"reward error {ahead.steps}"] = round(ahead.reward_error, 4)
            row[f"coverage {ahead.steps}"] = (round(ahead.coverage_50, 3), round(ahead.coverage_90, 3))
        if isinstance(model, Dynamics):
            row |= speeds(model, env_id, config)
        print(json.dumps(row), flush=True)
        rows.append(row)
    return rows


def contenders(experience: Experience, config: Config) -> dict[str, Forecaster]:
    """Not fitted yet."""
    chosen: dict[str, Forecaster] = {}
    for name in config.models:
        if name == "peer":
            chosen["mbrl-lib ensemble"] = PeerEnsemble(
                experience.observations.shape[1],
                experience.actions.shape[1],
                hidden=config.hidden,
                members=config.members,
                elites=config.elites,
                seed=config.seed,
            )
        else:
            chosen[f"genrl {name}"] = ours(name, config)
    return chosen


def ours(name: WorldModelName, config: Config) -> Dynamics:
    """A model of this package; the ensemble is of the peer's shape and settings."""
    if name != "ensemble":
        return with_fitting(MODELS[name](None), updates=config.updates, seed=config.seed)
    model = EnsembleWorldModel(members=config.members, elites=config.elites, hidden=(config.hidden,) * 3)
    model.fitting = replace(model.fitting, learning_rate=RATE, batch_size=BATCH, patience=None)
    return with_fitting(model, updates=config.updates, seed=config.seed)


def fit(model: Any, experience: Experience, config: Config) -> None:
    """On the same split."""
    if isinstance(model, PeerEnsemble):
        trained, held_out = experience.split(0.1, config.seed)
        model.fit(trained, held_out, updates=config.updates, batch_size=BATCH, rate=RATE)
    else:
        model.fit(experience, held_out=0.1)


def count(model: Any) -> int:
    """Parameters."""
    if isinstance(model, PeerEnsemble):
        return model.parameters()
    return sum(parameter.numel() for parameter in model.parameters())


def gathered(env_id: str, steps: int, config: Config, *, seed: int) -> Experience:
    """Half of the steps of an expert with noise, half of random actions; all of the latter without an expert."""
    env = make_vec_env(env_id, 1)
    space = env.action_space
    env.close()
    policies: list[Any] = [RandomPolicy(space, seed)]
    if env_id in available():
        policies.append(NoisyPolicy(load_expert(env_id), space, config.noise, seed=seed))  # type: ignore[arg-type]
    parts = []
    for policy in policies:
        wanted, have = steps // len(policies), 0
        while have < wanted:
            recorded = record(policy, env_id, 1, seed=seed + have, deterministic=False)
            episode = Experience.from_demonstrations(recorded, space)
            part = cut(episode, wanted - have)
            have += len(part)
            parts.append(part)
    return Experience.concatenate(parts)


def cut(experience: Experience, steps: int) -> Experience:
    """The first steps."""
    tensors = {name: tensor[:steps] for name, tensor in experience.to_tensors().items()}
    return Experience(**tensors, action_space=experience.action_space)


def speeds(model: Dynamics, env_id: str, config: Config) -> dict[str, float]:
    """Steps a second of dreams and of the simulator, in turns, and the median of their ratio."""
    dreams = model.as_vec_env(config.dreams, disagreement_level=None)
    real = make_vec_env(env_id, 64, num_threads=1, seed=0)
    rates: dict[str, list[float]] = {"dreams": [], "simulator": []}
    for env in (dreams, real):
        env.reset()
    for _ in range(config.rounds):
        rates["dreams"].append(rate(dreams, 10))
        rates["simulator"].append(rate(real, 20))
    real.close()
    ratio = median(dream / other for dream, other in zip(rates["dreams"], rates["simulator"], strict=True))
    return {**{f"{name} steps/s": round(median(values)) for name, values in rates.items()}, "ratio": round(ratio, 2)}


def rate(env: VecEnv, steps: int) -> float:
    """Of uniformly random actions."""
    space = env.action_space
    actions = np.stack([space.sample() for _ in range(env.num_envs)])
    return env.num_envs * steps / seconds(lambda: [env.step(actions) for _ in range(steps)])


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
