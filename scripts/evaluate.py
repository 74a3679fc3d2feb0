"""Measure a policy: the table that every result of this package is given in, as JSON and as a film if asked."""

from __future__ import annotations

from command_line import Algorithm, parse_env_kwargs, run, when_stopped

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from counting_bar import counting_bar

from genrl.errors import InputError

if TYPE_CHECKING:
    from policy_source import PolicySource

    from genrl.evaluation import Evaluation

FRAMES = 1000  # steps of a film, at most


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """What to measure, and on what."""

    policy: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN-OR-POLICY")]
    """A run directory (its best/ if any, else its latest checkpoint), a checkpoint, an expert's folder, or a .zip."""
    env: str | None = None
    """The task; by default the one that the policy was trained on."""
    episodes: int = 50
    """How many episodes."""
    stochastic: bool = False
    """Sample the actions instead of taking the policy's mode."""
    seed: int = 0
    """Episode k is reset with this seed + k."""
    json: Path | None = None
    """Write the figures here."""
    video: Path | None = None
    """Film the first episode, as .mp4 or .gif."""
    env_kwargs: tuple[str, ...] = ()
    """Constructor keywords of the task as key=value; by default those of the policy's training."""
    num_threads: int | None = None
    """Threads of the simulator; by default one for each core."""
    trust: bool = False
    """Open a .zip although it holds a pickle. A pickle can run any code when it is opened: only if you know who made
    the file. Likewise accept a run whose environment imports a module or reads a file when it is made."""
    algo: Algorithm | None = None
    """The algorithm that saved the .zip."""


def main(config: EvaluateConfig) -> None:
    """Measure a policy over whole episodes and print the table."""
    from policy_source import find_policy, known_expert_return

    from genrl.evaluation import print_evaluation, random_return, rollout_video, write_evaluation

    if config.video is not None and config.video.suffix not in (".mp4", ".gif"):
        raise InputError(f"{config.video} must end in .mp4 or .gif")
    source = find_policy(config.policy, trust=config.trust, algorithm=config.algo)
    env_id, env_kwargs = source.task(config.env, trust=config.trust)
    if config.env_kwargs:
        env_kwargs = parse_env_kwargs(config.env_kwargs)
    print(f"policy: {source.path}")
    evaluation = _evaluate(config, source, env_id, env_kwargs)
    same_task = source.env_id in (None, env_id)
    expert_return = source.expert_return if same_task and source.expert_return else known_expert_return(env_id)
    summary = evaluation.summary(expert_return, random_return(env_id, env_kwargs=env_kwargs))
    print_evaluation(summary)
    when_stopped(lambda: "stopped: the evaluation above is complete")
    if config.json is not None:
        write_evaluation(config.json, summary)
        print(f"wrote {config.json}")
    if config.video is not None:
        with counting_bar("frames", FRAMES + 1) as progress:
            rollout_video(
                source.policy,
                env_id,
                config.video,
                deterministic=not config.stochastic,
                seed=config.seed,
                env_kwargs=env_kwargs,
                max_steps=FRAMES,
                progress=progress,
            )
        print(f"wrote {config.video}")


def _evaluate(config: EvaluateConfig, source: PolicySource, env_id: str, env_kwargs: dict[str, object]) -> Evaluation:
    from genrl.evaluation import evaluate_policy

    with counting_bar("episodes", config.episodes) as progress:
        return evaluate_policy(
            source.policy,
            env_id,
            config.episodes,
            deterministic=not config.stochastic,
            seed=config.seed,
            env_kwargs=env_kwargs,
            num_threads=config.num_threads,
            progress=progress,
        )


if __name__ == "__main__":
    run(main, EvaluateConfig)
