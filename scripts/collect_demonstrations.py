"""Record demonstrations from a shipped expert or your own policy, or convert those of Minari and `imitation`."""

from __future__ import annotations

from command_line import parse_env_kwargs, run, when_stopped

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from policy_source import Algorithm, find_policy

from experts import expert_card, load_expert, record, save_recording
from experts.imitation_library import read_imitation
from experts.minari_datasets import read_minari
from experts.saving import check_recording_folder
from experts.waypoints import maze_waypoints
from genrl.envs import make_vec_env
from genrl.errors import InputError
from genrl.protocols import Policy
from genrl.training.saved_task import check_saved_task
from genrl.transitions import Demonstrations

WAYPOINTS = "waypoints"


@dataclass(frozen=True, kw_only=True)
class CollectConfig:
    """What to record and where to put it."""

    env: str | None = None
    """Gymnasium task; needed unless the policy, or what is imported, names it."""
    episodes: int | None = None
    """How many; 25 by default, or all that an import holds."""
    stochastic: bool = False
    """Sample the policy's actions instead of taking its mean ones: wider support, a better teacher."""
    without_actions: bool = False
    """Write observations alone, as somebody who watches would have them (for train_gail.py --state-only); no Minari
    dataset then, which needs actions."""
    policy: Path | None = None
    """A run directory, a policy's folder, an SB3 .zip (with --trust and --algo), or `waypoints`, which knows the way
    through the mazes of Gymnasium-Robotics; default: the shipped expert."""
    tier: str = "expert"
    """Which shipped expert."""
    out: Path | None = None
    """Folder to write; default demonstrations/<env>-<what>. An older recording there is replaced."""
    trust: bool = False
    """Open a file that holds pickles (an SB3 .zip, an old `imitation` file). A pickle can run any code when it is
    opened: only if you know who made the file. Likewise accept a run whose environment imports a module or reads a
    file when it is made."""
    algo: Algorithm | None = None
    """The algorithm that made an SB3 .zip."""
    seed: int = 0
    """Reset seed of the first episode; the k-th has seed + k."""
    import_minari: str | None = None
    """Convert a Minari dataset, a folder or the id of a local one, instead of recording."""
    import_imitation: Path | None = None
    """Convert trajectories saved by the `imitation` library instead of recording."""
    env_kwargs: tuple[str, ...] = ()
    """Constructor options of the task: key=value ..."""


def main(config: CollectConfig) -> None:
    """Record demonstrations from a policy, or import them; writes .npz, a card and a Minari dataset."""
    if config.import_minari is not None and config.import_imitation is not None:
        raise InputError("--import-minari and --import-imitation exclude each other: convert one after the other")
    if config.import_minari is not None or config.import_imitation is not None:
        _import(config)
    else:
        _record(config)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Whom to record: the policy, its task, and what the card shall say of it."""

    policy: Policy
    env_id: str
    name: str
    described: str
    env_kwargs: Mapping[str, Any]
    expert_return: float | None = None
    licence: str | None = None


def _record(config: CollectConfig) -> None:
    source = _find_source(config)
    kind = "stochastic" if config.stochastic else "deterministic"
    out = config.out or _default_folder(source.env_id, source.name, kind)
    check_recording_folder(out)
    when_stopped(lambda: "stopped: no episode was kept, an earlier recording is as it was")
    episodes = 25 if config.episodes is None else config.episodes
    with _progress(source.env_id, episodes) as advance:
        demonstrations = record(
            source.policy,
            source.env_id,
            episodes,
            seed=config.seed,
            deterministic=not config.stochastic,
            env_kwargs=source.env_kwargs,
            progress=advance,
        )
    if source.expert_return is not None:
        demonstrations = replace(demonstrations, expert_return=source.expert_return)
    if config.without_actions:
        demonstrations = replace(demonstrations, actions=None)
    save_recording(
        out,
        demonstrations,
        policy={"source": source.described},
        env_kwargs=source.env_kwargs,
        details={"seeds": f"{config.seed}-{config.seed + episodes - 1}", "deterministic": not config.stochastic},
        licence=source.licence,
    )
    _report(out, demonstrations, f"{source.described}, {kind}")


def _find_source(config: CollectConfig) -> Source:
    env_kwargs = parse_env_kwargs(config.env_kwargs)
    if config.policy is None:
        if config.env is None:
            raise InputError("say which task: --env Ant-v4 (or whom to record: --policy, or what to import)")
        card = expert_card(config.env, config.tier)
        evaluation = card.get("evaluation") or {}
        return Source(
            policy=load_expert(config.env, config.tier),
            env_id=config.env,
            name=config.tier,
            described=f"{config.env} {config.tier} of the catalogue",
            env_kwargs=env_kwargs,
            # The evaluation is of the task as it comes.
            expert_return=None if env_kwargs else evaluation.get("return_mean"),
            licence=card.get("licence"),
        )
    if str(config.policy) == WAYPOINTS and not config.policy.exists():
        if config.env is None:
            raise InputError("say which maze: --env PointMaze_UMaze-v3")
        return Source(
            policy=maze_waypoints(config.env, seed=config.seed, **env_kwargs),
            env_id=config.env,
            name=WAYPOINTS,
            described="waypoints on a shortest way",
            env_kwargs=env_kwargs,
        )
    found = find_policy(config.policy, trust=config.trust, algorithm=config.algo)
    env_id, trained_with = found.task(config.env, trust=config.trust)
    name = config.policy.resolve().stem
    return Source(
        policy=found.policy,
        env_id=env_id,
        name=name,
        described=name,
        env_kwargs={**trained_with, **env_kwargs},
    )


def _import(config: CollectConfig) -> None:
    demonstrations = _read_foreign(config)
    if config.episodes is not None:
        demonstrations = demonstrations.first(config.episodes)
    env_id = config.env or demonstrations.env_id
    env_kwargs = parse_env_kwargs(config.env_kwargs)
    if config.env is None and env_id is not None:
        check_saved_task(env_id, source=str(config.import_minari or config.import_imitation), trust=config.trust)
    if env_id is None:
        print("note: nothing tells which task this is; give --env to have it checked and written down")
    else:
        vec_env = make_vec_env(env_id, 1, **env_kwargs)
        vec_env.close()
        demonstrations.check_spaces(vec_env.observation_space, vec_env.action_space, env_id)
        demonstrations = replace(demonstrations, env_id=env_id)
    if config.without_actions:
        demonstrations = replace(demonstrations, actions=None)
    source = config.import_minari or str(config.import_imitation)
    name = Path(source).stem if Path(source).exists() else source.replace("/", "-")
    out = config.out or _default_folder(env_id or "unknown", name, "imported")
    save_recording(out, demonstrations, policy={"source": name}, env_kwargs=env_kwargs)
    _report(out, demonstrations, f"imported from {source}")


def _read_foreign(config: CollectConfig) -> Demonstrations:
    if config.import_minari is not None:
        return read_minari(config.import_minari)
    assert config.import_imitation is not None  # main has seen to it
    return read_imitation(config.import_imitation, env_id=config.env, trust=config.trust)


def _default_folder(env_id: str, name: str, kind: str) -> Path:
    return Path("demonstrations") / f"{env_id.replace('/', '_')}-{name}-{kind}"


@contextmanager
def _progress(env_id: str, episodes: int) -> Iterator[Callable[[int, int], None]]:
    """A bar over the steps that there can be at most: episodes run side by side and end together."""
    import gymnasium as gym
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    limit = gym.spec(env_id).max_episode_steps if env_id in gym.registry else None
    text = "{task.fields[done]}/{task.fields[all]} episodes, {task.completed:,} steps"
    with Progress(TextColumn("recording"), BarColumn(), TextColumn(text), TimeElapsedColumn()) as progress:
        task = progress.add_task("", total=limit and limit * episodes, done=0, all=episodes)

        def advance(done: int, steps: int) -> None:
            progress.update(task, completed=steps, done=done, total=steps if done == episodes else None)

        yield advance


def _report(out: Path, demonstrations: Demonstrations, source: str) -> None:
    when_stopped(lambda: f"stopped: the recording is complete, in {out}")
    from rich.console import Console
    from rich.table import Table

    returns, lengths = demonstrations.returns, demonstrations.episode_lengths
    state_only = "" if demonstrations.has_actions else " --state-only"
    table = Table(title=f"{demonstrations.env_id or 'unknown task'}: {source}", show_header=False)
    rows: dict[str, Any] = {
        "episodes": demonstrations.num_episodes,
        "steps": f"{demonstrations.num_steps:,}" + ("" if demonstrations.has_actions else ", without actions"),
        "return": f"{returns.mean():.1f} ± {returns.std():.1f} (min {returns.min():.1f}, max {returns.max():.1f})",
        "episode length": f"{lengths.mean():.1f} (min {lengths.min()}, max {lengths.max()})",
        "written": ", ".join(str(path) for path in sorted(out.iterdir())),
        "use it": f"python scripts/train_gail.py --env {demonstrations.env_id or '...'} --demos {out}{state_only}",
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    Console().print(table)


if __name__ == "__main__":
    run(main, CollectConfig)
