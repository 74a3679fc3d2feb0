"""How experts are trained: settings of each algorithm, and what differs for single tasks.

Sources: "zoo" marks values published with rl-baselines3-zoo for the MuJoCo tasks (SAC, TD3, TQC: warm-up of 10,000
steps, TD3's noise, rate and widths; TQC's dropped quantiles on Hopper). The zoo trains PPO on one environment for a
million steps with a rate of a few 1e-5; on a simulator that runs 64 of them at once that would be slow, so PPO and TRPO
take large batches and larger rates, measured here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from genrl.nn import Activation

__all__ = ["Algorithm", "ExpertSettings", "expert_settings"]

Algorithm = Literal["ppo", "trpo", "sac", "td3", "tqc"]


@dataclass(frozen=True, kw_only=True)
class ExpertSettings:
    """Everything that decides a training but the task, the seed and the device."""

    num_envs: int
    """Environments side by side."""
    n_timesteps: int
    """Environment steps in all."""
    hidden: tuple[int, ...]
    """Widths of the hidden layers of the policy and of each value function."""
    activation: Activation
    """Between the layers."""
    learning_rate: float
    """Adam's step size at the beginning."""
    final_learning_rate: float | None = None
    """At the end, reached in a straight line; None for the same throughout."""
    normalise: bool = False
    """Standardise observations, and divide rewards by the deviation of their discounted sum, by running statistics."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the policy's constructor."""
    action_noise: float | None = None
    """Deviation of Gaussian noise on the actions, for an algorithm that has none of its own."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the algorithm's constructor."""


# Simulation is cheap on a CPU and gradient steps are dear: 8 simulated steps for each update.
OFF_POLICY: dict[str, Any] = {"train_freq": 1, "gradient_steps": 2, "batch_size": 256, "learning_starts": 10_000}

SETTINGS: dict[Algorithm, ExpertSettings] = {
    "ppo": ExpertSettings(
        num_envs=64,
        n_timesteps=10_000_000,
        hidden=(128, 128),
        activation="tanh",
        learning_rate=5e-4,
        final_learning_rate=5e-5,
        normalise=True,
        policy={"log_std_init": -0.5},
        arguments={
            "n_steps": 128,
            "batch_size": 2048,
            "n_epochs": 5,
            "gamma": 0.99,
            "gae_lambda": 0.95,
            "target_kl": 0.02,
        },
    ),
    "trpo": ExpertSettings(
        num_envs=64,
        n_timesteps=10_000_000,
        hidden=(128, 128),
        activation="tanh",
        learning_rate=1e-3,
        normalise=True,
        policy={"log_std_init": -0.5},
        arguments={
            "n_steps": 128,
            "batch_size": 2048,
            "n_critic_updates": 5,
            "gamma": 0.99,
            "gae_lambda": 0.95,
            "target_kl": 0.02,
        },
    ),
    "sac": ExpertSettings(
        num_envs=16,
        n_timesteps=4_000_000,
        hidden=(256, 256),
        activation="relu",
        learning_rate=3e-4,
        arguments=OFF_POLICY,  # zoo, but for the number of environments and updates
    ),
    "td3": ExpertSettings(
        num_envs=16,
        n_timesteps=4_000_000,
        hidden=(400, 300),
        activation="relu",
        learning_rate=1e-3,
        action_noise=0.1,
        arguments=OFF_POLICY,  # zoo, likewise
    ),
    "tqc": ExpertSettings(
        num_envs=16,
        n_timesteps=4_000_000,
        hidden=(256, 256),
        activation="relu",
        learning_rate=3e-4,
        arguments=OFF_POLICY,  # zoo, likewise
    ),
}

# What differs for a task, whatever its version: fields of ExpertSettings; mappings are merged.
PER_TASK: dict[tuple[Algorithm, str], dict[str, Any]] = {
    # Here small minibatches, many times over, are worth more than the steps that they cost.
    ("ppo", "Walker2d"): {
        "num_envs": 16,
        "n_timesteps": 3_000_000,
        "learning_rate": 3e-4,
        "final_learning_rate": 3e-5,
        "arguments": {"n_steps": 256, "batch_size": 256, "n_epochs": 10, "target_kl": 0.03},
    },
    ("ppo", "Humanoid"): {"policy": {"log_std_init": -1.0}},  # its actions are bounded by 0.4 instead of 1
    ("trpo", "Humanoid"): {"policy": {"log_std_init": -1.0}},
    ("tqc", "Hopper"): {"arguments": {"top_quantiles_to_drop_per_net": 5}},  # zoo
}


def expert_settings(
    algorithm: Algorithm, env_id: str, *, num_envs: int | None = None, n_timesteps: int | None = None
) -> ExpertSettings:
    """The settings for an algorithm on a task.

    Args:
        algorithm: which.
        env_id: a Gymnasium id; a task without settings of its own takes the algorithm's.
        num_envs: in place of the settings' own.
        n_timesteps: likewise.

    >>> expert_settings("tqc", "Hopper-v4").arguments["top_quantiles_to_drop_per_net"]
    5
    """
    settings = SETTINGS[algorithm]
    family = env_id.split("/")[-1].rsplit("-v", 1)[0]
    for name, value in PER_TASK.get((algorithm, family), {}).items():
        merged = {**getattr(settings, name), **value} if isinstance(value, Mapping) else value
        change: dict[str, Any] = {name: merged}
        settings = replace(settings, **change)
    asked: dict[str, Any] = {"num_envs": num_envs, "n_timesteps": n_timesteps}
    return replace(settings, **{name: value for name, value in asked.items() if value is not None})
