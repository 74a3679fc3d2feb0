"""Train an expert on the task's true reward: `python scripts/train_expert.py --env Walker2d-v4 --algo ppo`."""

from __future__ import annotations

from command_line import parse_env_kwargs, run, when_stopped

import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from pydantic import TypeAdapter

from experts.hyperparameters import Algorithm, ExpertSettings, expert_settings
from genrl.errors import InputError

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from experts.train import ExpertRun
    from genrl.training import RunDirectory


@dataclass(frozen=True, kw_only=True)
class TrainExpertConfig:
    """The task, the algorithm, and where the result goes; experts/hyperparameters.py has the settings."""

    env: str | None = None
    """Gymnasium id of the task; its observations and actions must be vectors."""
    algo: Algorithm = "ppo"
    """The algorithm. On a CPU without much time: ppo; sac, td3 and tqc get further with fewer steps, each dear."""
    n_timesteps: int | None = None
    """Environment steps in all; by default the settings'."""
    num_envs: int | None = None
    """Environments side by side; by default the settings'."""
    seed: int = 0
    """Of everything random."""
    eval_freq: int = 250_000
    """Steps between two evaluations without noise; the best policy is kept by them."""
    eval_episodes: int = 20
    """Episodes of each of them."""
    final_episodes: int = 50
    """Episodes of the evaluation at the end, seeds 0, 1, ..."""
    target_return: float | None = None
    """Stop at the first evaluation that reaches this: for a medium tier, or when it is good enough."""
    tier: str | None = None
    """Name in the catalogue; by default expert where the task has none, else the algorithm's."""
    replace: bool = False
    """Replace the expert that is registered under this tier."""
    log_folder: Path = Path("runs")
    """Parent of the run directories."""
    device: str = "cpu"
    """Where the networks live; networks of this size are fastest on the CPU."""
    env_kwargs: tuple[str, ...] = ()
    """Constructor keywords of the task, as key=value; what is trained so stays in its run directory."""
    resume: Path | None = None
    """A run directory to go on with, replay buffer and all: it ends bit for bit as if it had not been stopped.
    Everything but --n-timesteps is taken from it; where the step size falls, more of them are not a longer run."""
    trust: bool = False
    """With --resume: accept a run whose environment imports a module or reads a file when it is made."""


def main(config: TrainExpertConfig) -> None:
    """Train an expert with stable-baselines3 on the fast simulator, evaluate it, and put it into the catalogue."""
    from stopped_run import stopped_run

    from genrl.stop_signals import StopSignals

    expert_run = resume(config.resume, trust=config.trust) if config.resume else start(config)
    total = config.n_timesteps or expert_run.directory.config["n_timesteps"]
    when_stopped(lambda: stopped_run(expert_run.directory, of=total))
    with StopSignals() as stop:
        finished = expert_run.train(total, stop)
    if finished:
        report(expert_run)


def start(config: TrainExpertConfig) -> ExpertRun:
    """A fresh run. Everything that can be wrong is found before its directory is made."""
    from stopped_run import stopped_run

    from experts.learner import build_learner
    from experts.new_expert import choose_tier
    from genrl.training import RunDirectory, seed_everything

    if config.env is None:
        raise InputError("say which task: --env Walker2d-v4 (or which run to go on with: --resume RUN)")
    if min(config.eval_freq, config.eval_episodes, config.final_episodes) < 1:
        raise InputError("--eval-freq, --eval-episodes and --final-episodes must be 1 or more")
    tier = choose_tier(config.env, config.algo, config.tier, replace=config.replace)
    seed_everything(config.seed)
    settings = expert_settings(config.algo, config.env, num_envs=config.num_envs, n_timesteps=config.n_timesteps)
    if settings.n_timesteps < 1:
        raise InputError(f"--n-timesteps must be 1 or more, not {settings.n_timesteps}")
    learner = build_learner(
        config.algo,
        config.env,
        settings,
        seed=config.seed,
        device=config.device,
        env_kwargs=parse_env_kwargs(config.env_kwargs),
    )
    asked = TypeAdapter(TrainExpertConfig).dump_python(config, mode="json")
    about = {
        "n_timesteps": settings.n_timesteps,
        "tier": tier,
        "env_kwargs": parse_env_kwargs(config.env_kwargs),
        "settings": {**asked, "num_envs": settings.num_envs},
        "hyperparameters": asdict(settings),
        "command": shlex.join(["python", "scripts/train_expert.py", *sys.argv[1:]]),
    }
    directory = RunDirectory.create(config.log_folder, f"expert-{config.algo}", config.env, config.seed, about)
    fresh = expert_run(config, learner, directory)
    when_stopped(lambda: stopped_run(directory, of=settings.n_timesteps))
    fresh.save()
    print(
        f"{config.algo.upper()} on {config.env}, {settings.num_envs} environments\nrun directory: {directory.path}",
        flush=True,
    )
    return fresh


def resume(path: Path, *, trust: bool = False) -> ExpertRun:
    """The run at `path`, as its latest checkpoint left it."""
    from experts.learner import build_learner
    from genrl.training import RunDirectory
    from genrl.training.reading import reading, validate

    directory = RunDirectory.resume(path)
    config = directory.settings(TrainExpertConfig, [f"expert-{name}" for name in get_args(Algorithm)], trust=trust)
    source = directory.path / "config.json"
    hyperparameters = validate(ExpertSettings, directory.config["hyperparameters"], source, "hyperparameters")
    saved_bytes = sum(path.stat().st_size for path in directory.checkpoints.glob("*/*.safetensors"))
    with reading(source, extra_bytes=saved_bytes, of_caller=True):
        learner = build_learner(
            config.algo,
            directory.config["env"],
            hyperparameters,
            seed=config.seed,
            device=config.device,
            env_kwargs=directory.config["env_kwargs"],
        )
    directory.check_versions()
    continued = expert_run(config, learner, directory)
    continued.restore()
    print(f"resuming {directory.path} at {learner.num_timesteps:,} steps")
    return continued


def expert_run(config: TrainExpertConfig, learner: BaseAlgorithm, directory: RunDirectory) -> ExpertRun:
    """Learner and directory, wired."""
    from experts.train import ExpertRun

    return ExpertRun(
        learner=learner,
        directory=directory,
        env_id=directory.config["env"],
        env_kwargs=directory.config["env_kwargs"],
        eval_freq=config.eval_freq,
        eval_episodes=config.eval_episodes,
        target_return=config.target_return,
    )


def report(expert_run: ExpertRun) -> None:
    """Evaluate the best policy over many episodes, print the table, and put it into the catalogue."""
    from experts import register as put_into_catalogue
    from experts.new_expert import describe_expert
    from genrl.evaluation import evaluate_policy, print_evaluation
    from genrl.training.reading import validate

    directory = expert_run.directory
    config = validate(TrainExpertConfig, directory.config["settings"], directory.path / "config.json", "settings")
    actor, evaluation = expert_run.evaluate_best(config.final_episodes)
    print_evaluation(evaluation.summary())
    print(f"run: {directory.path}\ncurve: {expert_run.learning_curve}")
    if expert_run.env_kwargs:
        print("not put into the catalogue: --env-kwargs changed the task; record it with")
        print(f"  python scripts/collect_demonstrations.py --policy {directory.path}")
        return
    sampled = None
    if actor.config.std != "none":
        sampled = evaluate_policy(actor, expert_run.env_id, config.final_episodes, deterministic=False)
    card = describe_expert(
        actor,
        tier=directory.config["tier"],
        algorithm=config.algo,
        num_timesteps=expert_run.best_timesteps,
        command=directory.config["command"],
        evaluation=evaluation,
        evaluation_stochastic=sampled,
    )
    # A run that went on replaces what it registered when it was shorter.
    folder = put_into_catalogue(actor, card, replace=config.replace or "registered" in directory.config)
    directory.update_config(registered=folder)
    print(f"registered: {folder}")
    print(f"use it: python scripts/train_gail.py --env {expert_run.env_id} --tier {directory.config['tier']}")


if __name__ == "__main__":
    run(main, TrainExpertConfig)
