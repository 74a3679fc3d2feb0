"""Act by planning, and measure it: `python scripts/plan.py runs/planner-... --episodes 50 --video plan.mp4`."""

from __future__ import annotations

from command_line import run, when_stopped

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from counting_bar import counting_bar
from planner_data import maze_walls
from planner_pictures import film_plans

from genrl.argument_checks import at_least
from genrl.envs.make import check_keywords, make_vec_env
from genrl.errors import InputError
from genrl.evaluation import evaluate_policy
from genrl.evaluation.report import print_evaluation, write_evaluation
from genrl.evaluation.video import rollout_video
from genrl.planners import (
    PixelTrajectorySampler,
    RecedingHorizonPlanner,
    ReturnGuide,
    ScoreTrajectorySampler,
    load_planner,
)
from genrl.training.run_directory import RunDirectory

TIMED = 10  # decisions of which the median is told


@dataclass(frozen=True, kw_only=True)
class PlanConfig:
    """What to measure."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """A run directory of train_planner.py."""
    episodes: int = 50
    """How many episodes."""
    stochastic: bool = False
    """Plan with fresh noise each time, in place of always the same."""
    replan_every: int | None = None
    """Steps for which a plan is followed; by default as trained."""
    temperature: float | None = None
    """How much of the chance in the data is in plans (score, pixels); by default as trained."""
    guide_weight: float | None = None
    """How strongly plans are led to a high expected return; by default as trained."""
    seed: int = 0
    """Reset seed of the first episode; the k-th has seed + k."""
    video: Path | None = None
    """Film one episode, .mp4 or .gif: in a maze with its plans."""
    json: Path | None = None
    """Write the figures here, too."""
    trust: bool = False
    """Accept a run whose environment imports a module or reads a file when it is made."""


def main(config: PlanConfig) -> None:
    """Run whole episodes of a planner, and say how many goals it reaches and how long it takes to decide."""
    directory = RunDirectory.open(config.run)
    if directory.config["agent"] != "planner":
        raise InputError(f"{config.run} is a run of {directory.config['agent']}: train_planner.py makes planners")
    env_id, env_kwargs = directory.task(trust=config.trust)
    check_keywords(env_id, env_kwargs)
    planner = load_planner(config.run / "planner")
    if config.replan_every is not None:
        planner.replan_every = config.replan_every
    if config.temperature is not None:
        if not isinstance(planner.sampler, ScoreTrajectorySampler | PixelTrajectorySampler):
            raise InputError(f"{config.run} plans by {type(planner.sampler).__name__}, which has no temperature")
        at_least(0, temperature=config.temperature)
        planner.sampler.temperature = config.temperature
    if config.guide_weight is not None:
        if not isinstance(planner.guide, ReturnGuide):
            raise InputError(f"{config.run} has no guide: train it with --guide-weight, too")
        planner.guide.weight = config.guide_weight
    with counting_bar("episodes", config.episodes) as progress:
        evaluation = evaluate_policy(
            planner,
            env_id,
            config.episodes,
            deterministic=not config.stochastic,
            seed=config.seed,
            env_kwargs=env_kwargs,
            progress=progress,
        )
    summary = evaluation.summary()
    print_evaluation(summary)
    when_stopped(lambda: "stopped: the evaluation above is complete")
    reached = float((evaluation.returns > 0).mean()) if maze_walls(env_id, env_kwargs) else None
    if reached is not None:
        print(f"goals reached: {reached:.0%}")
    milliseconds = decision_time(planner, env_id, env_kwargs)
    print(f"a decision that plans takes {milliseconds:.1f} ms; one plan serves {planner.replan_every} decisions")
    if config.json is not None:
        write_evaluation(config.json, {**summary, "goals_reached": reached, "decision_ms": milliseconds})
        print(f"wrote {config.json}")
    if config.video is not None:
        film = film_plans if reached is not None else rollout_video
        film(
            planner,
            env_id,
            config.video,
            seed=config.seed,
            deterministic=not config.stochastic,
            env_kwargs=env_kwargs,
        )
        print(f"wrote {config.video}")


def decision_time(planner: RecedingHorizonPlanner, env_id: str, env_kwargs: Mapping[str, Any] | None = None) -> float:
    """Median milliseconds of a plan for one observation."""
    env = make_vec_env(env_id, 1, seed=0, **dict(env_kwargs or {}))
    seen = np.asarray(env.reset())
    env.close()
    took = []
    for _ in range(TIMED):
        began = time.perf_counter()
        planner.plan(seen, deterministic=True)
        took.append(1000 * (time.perf_counter() - began))
    return float(np.median(took))


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(main, PlanConfig)
