"""Clone an expert from its demonstrations, the baseline of imitation: `python scripts/train_bc.py --env Ant-v4`."""

from __future__ import annotations

from command_line import parse_env_kwargs, run, when_stopped

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from resumable_fit import resumable_fit
from resumed_run import finished, resumed_run
from stopped_run import stopped_run

from agents import BehaviourCloning, CloningConfig
from agents.generative_choices import PolicyName
from experts import load_demonstrations
from genrl.evaluation import evaluate_policy, print_evaluation, random_return, write_evaluation
from genrl.evaluation.loss_curve import draw_loss_curve
from genrl.training.run_directory import RunDirectory
from genrl.transitions import Demonstrations

DEFAULTS = CloningConfig()


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What `train_bc.py` can be told."""

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
    epochs: int | None = None
    """Passes over the demonstrations, at most; by default as many as make 20,000 gradient steps."""
    patience: int | None = None
    """Stop after so many passes without a better likelihood of the episodes held out; by default a fifth of them."""
    batch_size: int = DEFAULTS.batch_size
    """Rows of a minibatch."""
    learning_rate: float = DEFAULTS.learning_rate
    """Adam's step size."""
    policy: PolicyName = DEFAULTS.policy
    """What actions follow given the observation: a Gaussian has one answer, the others may have several. A vae, gan,
    vq or score only samples: it is fitted in its own way; a score-student draws like a score, in four steps."""
    chunk: int | None = None
    """Actions that a vae, gan, vq or score draws together; by default 4 of a vq, a score or its student, and 1 of the
    others."""
    executed: int | None = None
    """Actions taken from a chunk before the next is drawn; by default half of it."""
    env_kwargs: tuple[str, ...] = ()
    """Constructor keywords of the task, as key=value."""
    seed: int = 0
    """Of everything random."""
    device: str = "cpu"
    """Where the network lives; one of this size is fastest on the CPU."""
    eval_episodes: int = 50
    """Episodes of the table at the end."""
    log_folder: Path = Path("runs")
    """Parent of the run directories."""
    resume: Path | None = None
    """A run directory to go on with: it ends bit for bit as if it had never been interrupted, whatever the policy. All
    settings but --eval-episodes are taken from it, --epochs too: the step size falls to zero over as many as were
    planned."""
    allow_changed_data: bool = False
    """With --resume: go on although the demonstrations have changed since the run was begun."""
    trust: bool = False
    """With --resume: accept a run whose environment imports a module or reads a file when it is made."""


def main(config: TrainConfig) -> None:
    """Clone an expert from its demonstrations by maximum likelihood, and report how close to it that came."""
    directory = None
    if config.resume is not None:
        directory, saved = resumed_run(config, ("bc",), free=("eval_episodes",))
        config = replace(saved, allow_changed_data=config.allow_changed_data)
    print(f"behavioural cloning on {config.env}: preparing", flush=True)
    env_kwargs = parse_env_kwargs(config.env_kwargs)
    demonstrations = load_demonstrations(
        config.demos or config.env,
        tier=config.tier,
        episodes=config.episodes,
        subsample=config.subsample,
        stochastic=config.stochastic,
        seed=config.seed,
    )
    agent = BehaviourCloning(
        config.env,
        demonstrations,
        env_kwargs=env_kwargs,
        seed=config.seed,
        device=config.device,
        config=CloningConfig(
            epochs=config.epochs,
            patience=config.patience,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            policy=config.policy,
            chunk=config.chunk,
            executed=config.executed,
        ),
    )
    if directory is None:
        directory = new_run(config, demonstrations)
    else:
        source = config.demos or f"the {config.tier} of {config.env}"
        directory.check_data(demonstrations.digest(), source, allow_changed=config.allow_changed_data)
    floor = directory.config["random_return"]
    print(
        f"{demonstrations.num_episodes} demonstrations, {len(demonstrations):,} pairs, expert return "
        f"{demonstrations.expert_return:,.0f}; random return {floor:,.0f}\nrun directory: {directory.path}",
        flush=True,
    )
    if train(agent, directory):
        report(agent, directory, config.eval_episodes)
        finished(directory)


def new_run(config: TrainConfig, demonstrations: Demonstrations) -> RunDirectory:
    """A run directory that knows its settings, its demonstrations, and the return of random actions."""
    env_kwargs = parse_env_kwargs(config.env_kwargs)
    about = {
        "env_kwargs": env_kwargs,
        "expert_return": demonstrations.expert_return,
        "random_return": random_return(config.env, env_kwargs=env_kwargs),
        "settings": TypeAdapter(TrainConfig).dump_python(config, mode="json"),
    }
    return RunDirectory.create(
        config.log_folder, "bc", config.env, config.seed, about, data_digest=demonstrations.digest()
    )


def train(agent: BehaviourCloning, directory: RunDirectory) -> bool:
    """Fit the policy, log each epoch, and write `best/` and the loss curve; whether the fit has come to its end."""
    when_stopped(lambda: stopped_run(directory, unit="epochs"))
    fitted = resumable_fit(directory, lambda note: agent.learn(progress=note), beside=agent.state)
    history = agent.history
    assert history is not None
    if history.epochs:
        state = agent.state()
        directory.save_best(tensors=state.tensors, documents=state.documents)
        print(
            f"{len(history.epochs)} epochs, ended by {ENDINGS[history.stopped]}; weights of epoch {history.kept} kept"
        )
        curve = draw_loss_curve(history.epochs, directory.path / "learning_curve.png", kept=history.kept)
        print(f"curve: {curve}")
    return not fitted.stopped


ENDINGS = {
    "epochs": "their number",
    "patience": "no better validation",
    "asked": "a signal",
}


def report(agent: BehaviourCloning, directory: RunDirectory, episodes: int) -> dict[str, Any]:
    """Evaluate the policy, print the table and write `evaluation.json`."""
    env_id = directory.config["env"]
    evaluation = evaluate_policy(agent, env_id, episodes, env_kwargs=agent.env_kwargs)
    summary = evaluation.summary(directory.config["expert_return"], directory.config["random_return"])
    print_evaluation(summary)
    write_evaluation(directory.path / "evaluation.json", summary)
    print(f"run: {directory.path}")
    return summary


if __name__ == "__main__":
    run(main, TrainConfig)
