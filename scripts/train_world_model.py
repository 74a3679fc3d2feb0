"""Learn to simulate a task: `python scripts/train_world_model.py --env HalfCheetah-v4 --data random:20000`."""

from __future__ import annotations

from command_line import parse_env_kwargs, run

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from fit_in_run import fit_in_run
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table
from world_model_data import load_experience
from world_model_pictures import draw_dreams
from world_model_pixels import FilmedTask

from agents.world_model_choices import MODELS, WorldModelName, planned_updates, with_fitting
from genrl.errors import InputError
from genrl.evaluation.loss_curve import draw_loss_curve
from genrl.stop_signals import stop_requested
from genrl.training.atomic_files import write_json
from genrl.training.devices import available_device
from genrl.training.fit import FitHistory
from genrl.training.run_directory import RunDirectory
from genrl.training.torch_threads import one_torch_thread
from genrl.world_models import (
    Dynamics,
    Experience,
    Forecast,
    describe_world_model,
    judge_forecasts,
    rebuild_world_model,
    save_world_model,
)

AGENT = "world-model"
JUDGED = 0.1  # of the experience, which the model never sees
STARTS, PARTICLES = 256, 32  # of the forecasts that are judged


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What `train_world_model.py` can be told."""

    env: str = "HalfCheetah-v4"
    """Gymnasium id of the task."""
    data: str = "demonstrations"
    """What to learn from: `random:<steps>` of random actions, `demonstrations` (the shipped ones, or a path), or a run
    directory, whose policy plays ten episodes."""
    model: WorldModelName = "ensemble"
    """A bootstrap ensemble of Gaussian networks; a recurrent model that dreams in a latent space, or one with a mixture
    of Gaussians behind its memory; or a mixture, a flow, a score model or a VQ-VAE of what follows a step."""
    observations: Literal["vectors", "pixels"] = "vectors"
    """What the model sees: the task's own observations; or 64 x 64 frames, which a convolutional variational
    autoencoder encodes. A film is then made of the policy that --data stands for."""
    frame_updates: int | None = None
    """Gradient steps of that autoencoder; by default its own number."""
    hidden: int | None = None
    """Width of the hidden layers; by default the model's own."""
    updates: int | None = None
    """Gradient steps; by default the model's own number."""
    env_kwargs: tuple[str, ...] = ()
    """Constructor keywords of the task, as key=value."""
    seed: int = 0
    """Of everything random."""
    device: str = "cpu"
    """Where the model lives."""
    log_folder: Path = Path("runs")
    """Parent of the run directories."""
    resume: Path | None = None
    """A run directory to go on with, from its latest weights; everything but --updates is taken from it."""
    allow_changed_data: bool = False
    """With --resume: go on although the data have changed since the run was begun."""
    trust: bool = False
    """With --resume: accept a run whose environment imports a module or reads a file when it is made."""

    def __post_init__(self) -> None:
        for name in ("frame_updates", "hidden", "updates"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} must be 1 or more, not {value}")


def main(config: TrainConfig) -> None:
    """Learn to simulate a task from steps that were taken in it, and say how far ahead the model sees."""
    directory, allow_changed = None, config.allow_changed_data
    if config.resume is not None:
        directory = RunDirectory.resume(config.resume)
        config = replace(settings_of(directory, trust=config.trust), resume=config.resume, updates=config.updates)
        directory.check_versions()
    print(f"world model of {config.env} from {config.data}: preparing", flush=True)
    filmed = film_task(config) if config.observations == "pixels" else None
    experience, judged = split_experience(config) if filmed is None else (filmed.experience, filmed.judged)
    if directory is not None:
        directory.check_data(experience.digest(), f"--data {config.data}", allow_changed=allow_changed)
    model = fresh_model(config) if directory is None else saved_model(directory, config)
    if directory is None:
        settings = TypeAdapter(TrainConfig).dump_python(config, mode="json")
        about = {"settings": settings, "updates": planned_updates(model), "updates_done": 0}
        digest = experience.digest()
        directory = RunDirectory.create(config.log_folder, AGENT, config.env, config.seed, about, data_digest=digest)
    print(
        f"{len(experience):,} steps to learn from, {len(judged):,} to judge by\nrun directory: {directory.path}",
        flush=True,
    )
    began = time.perf_counter()
    with one_torch_thread():
        history = train(model, experience, directory)
    if stop_requested():
        return
    report(model, judged, directory, history, time.perf_counter() - began, config.seed)
    if filmed is not None:
        filmed.codes.vae.save(directory.path / "frames")
        path = directory.path / "dreams.mp4"
        print(f"real, encoded and dreamt: {filmed.video(model, path, config.seed)}")


def film_task(config: TrainConfig) -> FilmedTask:
    """What the model learns from where it sees pixels.

    Raises:
        InputError: the run was to be resumed, for which its frames would have to be kept.
    """
    if config.resume is not None:
        raise InputError("a run on pixels keeps no frames and cannot be resumed: start it anew")
    return FilmedTask.make(
        config.data,
        config.env,
        env_kwargs=parse_env_kwargs(config.env_kwargs),
        seed=config.seed,
        updates=config.frame_updates,
    )


def split_experience(config: TrainConfig) -> tuple[Experience, Experience]:
    """What the model learns from, and what it is judged by; the same again when a run is resumed."""
    experience = load_experience(
        config.data, config.env, env_kwargs=parse_env_kwargs(config.env_kwargs), seed=config.seed
    )
    return experience.split(JUDGED, config.seed + 1)


def fresh_model(config: TrainConfig) -> Dynamics:
    """Not fitted yet."""
    model = MODELS[config.model](config.hidden)
    return with_fitting(model, updates=config.updates, seed=config.seed).to(available_device(config.device))


def saved_model(directory: RunDirectory, config: TrainConfig) -> Dynamics:
    """With the weights of the run's latest checkpoint, and the updates that are left."""
    saved = directory.latest_checkpoint()
    model = rebuild_world_model(saved.documents["model"], saved.tensors["model"])
    total, done = config.updates or directory.config["updates"], saved.documents["fit"]["updates_done"]
    if total <= done:
        raise InputError(f"{directory.path} has done its {done:,} updates: give more with --updates")
    directory.update_config(updates=total, updates_done=done)
    model.fitting = replace(model.fitting, updates=total - done)
    print(f"resuming {directory.path} at {done:,} updates", flush=True)
    return model.to(available_device(config.device))


def settings_of(directory: RunDirectory, *, trust: bool = False) -> TrainConfig:
    """What the run was told.

    Raises:
        InputError: it is another script's run, or one that cannot be resumed.
    """
    config = directory.settings(TrainConfig, (AGENT,), trust=trust)
    if not MODELS[config.model](None).goes_on:
        raise InputError(f"--model {config.model} is fitted in one go and cannot be resumed: start it anew")
    return config


def train(model: Dynamics, experience: Experience, directory: RunDirectory) -> FitHistory:
    """Fit, or go on with a fit."""
    learn = model.learn if directory.config["updates_done"] else model.fit
    history, _ = fit_in_run(
        directory,
        planned_updates(model),
        lambda note: learn(experience, progress=note),
        lambda done: save_checkpoint(model, directory, done),
    )
    return history


def save_checkpoint(model: Dynamics, directory: RunDirectory, done: int) -> None:
    """The weights as they are, and how many updates made them."""
    directory.save(
        done,
        tensors={"model": model.state_dict()},
        documents={"model": describe_world_model(model), "fit": {"updates_done": done}},
    )
    directory.update_config(updates_done=done)


def report(
    model: Dynamics, judged: Experience, directory: RunDirectory, history: FitHistory, seconds: float, seed: int
) -> list[Forecast]:
    """Save the model, print how far it sees, write `evaluation.json`, and draw its dreams and its losses."""
    save_world_model(model, directory.path / "model")
    with one_torch_thread():
        figures = judge_forecasts(model, judged, most_starts=STARTS, particles=PARTICLES, seed=seed)
        picture = draw_dreams(model, judged, directory.path / "dreams.png", seed=seed)
    table = Table(title="forecasts of held-out steps", title_justify="left")
    for name in ("steps ahead", "error", "error of the reward", "in 50% interval", "in 90% interval"):
        table.add_column(name, justify="right")
    for row in figures:
        table.add_row(
            str(row.steps),
            f"{row.error:.3f}",
            f"{row.reward_error:.3f}",
            f"{row.coverage_50:.0%}",
            f"{row.coverage_90:.0%}",
        )
    Console().print(table)
    print("errors are in deviations of the data: 1 is what forecasting its mean costs")
    document = {"fit_seconds": seconds, "epoch_kept": history.kept, "forecasts": [asdict(row) for row in figures]}
    write_json(directory.path / "evaluation.json", document)
    if history.epochs:
        draw_loss_curve(history.epochs, directory.path / "learning_curve.png", kept=history.kept)
    print(f"dreams: {picture}\nmodel: {directory.path / 'model'}\nrun: {directory.path}")
    return figures


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(main, TrainConfig)
