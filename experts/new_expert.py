"""What becomes of a training: a name in the catalogue, and the card that tells how the expert came about."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from itertools import count
from typing import Any

from genrl.errors import InputError
from genrl.evaluation import Evaluation
from genrl.policies.actor import Actor

from .cards import simulator_versions
from .catalogue import SHIPPED, available
from .hyperparameters import Algorithm

__all__ = ["choose_tier", "describe_expert"]

TRAINERS: dict[Algorithm, tuple[str, str]] = {
    "ppo": ("proximal policy optimisation (PPO)", "stable-baselines3"),
    "trpo": ("trust region policy optimisation (TRPO)", "sb3-contrib"),
    "sac": ("soft actor-critic (SAC)", "stable-baselines3"),
    "td3": ("twin delayed deep deterministic policy gradients (TD3)", "stable-baselines3"),
    "tqc": ("truncated quantile critics (TQC)", "sb3-contrib"),
}


def choose_tier(env_id: str, algorithm: Algorithm, asked: str | None, *, replace: bool = False) -> str:
    """The name under which a new expert will be registered, found before any time is spent on training it.

    Args:
        env_id: the task.
        algorithm: names the tier where `expert` is taken.
        asked: the user's choice; None for the first free one of `expert`, `<algorithm>`, `<algorithm>-2`, ...
        replace: whether one that was registered before may be replaced.

    Raises:
        InputError: the name asked for is taken.
    """
    taken = available().get(env_id, [])
    if asked is None:
        names = ("expert" if n == 0 else str(algorithm) if n == 1 else f"{algorithm}-{n}" for n in count())
        return next(name for name in names if name not in taken)
    if asked not in taken:
        return asked
    if (SHIPPED / env_id.replace("/", "__") / asked).exists():
        raise InputError(f"the {asked!r} of {env_id} is shipped and stays: choose another --tier")
    if not replace:
        raise InputError(f"{env_id} has a registered {asked!r}: choose another --tier, or pass --replace")
    return asked


def describe_expert(
    actor: Actor,
    *,
    tier: str,
    algorithm: Algorithm,
    num_timesteps: int,
    command: str,
    evaluation: Evaluation,
    evaluation_stochastic: Evaluation | None = None,
) -> dict[str, Any]:
    """The card of an expert that was trained here.

    Args:
        actor: the policy.
        tier: its name.
        algorithm: what trained it.
        num_timesteps: environment steps until it was as good as this.
        command: repeats the training.
        evaluation: without noise.
        evaluation_stochastic: of sampled actions; None where the policy has no noise of its own.
    """
    name, package = TRAINERS[algorithm]
    card: dict[str, Any] = {
        "env_id": actor.config.env_id,
        "tier": tier,
        **simulator_versions(),
        "policy": {
            "algorithm": f"{name}, {package} {importlib.metadata.version(package)}",
            "training": f"trained on the true reward; at its best after {num_timesteps:,} environment steps",
            "command": command,
            "network": _describe_network(actor),
        },
        "evaluation": _figures(evaluation),
    }
    if evaluation_stochastic is not None:
        card["evaluation_stochastic"] = _figures(evaluation_stochastic)
    return card


def _describe_network(actor: Actor) -> str:
    config = actor.config
    sizes = "-".join(map(str, config.hidden_sizes))
    noise = {
        "state": "Gaussian with a standard deviation that depends on the state",
        "parameter": "Gaussian with a standard deviation of its own for each action",
        "none": "deterministic",
    }[config.std]
    bounds = "tanh-squashed" if config.squash == "tanh" else "clipped to the bounds"
    seen = "" if config.columns is None else f", sees {len(config.columns)} of {config.obs_dim} columns"
    return f"{sizes} {config.activation}, {noise}, {bounds}{seen}"


def _figures(evaluation: Evaluation) -> Mapping[str, Any]:
    returns = evaluation.returns
    first = 0 if evaluation.seeds is None else int(evaluation.seeds[0])
    return {
        "episodes": len(returns),
        "seeds": f"{first}-{first + len(returns) - 1}",
        "deterministic": evaluation.deterministic,
        "environment": f'gymnasium.make("{evaluation.env_id}")',
        "return_mean": round(float(returns.mean()), 2),
        "return_std": round(float(returns.std()), 2),
        "return_min": round(float(returns.min()), 2),
        "return_max": round(float(returns.max()), 2),
        "length_mean": round(float(evaluation.lengths.mean()), 2),
    }
