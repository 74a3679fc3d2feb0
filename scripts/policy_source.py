"""From what a user names (a run, a checkpoint, an expert's folder, an SB3 file) to a policy and what is known of it."""

from __future__ import annotations

from command_line import Algorithm, parse_env_kwargs

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from experts import expert_card
from genrl.envs.make import check_keywords
from genrl.errors import InputError, reason_of
from genrl.policies import load_policy
from genrl.protocols import Policy
from genrl.training import RunDirectory, read_json
from genrl.training.atomic_files import read_folder
from genrl.training.saved_task import check_saved_task

__all__ = ["Algorithm", "PolicySource", "find_policy", "known_expert_return"]

DESCRIPTIONS = ("policy.json", "actor.json")


@dataclass(frozen=True, kw_only=True)
class PolicySource:
    """A policy, and what its surroundings say of it.

    Attributes:
        policy: takes raw observations.
        path: the folder or file that it was read from.
        env_id: the task that it was trained on, if known.
        expert_return: of the expert that it imitated, if known.
        env_kwargs: the task's constructor keywords in training.
    """

    policy: Policy
    path: Path
    env_id: str | None = None
    expert_return: float | None = None
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def task(self, asked: str | None = None, *, trust: bool = False) -> tuple[str, dict[str, Any]]:
        """The environment to make, and its constructor keywords in training.

        Args:
            asked: the environment that the user named, in place of the one that the policy was trained on.
            trust: accept an environment of the file that imports a module or reads a file when it is made.

        Raises:
            InputError: no environment is known, or it needs `trust`.
        """
        if asked is None and self.env_id is None:
            raise InputError(f"{self.path} does not say which task it is for: pass --env")
        wanted = asked or self.env_id
        env_id, env_kwargs = check_saved_task(wanted, self.env_kwargs, source=self.path, trust=trust, asked=asked)
        check_keywords(env_id, env_kwargs)
        return env_id, env_kwargs


def find_policy(target: Path, *, trust: bool = False, algorithm: Algorithm | None = None) -> PolicySource:
    """Load the policy that `target` means.

    A run directory means its `best/` if there is one, else its latest checkpoint; any folder with a `policy.json` or
    an `actor.json` means itself; a folder of an expert's tiers means its `expert`; a `.zip` is a model of
    stable-baselines3.

    Args:
        target: the path.
        trust: whether a pickle may be opened, which a `.zip` holds and which can run any code.
        algorithm: the class that saved the `.zip`.

    Raises:
        InputError: it is none of these, or it is damaged.
    """
    if target.suffix == ".zip":
        return PolicySource(policy=_load_zip(target, trust, algorithm), path=target)
    if (target / "expert" / "actor.json").is_file():
        target = target / "expert"
    if not read_folder(target, _describes_policy):
        run = RunDirectory.open(target)  # says what is missing if it is none
        return run.read_policy(lambda folder: _with_config(folder, run.config))
    for parent in list(target.resolve().parents)[:2]:  # best/ or checkpoints/<step>/ of a run
        if (parent / "config.json").is_file() and (parent / "versions.json").is_file():
            return _with_config(target, RunDirectory.open(parent).config)
    return _with_config(target, {})


def known_expert_return(env_id: str) -> float | None:
    """Mean return of the catalogue's expert for a task; None if there is none."""
    try:
        value = expert_card(env_id).get("evaluation", {}).get("return_mean")
    except InputError:
        return None
    return None if value is None else float(value)


def _describes_policy(folder: Path) -> bool:
    return any((folder / name).is_file() for name in DESCRIPTIONS)


def _with_config(folder: Path, config: Mapping[str, Any]) -> PolicySource:
    source = read_folder(folder, lambda place: _read(place, config))
    return replace(source, path=folder)


def _read(folder: Path, config: Mapping[str, Any]) -> PolicySource:
    described: dict[str, Any] = next(
        (read_json(folder / name) for name in DESCRIPTIONS if (folder / name).is_file()), {}
    )
    env_kwargs = config.get("env_kwargs") or {}
    return PolicySource(
        policy=load_policy(folder),  # which checks that it is described by keys and values
        path=folder,
        env_id=config.get("env") or described.get("env_id"),
        expert_return=config.get("expert_return"),
        env_kwargs=env_kwargs if isinstance(env_kwargs, dict) else parse_env_kwargs(env_kwargs),
    )


def _load_zip(path: Path, trust: bool, algorithm: Algorithm | None) -> Policy:
    if not path.is_file():
        raise InputError(f"{path} does not exist")
    if not trust:
        raise InputError(
            f"{path} holds a pickle, which can run any code when it is opened: pass --trust only if you know who made "
            "the file"
        )
    if algorithm is None:
        raise InputError(f"name the algorithm that saved {path}, such as --algo ppo")
    import sb3_contrib
    import stable_baselines3

    algorithms: dict[Algorithm, Any] = {
        "a2c": stable_baselines3.A2C,
        "crossq": sb3_contrib.CrossQ,
        "ddpg": stable_baselines3.DDPG,
        "dqn": stable_baselines3.DQN,
        "ppo": stable_baselines3.PPO,
        "recurrent_ppo": sb3_contrib.RecurrentPPO,
        "sac": stable_baselines3.SAC,
        "td3": stable_baselines3.TD3,
        "tqc": sb3_contrib.TQC,
        "trpo": sb3_contrib.TRPO,
    }
    try:
        return algorithms[algorithm].load(path, device="cpu")
    except Exception as error:  # a pickle may raise whatever its code raises
        about = reason_of(error)
        if isinstance(error, ModuleNotFoundError):
            about = f"it needs the module {error.name}: put its folder on PYTHONPATH"
        raise InputError(f"{path} cannot be read as a model of {algorithm}: {about}") from error
