"""Score models: how exact the learned score is, how good the samplers are beside diffusers', what a student loses.

`accuracy`: the learned score against the true one of eight Gaussians with noise added, at each level the root of
E|learned - true|^2 / E|true|^2 over rows of the noisy density itself.
`samplers`: the same network, asked equally often by the samplers here and by diffusers' DDPM and DDIM schedulers, whose
linear betas are the variance-preserving process; sliced Wasserstein-2 distance of the samples from rows held out.
`student`: the same distance for the teacher at 100 evaluations and for students of one to four steps, and the seconds.

Each row is written when it is known, and a second call goes on with those that are missing.

    make bench-install
    python benchmarks/score.py --out score.csv
    python benchmarks/score.py --out score.csv --parts student --data checkerboard
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro
from resumable_csv import append_row, read_rows
from torch import Tensor

from genrl.evaluation import sliced_wasserstein, toy_modes, toy_samples
from genrl.evaluation.toy_distributions import TOY_DISTRIBUTIONS
from genrl.score import FewStepSampler, ScoreModel, VarianceExploding, VariancePreserving, distil
from genrl.score.sampling import SAMPLERS, SamplerName
from genrl.training.gradient_fitting import GradientFitting

FIELDS = ("part", "data", "contender", "evaluations", "updates", "seed", "figure", "seconds")
LEVELS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
OURS: tuple[SamplerName, ...] = ("heun", "euler_maruyama", "predictor_corrector", "annealed_langevin")
PEERS = ("diffusers DDPM", "diffusers DDIM")
STUDENTS = (4, 2, 1)
Part = Literal["accuracy", "samplers", "student"]


@dataclass(frozen=True, kw_only=True)
class Config:
    """Accuracy, samplers and students of score models."""

    parts: tuple[Part, ...] = ("accuracy", "samplers", "student")
    """Which."""
    data: tuple[str, ...] = TOY_DISTRIBUTIONS
    """Of the samplers and the students."""
    evaluations: tuple[int, ...] = (10, 20, 50, 100)
    """Of the network for each sample."""
    seeds: tuple[int, ...] = (0,)
    """Of weights, batches and samples."""
    updates: int = 3000
    """Gradient steps of a model."""
    rows: int = 5000
    """Sampled, and held out."""
    out: Path = Path("score.csv")
    """The table, of which only missing rows are computed."""


def learned(name: str, config: Config, seed: int, noise: VarianceExploding | VariancePreserving) -> ScoreModel:
    """A model of 20,000 rows."""
    torch.manual_seed(seed)
    fitting = GradientFitting(updates=config.updates, average=0.999, validation=0, seed=seed)
    return ScoreModel(noise=noise, fitting=fitting).fit(toy_samples(name, 20_000, seed))


def accuracy(config: Config, seed: int) -> Iterator[dict[str, object]]:
    """The relative error of the score of eight Gaussians at each level."""
    modes = toy_modes("8gaussians")
    model = learned("8gaussians", config, seed, VarianceExploding(least=LEVELS[0], most=LEVELS[-1]))
    units = model.units.deviation
    for level in LEVELS:
        torch.manual_seed(seed + 1)
        x = toy_samples("8gaussians", 20_000, seed + 1) + level * units * torch.randn(20_000, 2)
        variance = modes.deviation**2 + (level * units).square()
        steps = (modes.means - x[:, None]) / variance  # (rows, modes, 2)
        shares = (-0.5 * (steps.square() * variance).sum(2)).softmax(1)
        truth = (shares[..., None] * steps).sum(1) * units
        with torch.no_grad():
            errors = model.score_function(x, level) * units - truth
        figure = (errors.square().sum() / truth.square().sum()).sqrt()
        yield {"data": "8gaussians", "contender": f"level {level}", "evaluations": 1, "figure": float(figure)}


def samplers(name: str, config: Config, seed: int) -> Iterator[dict[str, object]]:
    """The distance of samples from rows held out, by sampler and evaluations."""
    model = learned(name, config, seed, VariancePreserving())
    held_out = toy_samples(name, config.rows, seed + 1)
    for evaluations in config.evaluations:
        for contender in (*OURS, *PEERS):
            torch.manual_seed(seed)
            began = time.perf_counter()
            if contender in SAMPLERS:
                model.sampler, model.evaluations = contender, evaluations  # type: ignore[assignment]
                x = model.sample(config.rows)
            else:
                x = by_diffusers(model, contender, config.rows, evaluations)
            seconds = time.perf_counter() - began
            figure = sliced_wasserstein(x, held_out)
            yield {
                "data": name,
                "contender": contender,
                "evaluations": evaluations,
                "figure": figure,
                "seconds": round(seconds, 2),
            }


@torch.no_grad()
def by_diffusers(model: ScoreModel, contender: str, rows: int, steps: int) -> Tensor:
    """Samples of the model's network by a scheduler of diffusers, which works on rows of variance 1."""
    try:
        from diffusers import DDIMScheduler, DDPMScheduler
    except ImportError as error:
        raise SystemExit(f"diffusers cannot be imported ({error}): make bench-install") from None
    kind = DDPMScheduler if contender.endswith("DDPM") else DDIMScheduler
    # 1,000 steps of betas from 1e-4 to 0.02 are the process with rates from 0.1 to 20.
    scheduler = kind(beta_start=1e-4, beta_end=0.02, beta_schedule="linear", clip_sample=False)
    scheduler.set_timesteps(steps)
    score = model.standard_score(None)
    x = torch.randn(rows, len(model.units.mean))
    for time_step in scheduler.timesteps:
        kept = scheduler.alphas_cumprod[time_step]
        level = ((1 - kept) / kept).sqrt()
        noise = -level * score(x / kept.sqrt(), level)
        x = scheduler.step(noise, time_step, x).prev_sample
    return model.units.restore(x)


def students(name: str, config: Config, seed: int) -> Iterator[dict[str, object]]:
    """The distance and the seconds of a teacher at 100 evaluations, and of students."""
    teacher = learned(name, config, seed, VarianceExploding())
    teacher.evaluations = 100
    held_out = toy_samples(name, config.rows, seed + 1)
    fitting = GradientFitting(updates=config.updates, average=0.999, max_grad_norm=1.0, validation=0, seed=seed)
    taught: dict[str, tuple[int, Callable[[], ScoreModel | FewStepSampler]]] = {"teacher": (100, lambda: teacher)}
    for steps in STUDENTS:
        taught[f"student of {steps}"] = (steps, lambda steps=steps: distil(teacher, steps, fitting=fitting))  # type: ignore[misc]
    for contender, (evaluations, make) in taught.items():
        model = make()
        torch.manual_seed(seed)
        began = time.perf_counter()
        x = model.sample(config.rows)
        seconds = time.perf_counter() - began
        figure = sliced_wasserstein(x, held_out)
        yield {
            "data": name,
            "contender": contender,
            "evaluations": evaluations,
            "figure": figure,
            "seconds": round(seconds, 3),
        }


def missing(config: Config) -> Iterator[tuple[Part, str, int]]:
    """Models that have yet to be fitted; whatever one of them has is measured again as a whole."""
    last = {
        "accuracy": (f"level {LEVELS[-1]}", 1),
        "samplers": (PEERS[-1], config.evaluations[-1]),
        "student": (f"student of {STUDENTS[-1]}", STUDENTS[-1]),
    }
    names = ("part", "data", "contender", "evaluations", "updates", "seed")
    finished = {tuple(row[name] for name in names) for row in read_rows(config.out)}
    for part in config.parts:
        for name in ("8gaussians",) if part == "accuracy" else config.data:
            for seed in config.seeds:
                key = (part, name, *map(str, last[part]), str(config.updates), str(seed))
                if key not in finished:
                    yield part, name, seed


def main(config: Config) -> None:
    """Compute what is missing."""
    torch.set_num_threads(1)
    for part, name, seed in missing(config):
        measured = {
            "accuracy": lambda seed=seed: accuracy(config, seed),
            "samplers": lambda name=name, seed=seed: samplers(name, config, seed),
            "student": lambda name=name, seed=seed: students(name, config, seed),
        }[part]()
        for row in measured:
            row = {"part": part, "updates": config.updates, "seed": seed, "seconds": "", **row}
            row["figure"] = round(float(str(row["figure"])), 4)
            print(row, flush=True)
            append_row(config.out, FIELDS, row)


if __name__ == "__main__":
    main(tyro.cli(Config, description=main.__doc__))
