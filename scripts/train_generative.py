"""Fit any generative model to rows: `python scripts/train_generative.py --model neural_spline --data checkerboard`."""

from __future__ import annotations

from command_line import run, when_stopped

import inspect
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from code_watch import code_figures
from domain_transfer import describe, digest_of, load_domains, measure_transfer, train_transfer
from families import SPECIAL_CASES, make_model, models, spelled_out
from generative_data import GenerativeData, load_data
from generative_pictures import draw_pictures
from posed_images import draw_posed, load_posed, measure_posed, train_posed
from pydantic import TypeAdapter
from resumable_fit import FitReport, resumable_fit
from resumed_run import finished, resumed_run
from sample_watch import now_and_then, sample_watch
from stopped_run import stopped_run
from transfer_pictures import draw_transfer

from genrl.data_digest import data_digest
from genrl.errors import InputError
from genrl.evaluation import density_report, same_distribution, sliced_wasserstein
from genrl.gans import PoseGuidedGAN
from genrl.generative_model import GenerativeModel
from genrl.protocols import Density, Discrete, JointSampler, Sampler, Transfer
from genrl.training.atomic_files import write_json
from genrl.training.devices import available_device
from genrl.training.fit import FitEpoch
from genrl.training.run_directory import RunDirectory

COMPARED = 1000  # rows on each side of a two-sample test
PERMUTATIONS = 200
KNOWN_OF_A_FIT = {"kl_": "kl_nats", "n_effective_": "effective_components"}
"""What some models know of their own parameters, and its name among the figures."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What `train_generative.py` can be told."""

    model: str = "neural_spline"
    """Which model; a wrong name lists all."""
    data: str = "checkerboard"
    """What to learn: two_moons, 8gaussians, 25gaussians, checkerboard, pinwheel, two_rings; digits;
    demonstrations:Ant-v4 or another task; or the path of a .npz, .npy or .csv."""
    target: str | None = None
    """A second domain, for models that map one to another: data as above, or the same digits under a map, such as
    digits:inverted (rotated, coarse, scaled, moved), or points in the plane, such as two_moons:bent."""
    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="KEY=VALUE...")] = ()
    """Hyperparameters of the model, such as n_components=8 or fitting.learning_rate=1e-3."""
    updates: int | None = None
    """Gradient steps, for models that are fitted by them; by default the model's own number."""
    rows: int = 10_000
    """How many of a two-dimensional distribution to learn from."""
    conditional: bool = False
    """Learn x given its label (Gaussian, square, digit, `y` of a .npz), or actions given states."""
    show_joint: bool = False
    """Also draw pairs of row and label (or context) from p(x, y), beside rows drawn for given ones."""
    seed: int = 0
    """Of everything random."""
    device: str = "cpu"
    """Where the model is trained: cpu, cuda or auto."""
    log_folder: Path = Path("runs")
    """Parent of the run directories."""
    resume: Path | None = None
    """A run directory to go on with: it ends bit for bit as if it had never been interrupted. All settings are taken
    from it, --updates too: the step size falls to zero over as many as were planned. Every model is resumed at the last
    epoch stored, or report of a GAN, or iteration of a mixture; one that is fitted in a single step begins anew."""
    allow_changed_data: bool = False
    """With --resume: go on although the data have changed since the run was begun."""


def main(config: TrainConfig) -> None:
    """Fit a generative model, say how well it explains rows that it has not seen, draw samples, and save it."""
    directory = None
    if config.resume is not None:
        directory, saved = resumed_run(config, (*models(), *SPECIAL_CASES))
        config = replace(saved, allow_changed_data=config.allow_changed_data)
    kind, preset = spelled_out(config.model)
    settings: dict[str, Any] = {"words": (*preset, *config.set), "updates": config.updates, "seed": config.seed}
    torch.manual_seed(config.seed)
    model = make_model(kind, **settings).to(available_device(config.device))
    if config.show_joint and not isinstance(model, JointSampler):
        raise InputError(f"{config.model} has no joint distribution of rows and labels: leave --show-joint out")
    if isinstance(model, PoseGuidedGAN):
        return repose(config, model, directory)
    if config.target is not None or isinstance(model, Transfer):
        return transfer(config, model, directory)
    conditional = config.conditional or config.show_joint
    data = load_data(config.data, rows=config.rows, conditional=conditional, seed=config.seed)
    data = shaped(data, make_model(kind, **settings))
    directory = run_directory(config, directory, data.name, digest_of_rows(data))
    print(f"{config.model} on {data.name}: {len(data.train):,} rows of shape {data.train.shape[1:]}", flush=True)
    fitted = train(model, data, directory)
    if not kept(model, directory, fitted):
        return None
    torch.manual_seed(config.seed)
    known = {name: getattr(model, each) for each, name in KNOWN_OF_A_FIT.items() if hasattr(model, each)}
    report(directory, {"fit_seconds": fitted.seconds, **known, **measure(model, data)})
    name_pictures(draw_pictures(model, data, directory.path, joint=config.show_joint))
    if hasattr(model, "collapse_report") and len(data.test) > 1:
        print(model.collapse_report(torch.from_numpy(data.test).float(), data.test_context).words)
    return finished(directory)


def transfer(config: TrainConfig, model: GenerativeModel, directory: RunDirectory | None) -> None:
    """Fit a map from one domain to another, say how far both ways lead, draw both directions, and save it.

    Raises:
        InputError: the model is no such map, or the domains do not suit it.
    """
    if not isinstance(model, Transfer):
        raise InputError(f"{config.model} does not map one domain to another by itself: leave --target out")
    if config.target is None:
        raise InputError(f"{config.model} maps one domain to another: name the other one as --target")
    domains = load_domains(config.data, config.target, rows=config.rows, paired=model.paired, seed=config.seed)
    directory = run_directory(config, directory, domains.name, digest_of(domains))
    print(f"{config.model} from {config.data} to {config.target}: {describe(domains)}", flush=True)
    torch.manual_seed(config.seed)
    fitted = train_transfer(model, domains, directory)
    if not kept(model, directory, fitted):
        return
    report(directory, {"fit_seconds": fitted.seconds, **measure_transfer(model, domains)})
    name_pictures(draw_transfer(model, domains.source_test, domains.target_test, directory.path))
    finished(directory)


def repose(config: TrainConfig, model: PoseGuidedGAN, directory: RunDirectory | None) -> None:
    """Fit a model that moves, turns and scales images, say how far from what was meant it ends, draw and save it.

    Raises:
        InputError: the data are no images, or a target is named.
    """
    if config.target is not None:
        raise InputError(f"{config.model} draws poses for the images of --data by itself: leave --target out")
    images = load_posed(config.data, seed=config.seed)
    sides = {name: side for name, side in vars(images).items() if isinstance(side, torch.Tensor)}
    directory = run_directory(config, directory, images.name, data_digest(sides))
    print(f"{config.model} on {images.name}: {len(images.source):,} images in other poses", flush=True)
    torch.manual_seed(config.seed)
    fitted = train_posed(model, images, directory)
    if not kept(model, directory, fitted):
        return
    report(directory, {"fit_seconds": fitted.seconds, **measure_posed(model, images)})
    name_pictures([draw_posed(model, images, directory.path / "poses.png")])
    finished(directory)


def run_directory(config: TrainConfig, resumed: RunDirectory | None, data: str, digest: str) -> RunDirectory:
    """The run directory that is resumed, if its data are the same, or a new one that knows its settings.

    Raises:
        InputError: the data have changed.
    """
    if resumed is None:
        settings = {"settings": TypeAdapter(TrainConfig).dump_python(config, mode="json")}
        directory = RunDirectory.create(
            config.log_folder, config.model, data, config.seed, settings, data_digest=digest
        )
    else:
        directory = resumed
        directory.check_data(digest, f"--data {config.data}", allow_changed=config.allow_changed_data)
    when_stopped(lambda: stopped_run(directory, unit="epochs", policy=False))
    return directory


def digest_of_rows(data: GenerativeData) -> str:
    """The digest of all rows, and of what they are conditioned on."""
    sides = ("train", "test", "train_context", "test_context")
    return data_digest({side: getattr(data, side) for side in sides})


def kept(model: GenerativeModel, directory: RunDirectory, fitted: FitReport[Any]) -> bool:
    """Save a model before anything else is done with it, and say where; whether its fit has come to its end."""
    if fitted.stopped and not fitted.epochs:
        return False
    save_model(model, directory)
    return not fitted.stopped


def save_model(model: GenerativeModel, directory: RunDirectory) -> None:
    """Write `model/`, and say where it is."""
    model.cpu().save(directory.path / "model")
    print(f"model: {directory.path / 'model'}")


def name_pictures(paths: Iterable[Path]) -> None:
    """Say what each shows, and where it is, as soon as it is drawn."""
    for path in paths:
        print(f"{path.stem.replace('_', ' ')}: {path}", flush=True)


def report(directory: RunDirectory, figures: dict[str, float]) -> None:
    """Keep figures, and print them."""
    write_json(directory.path / "evaluation.json", figures)
    for name, value in figures.items():
        print(f"{name.replace('_', ' ')}: {value:.4g}")


def shaped(data: GenerativeData, model: GenerativeModel) -> GenerativeData:
    """The data as `model`, which is used up, takes them: images or flat rows; integers again if it is a model of these.

    Raises:
        InputError: it takes none of them.
    """
    if data.levels > 1 and isinstance(model, Discrete) and model.takes_integers:
        data = data.as_levels()
    context = data.train_context
    columns = 0 if context is None else len(set(context.tolist())) if data.labelled else context.shape[1]
    if data.image_shape is not None:
        try:
            model.build(data.image_shape, columns)
        except InputError:
            pass
        else:
            return data.as_images()
    model.build(tuple(data.train.shape[1:]), columns)
    return data


def train(model: GenerativeModel, data: GenerativeData, directory: RunDirectory) -> FitReport[Any]:
    """Fit the model in its run directory, and show how far it has come; a signal ends it in good order."""
    given: dict[str, Any] = {} if data.train_context is None else {"context": data.train_context}
    if data.labelled:
        given = {"y": data.train_context}
    watch = sample_watch(data)
    look = now_and_then(watch)
    learns_in_place = isinstance(model, Sampler) and hasattr(model, "fitting")  # mixtures climb aside, to the end
    says_when = "metrics" in inspect.signature(model.fit).parameters  # its samples are worth a look
    if says_when:
        given["metrics"] = watch

    def told(epoch: FitEpoch) -> dict[str, float]:
        seen = look(model) if learns_in_place and not says_when else {}
        return {**epoch.train, **code_figures(model, data), **seen}

    return resumable_fit(
        directory,
        lambda note: model.fit(data.train, progress=note, **given),
        shown=told,
        rescue=lambda: save_model(model, directory),
    )


def measure(model: GenerativeModel, data: GenerativeData) -> dict[str, float]:
    """Figures on the rows held out: of the density if there is one, and of samples if there are any."""
    figures: dict[str, float] = {}
    if isinstance(model, Density):
        report = density_report(model, data.test, data.test_context, levels=data.levels)
        figures |= {f"held_out_{name}": value for name, value in asdict(report).items()}
    if isinstance(model, Sampler):
        rows = data.test[:COMPARED]
        if data.train_context is None:
            samples = model.sample((len(rows),))
        else:
            # For other contexts than those of the rows held out, which the test takes for independent draws.
            samples = model.sample((), data.train_context[torch.randint(len(data.train), (len(rows),))])
        figures["sliced_wasserstein"] = sliced_wasserstein(samples, rows)
        figures["two_sample_p"] = same_distribution(samples, rows, PERMUTATIONS) if len(rows) > 1 else math.nan
    return figures


if __name__ == "__main__":
    run(main, TrainConfig)
