"""Train GAIL from expert demonstrations: `python scripts/train_gail.py --env Ant-v4`."""

from __future__ import annotations

from command_line import parse_env_kwargs, run, when_stopped

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from pydantic import TypeAdapter
from stopped_run import stopped_run

from agents import GAIL, GAILConfig, ImitationRun
from agents.learner_config import LearnerConfig
from experts import load_demonstrations
from genrl.errors import InputError
from genrl.evaluation import random_return
from genrl.stop_signals import StopSignals
from genrl.training.run_directory import RunDirectory
from genrl.transitions import Demonstrations

CONTROL = "gail-control"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What `train_gail.py` can be told; what is not told is the measured recipe."""

    env: str = "Ant-v4"
    """Gymnasium id of the task."""
    demos: str | None = None
    """Demonstrations: a .npz, a folder, or a Minari dataset; by default the shipped expert's."""
    tier: str = "expert"
    """Which of the shipped experts."""
    stochastic: bool | None = None
    """Shipped demonstrations with the expert's exploration noise, which visit more states, or without it; by default
    what the expert's card recommends."""
    episodes: int | None = None
    """How many trajectories; by default all that are shipped, or all in the file."""
    subsample: int = 1
    """Keep every n-th pair of each trajectory, from a random offset."""
    n_timesteps: int | None = None
    """Environment steps in all; by default 20,000,000, of an off-policy learner 1,000,000, about an hour on two cores,
    or what a resumed run was to do."""
    num_envs: int = 64
    """Environments side by side."""
    env_kwargs: tuple[str, ...] = ()
    """Constructor keywords of the task, as key=value."""
    seed: int = 0
    """Of everything random."""
    device: str = "cpu"
    """Where the networks live; networks of this size are fastest on the CPU."""
    eval_freq: int | None = None
    """Steps between two evaluations without noise, by which the best policy is kept; by default 250,000, of an
    off-policy learner 50,000."""
    eval_episodes: int = 20
    """Episodes of each of them."""
    final_episodes: int = 50
    """Episodes of the table at the end."""
    log_folder: Path = Path("runs")
    """Parent of the run directories."""
    resume: Path | None = None
    """A run directory to go on with: it ends bit for bit as if it had not been stopped. Everything but --n-timesteps is
    taken from it; more of them equal a run of that length from the start if pretraining was not cut by its budget."""
    allow_changed_data: bool = False
    """With --resume: go on although the data have changed since the run was begun."""
    trust: bool = False
    """With --resume: accept a run whose environment imports a module or reads a file when it is made."""
    agent: Annotated[GAILConfig, tyro.conf.arg(name="")] = field(default_factory=GAILConfig)
    """The algorithm."""

    def __post_init__(self) -> None:
        for name in ("n_timesteps", "num_envs", "eval_freq", "eval_episodes", "final_episodes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} must be 1 or more, not {value}")


def main(config: TrainConfig) -> None:
    """Train GAIL from expert demonstrations and report how close to the expert it came."""
    imitation = resume(config) if config.resume else start(config)
    total = config.n_timesteps or imitation.directory.config["n_timesteps"]
    when_stopped(lambda: stopped(imitation, total))
    with StopSignals() as stop:
        imitation.train(total, stop)
    if not stop.requested:
        imitation.report(config.final_episodes)


def start(config: TrainConfig) -> ImitationRun:
    """A fresh run. Everything that can be wrong is found before its directory is made."""
    print(f"GAIL on {config.env} with {config.agent.learner.upper()}: preparing", flush=True)
    demonstrations = demonstrations_of(config)
    agent = GAIL(
        config.env,
        demonstrations,
        num_envs=config.num_envs,
        env_kwargs=parse_env_kwargs(config.env_kwargs),
        seed=config.seed,
        device=config.device,
        config=config.agent,
    )
    floor = random_return(config.env, env_kwargs=parse_env_kwargs(config.env_kwargs))
    about = {
        "env_kwargs": parse_env_kwargs(config.env_kwargs),
        "n_timesteps": config.n_timesteps or learner_of(config).run_steps,
        "expert_return": demonstrations.expert_return,
        "random_return": floor,
        "settings": TypeAdapter(TrainConfig).dump_python(config, mode="json"),
    }
    # A name of its own, so that a control is never drawn as one more seed.
    name = CONTROL if config.agent.zero_demonstrations else "gail"
    directory = RunDirectory.create(
        config.log_folder, name, config.env, config.seed, about, data_digest=demonstrations.digest()
    )
    imitation = imitation_run(config, agent, directory)
    when_stopped(lambda: stopped(imitation, directory.config["n_timesteps"]))
    imitation.save()  # so that there is something to go on from, whatever happens
    print(
        f"{demonstrations.num_episodes} demonstrations, {len(demonstrations):,} pairs, expert return "
        f"{demonstrations.expert_return:,.0f}; random return {floor:,.0f}\nrun directory: {directory.path}",
        flush=True,
    )
    return imitation


def resume(asked: TrainConfig) -> ImitationRun:
    """The run that is asked for, as its latest checkpoint left it."""
    assert asked.resume is not None
    directory = RunDirectory.resume(asked.resume)
    config = directory.settings(TrainConfig, ("gail", CONTROL), trust=asked.trust)
    directory.check_versions()
    demonstrations = demonstrations_of(config)
    source = config.demos or f"the {config.tier} of {config.env}"
    directory.check_data(demonstrations.digest(), source, allow_changed=asked.allow_changed_data)
    checkpoint = directory.latest_checkpoint()
    agent = GAIL.load(checkpoint.folder, demonstrations=demonstrations, device=config.device, trust=asked.trust)
    print(f"resuming {directory.path} at {agent.learner.num_timesteps:,} steps", flush=True)
    return imitation_run(config, agent, directory)


def stopped(imitation: ImitationRun, total: int) -> str:
    """What a signal has left of a run of `total` steps."""
    words = stopped_run(imitation.directory, of=total)
    return words if imitation.agent.start is not None else f"{words}\nthe pretraining then begins again"


def imitation_run(config: TrainConfig, agent: GAIL, directory: RunDirectory) -> ImitationRun:
    """Agent and directory, wired."""
    return ImitationRun(
        agent=agent,
        directory=directory,
        eval_freq=config.eval_freq or learner_of(config).eval_freq,
        eval_episodes=config.eval_episodes,
        expert_return=directory.config["expert_return"],
        random_return=directory.config["random_return"],
    )


def learner_of(config: TrainConfig) -> LearnerConfig:
    """The settings of the learner that is trained."""
    return config.agent.settings(config.agent.learner)


def demonstrations_of(config: TrainConfig) -> Demonstrations:
    """What is to be imitated; the same again when a run is resumed."""
    return load_demonstrations(
        config.demos or config.env,
        tier=config.tier,
        episodes=config.episodes,
        subsample=config.subsample,
        stochastic=config.stochastic,
        seed=config.seed,
    )


if __name__ == "__main__":
    run(main, TrainConfig)
