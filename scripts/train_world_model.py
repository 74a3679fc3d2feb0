"""Learn to simulate a task: `python scripts/train_world_model.py --env HalfCheetah-v4 --data random:20000`."""

from __future__ import annotations

from command_line import parse_env_kwargs, run, when_stopped

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from pydantic import TypeAdapter
from resumable_fit import resumable_fit
from resumed_run import add_fit, finished, resumed_run
from rich.console import Console
from rich.table import Table
from stopped_run import stopped_run
from world_model_data import load_experience
from world_model_pictures import draw_dreams
from world_model_pixels import FilmedTask

from agents.world_model_choices import MODELS, WorldModelName, planned_updates, with_fitting
from genrl.errors import InputError
from genrl.evaluation.loss_curve import draw_loss_curve
from genrl.generative_model import Progress
from genrl.training.atomic_files import write_json
from genrl.training.devices import available_device
from genrl.training.fit_history import FitHistory
from genrl.training.run_directory import RunDirectory
from genrl.training.seeding import seed_everything
from genrl.training.torch_threads import one_torch_thread
from genrl.world_models import (
    Dynamics,
    Experience,
    Forecast,
    judge_forecasts,
    save_world_model,
)

AGENT = "world-model"
FILMS = "films"  # folder of a run on pixels
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
    """Gradient steps; by default the model's own number. With --resume, all of them, if they are to be more."""
    env_kwargs: tuple[str, ...] = ()
    """Constructor keywords of the task, as key=value."""
    seed: int = 0
    """Of everything random."""
    device: str = "cpu"
    """Where the model lives."""
    log_folder: Path = Path("runs")
    """Parent of the run directories."""
    resume: Path | None = None
    """A run directory to go on with: it ends bit for bit as if it had not been interrupted, whatever the model, and on
    the film that it was begun with. Everything but --updates is taken from it. What more --updates add to a run is a
    fit of its own, from the weights of the one before, as the step size falls over each: the result is not that of one
    longer fit. Only the ensemble, latent and recurrent-mixture can be fitted further."""
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
        directory, config = resume(config)
    print(f"world model of {config.env} from {config.data}: preparing", flush=True)
    seed_everything(config.seed)
    steps = split_experience(config) if config.observations == "vectors" else film_task(config, directory)
    if directory is None:
        directory = new_run(config, steps)
    else:
        directory.check_data(steps.digest(), f"--data {config.data}", allow_changed=allow_changed)
    when_stopped(lambda: stopped_run(directory, unit="epochs", policy=False))
    print(
        f"{steps.learned_steps:,} steps to learn from, {steps.judged_steps:,} to judge by\n"
        f"run directory: {directory.path}",
        flush=True,
    )
    fits = directory.config["fits"]
    with one_torch_thread():
        made: list[Dynamics] = []
        fitted = resumable_fit(
            directory,
            lambda note: train(config, steps, fits, note, made.append),
            rescue=lambda: save_world_model(made[0], directory.path / "model"),
        )
    if fitted.stopped:
        return
    model, history = fitted.result
    report(model, steps.judged, directory, history, fitted.seconds, config.seed)
    if isinstance(steps, FilmedTask):
        steps.codes.vae.save(directory.path / "frames")
        path = directory.path / "dreams.mp4"
        print(f"real, encoded and dreamt: {steps.video(model, path, config.seed)}")
    finished(directory)


@dataclass(frozen=True, kw_only=True)
class SplitExperience:
    """Steps that the model learns from, and steps that it is judged by."""

    experience: Experience
    judged: Experience

    @property
    def learned_steps(self) -> int:
        """How many there are to learn from."""
        return len(self.experience)

    @property
    def judged_steps(self) -> int:
        """How many there are to judge by."""
        return len(self.judged)

    def digest(self) -> str:
        """Of the steps to learn from."""
        return self.experience.digest()


def split_experience(config: TrainConfig) -> SplitExperience:
    """What the model learns from, and what it is judged by; the same again when a run is resumed."""
    whole = load_experience(config.data, config.env, env_kwargs=parse_env_kwargs(config.env_kwargs), seed=config.seed)
    experience, judged = whole.split(JUDGED, config.seed + 1)
    return SplitExperience(experience=experience, judged=judged)


def film_task(config: TrainConfig, directory: RunDirectory | None) -> FilmedTask:
    """What the model learns from where it sees pixels: a new film, or the one that a run was begun with."""
    env_kwargs = parse_env_kwargs(config.env_kwargs)
    if directory is None:
        return FilmedTask.make(
            config.data, config.env, env_kwargs=env_kwargs, seed=config.seed, updates=config.frame_updates
        )
    return FilmedTask.read(
        directory.path / FILMS, config.env, env_kwargs=env_kwargs, seed=config.seed, updates=config.frame_updates
    )


def new_run(config: TrainConfig, steps: SplitExperience | FilmedTask) -> RunDirectory:
    """A run directory that knows its settings and its data, and keeps its film if there is one."""
    settings = TypeAdapter(TrainConfig).dump_python(config, mode="json")
    about = {"settings": settings, "fits": [planned_updates(fresh_model(config))]}
    directory = RunDirectory.create(
        config.log_folder, AGENT, config.env, config.seed, about, data_digest=steps.digest()
    )
    if isinstance(steps, FilmedTask):
        steps.write(directory.path / FILMS)
    return directory


def resume(asked: TrainConfig) -> tuple[RunDirectory, TrainConfig]:
    """The run that is asked for, and its settings; more updates become one more fit.

    Raises:
        InputError: there is nothing to go on with, or its model cannot be fitted further.
    """
    directory, config = resumed_run(asked, (AGENT,), extended_by="updates")
    at_once = None if MODELS[config.model](None).goes_on else f"--model {config.model}"
    add_fit(directory, asked.updates, fitted_at_once=at_once)
    return directory, config


def fresh_model(config: TrainConfig) -> Dynamics:
    """Not fitted yet."""
    model = MODELS[config.model](config.hidden)
    return with_fitting(model, updates=config.updates, seed=config.seed).to(available_device(config.device))


def train(
    config: TrainConfig,
    steps: SplitExperience | FilmedTask,
    fits: Sequence[int],
    note: Progress,
    made: Callable[[Dynamics], None] = lambda model: None,
) -> tuple[Dynamics, FitHistory]:
    """Fit a fresh model, which `made` is called with first, and fit it further if more than one fit is planned."""
    seed_everything(config.seed)
    if isinstance(steps, FilmedTask):
        steps.fit_codes()
    model, experience = fresh_model(config), steps.experience
    made(model)
    history = model.fit(experience, progress=note)
    for updates in fits[1:]:
        if history.stopped == "asked":
            break
        model.fitting = replace(model.fitting, updates=updates)
        history = history.followed_by(model.learn(experience, progress=note))
    return model, history


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
