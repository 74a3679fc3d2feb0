"""Learn to plan: `python scripts/train_planner.py --env PointMaze_UMaze-v3 --sampler score --data waypoints:300`."""

from __future__ import annotations

from command_line import parse_env_kwargs, run, when_stopped

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from planner_data import load_episodes, task_spaces
from planner_pictures import draw_plans
from planner_settings import (
    TrainConfig,
    check_acting,
    make_acting,
    make_columns,
    make_grids,
    make_guide,
    make_planner,
    make_sampler,
)
from pydantic import TypeAdapter
from resumable_fit import resumable_fit
from resumed_run import add_fit, finished, resumed_run
from stopped_run import stopped_run
from torch import Tensor

from genrl.errors import InputError
from genrl.evaluation.loss_curve import draw_loss_curve
from genrl.generative_model import Progress
from genrl.planners import (
    RecedingHorizonPlanner,
    ReturnGuide,
    RowDynamics,
    TrajectoryColumns,
    TrajectoryModel,
    save_planner,
)
from genrl.planners.acting import Acting
from genrl.training.atomic_files import write_json
from genrl.training.devices import available_device
from genrl.training.fit_checkpoints import stop_requested
from genrl.training.fit_history import FitEpoch
from genrl.training.run_directory import RunDirectory
from genrl.training.seeding import seed_everything
from genrl.training.torch_threads import one_torch_thread
from genrl.transitions import Demonstrations

AGENT = "planner"
JUDGED = 0.1  # of the grids, which the sampler never sees
STARTS = 256  # of the plans that are judged


def main(config: TrainConfig) -> None:
    """Learn to plan from episodes, and say whether plans obey the rules of the task."""
    directory, allow_changed = None, config.allow_changed_data
    if config.resume is not None:
        directory, config = resume(config)
    available_device(config.device)
    print(f"planner of {config.env} by {config.sampler} from {config.data}: preparing", flush=True)
    env_kwargs = parse_env_kwargs(config.env_kwargs)
    seed_everything(config.seed)
    demonstrations = load_episodes(config.data, config.env, env_kwargs=env_kwargs, seed=config.seed)
    if directory is not None:
        directory.check_data(demonstrations.digest(), f"--data {config.data}", allow_changed=allow_changed)
    columns = make_columns(config, demonstrations)
    check_acting(config, columns, demonstrations)
    grids, judged = split(make_grids(config, demonstrations, columns), config.seed)
    make_sampler(config, columns)  # refuses what does not go together
    if directory is None:
        settings = TypeAdapter(TrainConfig).dump_python(config, mode="json")
        about = {"settings": settings, "env_kwargs": env_kwargs, "fits": [config.fit_updates]}
        digest = demonstrations.digest()
        directory = RunDirectory.create(config.log_folder, AGENT, config.env, config.seed, about, data_digest=digest)
    when_stopped(lambda: stopped_run(directory, unit="epochs", policy=False))
    print(f"{len(grids):,} grids of {config.horizon} rows\nrun directory: {directory.path}", flush=True)
    fits = directory.config["fits"]
    with one_torch_thread():
        fitted = resumable_fit(directory, lambda note: train(config, columns, demonstrations, grids, fits, note))
        if fitted.stopped:
            return
        acting, sampler, guide = fitted.result
        space = task_spaces(config.env, env_kwargs)[1]
        planner = make_planner(config, sampler.cpu(), columns, space, acting, grids, guide)
        report(planner, grids, judged, directory, fitted.epochs, fitted.seconds)
    finished(directory)


def split(grids: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Grids to learn from and grids to judge by: those from the end, so that few of them overlap with the others.

    Raises:
        InputError: too few to split.
    """
    held_out = round(JUDGED * len(grids))
    if held_out < 1:
        raise InputError(f"--data gives {len(grids)} grids, too few to learn from: record more episodes")
    return grids[:-held_out], grids[-held_out:]


def resume(asked: TrainConfig) -> tuple[RunDirectory, TrainConfig]:
    """The run that is asked for, and its settings; more updates become one more fit.

    Raises:
        InputError: there is nothing to go on with.
    """
    directory, config = resumed_run(asked, (AGENT,), extended_by="updates")
    add_fit(directory, asked.updates)
    return directory, config


def train(
    config: TrainConfig,
    columns: TrajectoryColumns,
    demonstrations: Demonstrations,
    grids: Tensor,
    fits: Sequence[int],
    note: Progress,
) -> tuple[Acting, TrajectoryModel, ReturnGuide | None]:
    """Fit all that the planner consists of, the sampler further if more than one fit is planned."""
    device = available_device(config.device)
    seed_everything(config.seed)
    acting = make_acting(config, columns, demonstrations)
    seed_everything(config.seed)
    sampler = make_sampler(config, columns).to(device)
    sampler.fit(grids.to(device), progress=note)
    guide = None if stop_requested() else make_guide(config, columns, demonstrations)
    model: Any = sampler.model
    for updates in fits[1:]:
        if stop_requested():
            break
        model.fitting = replace(model.fitting, updates=updates)
        sampler.learn(grids.to(device), progress=note)
    return acting, sampler, guide


def report(
    planner: RecedingHorizonPlanner,
    grids: Tensor,
    judged: Tensor,
    directory: RunDirectory,
    epochs: list[FitEpoch],
    seconds: float,
) -> None:
    """Save the planner, print how well its plans obey the rules, write `evaluation.json`, and draw plans."""
    env_id, seed = directory.config["env"], directory.config["seed"]
    save_planner(planner, directory.path / "planner", env_id)
    rules = RowDynamics(planner.columns).fit(grids)
    seed_everything(seed)
    starts = judged[torch.randperm(len(judged))[:STARTS], 0]
    seen = starts[:, : planner.columns.observations]
    plans = planner.plan(seen.numpy())
    began = time.perf_counter()
    planner.plan(seen[:1].numpy(), deterministic=True)
    milliseconds = 1000 * (time.perf_counter() - began)
    real, planned = rules.error(judged), rules.error(plans)
    print(f"from row to row: error {real:.3f} of held-out grids, {planned:.3f} of plans ({planned / real:.2f} times)")
    print(f"a plan takes {milliseconds:.0f} ms")
    document = {"fit_seconds": seconds, "error_held_out": real, "error_plans": planned, "plan_ms": milliseconds}
    write_json(directory.path / "evaluation.json", document)
    if epochs:
        draw_loss_curve(epochs, directory.path / "learning_curve.png")
    env_kwargs = directory.config["env_kwargs"]
    picture = draw_plans(planner, env_id, seen, directory.path / "plans.png", seed=seed, env_kwargs=env_kwargs)
    print(f"plans: {picture}\nrun: {directory.path}\nuse it: python scripts/plan.py {directory.path}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(main, TrainConfig)
