"""Demonstrations by name or by path: shipped, recorded on first use, or the user's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from genrl.errors import InputError
from genrl.policies.actor import Actor
from genrl.transitions import Demonstrations, Trajectory

from .cards import cache_folder, file_digest, read_card, simulator_versions
from .catalogue import available, expert_folder
from .minari_datasets import is_minari, read_minari
from .npz import read_npz, write_npz
from .record import record

__all__ = ["load_demonstrations"]

# Recorded in blocks of a fixed size, so that what one gets never depends on what was asked for before.
BLOCK = 25


def load_demonstrations(
    env_id_or_path: str | os.PathLike[str],
    *,
    tier: str = "expert",
    episodes: int | None = None,
    subsample: int = 1,
    stochastic: bool | None = None,
    seed: int | None = None,
) -> Demonstrations:
    """Expert episodes to imitate.

    Args:
        env_id_or_path: a task of the catalogue (`available()`); or a path: a `.npz` (without `actions`, if the
            expert was only watched), a folder that holds `demonstrations.npz` and `card.json`, a Minari dataset's
            folder; or the id of a local Minari dataset.
        tier: which of the catalogue's experts.
        episodes: how many; None for all that are shipped (25 where none are), or all in the file.
        subsample: keep every n-th pair of each episode, from a random offset.
        stochastic: episodes of the expert's sampled actions, which visit wider support, or of its mean ones; None
            for what the expert's card recommends for imitation (`imitate`), the mean ones if it says nothing.
        seed: of the offsets of `subsample`.

    Returns:
        The demonstrations. Episodes beyond the shipped ones, and stochastic ones, are recorded from the shipped
        policy on first use, and kept in the cache folder.

    Raises:
        InputError: nothing of that name, a damaged file, or more episodes than the file has.

    Example:
        >>> load_demonstrations("Hopper-v4", episodes=2).episode_lengths.tolist()
        [1000, 1000]
    """
    name = os.fspath(env_id_or_path)
    if name in available() and not isinstance(env_id_or_path, os.PathLike):
        demonstrations = _from_catalogue(name, tier, episodes, stochastic)
    else:
        if stochastic:
            raise InputError(f"stochastic demonstrations come from the catalogue; {name} holds what it holds")
        demonstrations = _from_elsewhere(name)
        if episodes is not None:
            demonstrations = demonstrations.first(episodes)
    return demonstrations.subsample(subsample, np.random.default_rng(seed)) if subsample != 1 else demonstrations


def _from_elsewhere(name: str) -> Demonstrations:
    path = Path(name).expanduser()
    if path.suffix == ".npz" or path.is_file():
        return _read_file(path)
    if (path / "demonstrations.npz").is_file():
        return _read_file(path / "demonstrations.npz")
    if is_minari(name):
        return read_minari(name)
    if path.is_dir():
        raise InputError(f"{path} holds neither demonstrations.npz nor a Minari dataset")
    if name in gym.registry:
        expert_folder(name)  # says which tasks have an expert
    raise InputError(
        f"{name} is no task of the catalogue ({', '.join(available())}), no file or folder, and no Minari "
        f"dataset at hand (to fetch one: minari download {name})"
    )


def _read_file(path: Path) -> Demonstrations:
    """Read a `.npz`, with the help of the card beside it, if there is one and it speaks of this file."""
    card = read_card(path.parent) if (path.parent / "card.json").is_file() else {}
    about = card.get("demonstrations", {})
    demonstrations = read_npz(path)
    if about.get("file") != path.name:
        return demonstrations
    if "sha256" in about and file_digest(path) != about["sha256"]:
        raise InputError(f"{path} is not the file that its card.json describes: copy or record it again")
    recorded, installed = card.get("mujoco"), simulator_versions()["mujoco"]
    if recorded is not None and recorded.split(".")[0] != installed.split(".")[0]:
        print(f"note: {path} was recorded with MuJoCo {recorded}; {installed} moves differently", file=sys.stderr)
    try:
        return replace(demonstrations, env_id=demonstrations.env_id or card.get("env_id"))
    except InputError as error:
        raise InputError(f"{path.parent / 'card.json'}: {error}") from None


def _from_catalogue(env_id: str, tier: str, episodes: int | None, stochastic: bool | None) -> Demonstrations:
    folder = expert_folder(env_id, tier)
    card = read_card(folder)
    if stochastic is None:
        stochastic = card.get("imitate") == "stochastic"
    shipped = _read_file(folder / "demonstrations.npz") if "demonstrations" in card and not stochastic else None
    if shipped is not None and (episodes is None or episodes <= shipped.num_episodes):
        return shipped if episodes is None else shipped.first(episodes)
    wanted = episodes if episodes is not None else int(card.get("demonstrations", {}).get("episodes", BLOCK))
    if wanted < 1:
        raise InputError(f"{wanted} episodes asked for: ask for 1 or more")
    trajectories: list[Trajectory] = list(shipped.trajectories()) if shipped is not None else []
    blocks = _recorded_episodes(env_id, folder, first_seed=len(trajectories), stochastic=stochastic)
    trajectories += islice(blocks, wanted - len(trajectories))
    # What is imitated acts without noise in the end, and is compared with the expert doing the same.
    evaluation: dict[str, Any] = card.get("evaluation") or {}
    return Demonstrations.from_trajectories(trajectories, env_id=env_id, expert_return=evaluation.get("return_mean"))


def _recorded_episodes(env_id: str, folder: Path, *, first_seed: int, stochastic: bool) -> Iterator[Trajectory]:
    """Episodes without end, from the cache, or recorded and put there."""
    versions = "-".join(f"{name}{version}" for name, version in simulator_versions().items())
    # Another policy or another simulator makes other episodes.
    policy = file_digest(folder / "actor.safetensors")[:12]
    cache = cache_folder() / "recordings" / folder.parent.name / folder.name / f"{policy}-{versions}"
    kind = "stochastic" if stochastic else "deterministic"
    for first in count(first_seed, BLOCK):
        path = cache / f"{kind}-seeds-{first}-{first + BLOCK - 1}.npz"
        yield from _cached_block(path, env_id, folder, first, kind).trajectories()


def _cached_block(path: Path, env_id: str, folder: Path, seed: int, kind: str) -> Demonstrations:
    if path.exists():
        try:
            return read_npz(path)
        except InputError as error:
            print(f"recorded again: {error}", file=sys.stderr)
    actor = Actor.load(folder)
    if kind == "stochastic" and actor.config.std == "none":
        raise InputError(f"the {folder.name} of {env_id} has no randomness of its own: leave out --stochastic")
    print(f"recording {BLOCK} {kind} episodes of the {folder.name} of {env_id}, once; kept in {path}", file=sys.stderr)
    block = record(actor, env_id, BLOCK, seed=seed, deterministic=kind == "deterministic")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_npz(path, block)
    except OSError as error:
        print(f"not kept, recorded again next time: {error}", file=sys.stderr)
    return block
