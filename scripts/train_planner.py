"""Learn to plan: `python scripts/train_planner.py --env PointMaze_UMaze-v3 --sampler score --data waypoints:300`."""

from __future__ import annotations

from command_line import parse_env_kwargs, run

import time
from dataclasses import replace
from typing import Any

import torch
from fit_in_run import fit_in_run
from planner_data import load_episodes, task_spaces
from planner_pictures import draw_plans
from planner_settings import TrainConfig, make_acting, make_columns, make_grids, make_guide, make_planner, make_sampler
from pydantic import TypeAdapter
from torch import Tensor

from genrl.errors import InputError
from genrl.evaluation.loss_curve import draw_loss_curve
from genrl.generative_model import describe_model, rebuild_model
from genrl.planners import RecedingHorizonPlanner, RowDynamics, TrajectoryModel, save_planner
from genrl.stop_signals import stop_requested
from genrl.training.atomic_files import write_json
from genrl.training.devices import available_device
from genrl.training.fit import FitEpoch
from genrl.training.run_directory import RunDirectory
from genrl.training.seeding import seed_everything
from genrl.training.torch_threads import one_torch_thread

AGENT = "planner"
JUDGED = 0.1  # of the grids, which the sampler never sees
STARTS = 256  # of the plans that are judged


def main(config: TrainConfig) -> None:
    """Learn to plan from episodes, and say whether plans obey the rules of the task."""
    directory, allow_changed = None, config.allow_changed_data
    if config.resume is not None:
        directory = RunDirectory.resume(config.resume)
        config = replace(settings_of(directory, trust=config.trust), resume=config.resume, updates=config.updates)
        directory.check_versions()
    device = available_device(config.device)
    print(f"planner of {config.env} by {config.sampler} from {config.data}: preparing", flush=True)
    env_kwargs = parse_env_kwargs(config.env_kwargs)
    demonstrations = load_episodes(config.data, config.env, env_kwargs=env_kwargs, seed=config.seed)
    if directory is not None:
        directory.check_data(demonstrations.digest(), f"--data {config.data}", allow_changed=allow_changed)
    columns = make_columns(config, demonstrations)
    acting = make_acting(config, columns, demonstrations)
    grids, judged = split(make_grids(config, demonstrations, columns), config.seed)
    seed_everything(config.seed)
    sampler = make_sampler(config, columns) if directory is None else saved_sampler(directory, config)
    if directory is None:
        settings = TypeAdapter(TrainConfig).dump_python(config, mode="json")
        about = {"settings": settings, "env_kwargs": env_kwargs, "updates": config.updates, "updates_done": 0}
        digest = demonstrations.digest()
        directory = RunDirectory.create(config.log_folder, AGENT, config.env, config.seed, about, data_digest=digest)
    print(f"{len(grids):,} grids of {config.horizon} rows\nrun directory: {directory.path}", flush=True)
    began = time.perf_counter()
    with one_torch_thread():
        epochs = train(sampler.to(device), grids.to(device), directory)
        if stop_requested():
            return
        guide = make_guide(config, columns, demonstrations)
        space = task_spaces(config.env, env_kwargs)[1]
        planner = make_planner(config, sampler.cpu(), columns, space, acting, grids, guide)
        report(planner, grids, judged, directory, epochs, time.perf_counter() - began)


def split(grids: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Grids to learn from and grids to judge by: those from the end, so that few of them overlap with the others.

    Raises:
        InputError: too few to split.
    """
    held_out = round(JUDGED * len(grids))
    if held_out < 1:
        raise InputError(f"--data gives {len(grids)} grids, too few to learn from: record more episodes")
    return grids[:-held_out], grids[-held_out:]


def settings_of(directory: RunDirectory, *, trust: bool = False) -> TrainConfig:
    """What the run was told.

    Raises:
        InputError: it is another script's run.
    """
    return directory.settings(TrainConfig, (AGENT,), trust=trust)


def saved_sampler(directory: RunDirectory, config: TrainConfig) -> TrajectoryModel:
    """With the weights of the run's latest checkpoint, and the updates that are left."""
    saved = directory.latest_checkpoint()
    sampler = rebuild_model(saved.documents["sampler"])
    assert isinstance(sampler, TrajectoryModel)
    sampler.load_state_dict(saved.tensors["sampler"])
    done = saved.documents["fit"]["updates_done"]
    if config.updates <= done:
        raise InputError(f"{directory.path} has done its {done:,} updates: give more with --updates")
    directory.update_config(updates=config.updates, updates_done=done)
    model: Any = sampler.model
    model.fitting = replace(model.fitting, updates=config.updates - done)
    print(f"resuming {directory.path} at {done:,} updates", flush=True)
    return sampler


def train(sampler: TrajectoryModel, grids: Tensor, directory: RunDirectory) -> list[FitEpoch]:
    """Fit, or go on with a fit."""
    before = directory.config["updates_done"]
    learn = sampler.learn if before else sampler.fit
    _, epochs = fit_in_run(
        directory,
        directory.config["updates"] - before,
        lambda note: learn(grids, progress=note),
        lambda done: save_checkpoint(sampler, directory, done),
    )
    return epochs


def save_checkpoint(sampler: TrajectoryModel, directory: RunDirectory, done: int) -> None:
    """The weights as they are, and how many updates made them."""
    directory.save(
        done,
        tensors={"sampler": sampler.state_dict()},
        documents={"sampler": describe_model(sampler), "fit": {"updates_done": done}},
    )
    directory.update_config(updates_done=done)


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
