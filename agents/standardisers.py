"""Fits the one standardisation that policy, value function and discriminator share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv

from genrl.envs.finite_env import FiniteEnv
from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.transitions import Transitions, encode_actions

__all__ = ["HALF_AND_HALF", "Standardisers", "fit_standardisers", "random_steps"]

HALF_AND_HALF = 0.5
"""Weight of random steps, where learning starts from noise: as much as the demonstrations have."""


@dataclass(frozen=True, kw_only=True)
class Standardisers:
    """Of observations and of actions (one-hot where they are discrete)."""

    observations: Standardise
    actions: Standardise

    def take(self, other: Standardisers) -> None:
        """Go over to the statistics of `other`, of the same columns, here and in all networks that share these."""
        self.observations.take(other.observations)
        self.actions.take(other.actions)

    def to_tensors(self) -> dict[str, torch.Tensor]:
        """What `from_tensors` needs."""
        of = {"observations": self.observations, "actions": self.actions}
        return {
            **{f"{name}.{key}": tensor for name, module in of.items() for key, tensor in module.state_dict().items()},
            "in_features": torch.tensor([module.in_features for module in of.values()]),
            "clip": torch.tensor([module.clip for module in of.values()]),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> Standardisers:
        """The inverse of `to_tensors`."""
        modules = [
            Standardise(int(width), *(tensors[f"{name}.{key}"] for key in ("columns", "mean", "std")), clip=float(clip))
            for name, width, clip in zip(
                ("observations", "actions"), tensors["in_features"], tensors["clip"], strict=True
            )
        ]
        return cls(observations=modules[0], actions=modules[1])


def fit_standardisers(
    expert: Transitions,
    untrained: tuple[torch.Tensor, torch.Tensor] | None,
    *,
    share: float = HALF_AND_HALF,
    columns: torch.Tensor | None = None,
    has_actions: bool = True,
) -> Standardisers:
    """Statistics of the expert's and of an untrained policy's steps.

    In the expert's units alone an untrained policy is tens of deviations away: every input is saturated, the
    discriminator is perfect and flat, and nothing is learned. For a policy that acts like the expert already, half and
    half is coarse: what it has to tell apart are a few hundredths. A small share of random steps still gives a unit to
    columns that are constant in the demonstrations.

    Args:
        expert: the demonstrations' transitions.
        untrained: what `random_steps` gave; None for the expert's statistics alone, to see what they are worth.
        share: weight of the random steps, above 0 and below 1; the expert's is the rest.
        columns: of the observation, those to keep; all by default.
        has_actions: whether the expert's actions are known. If not, those in `expert` are stand-ins, and actions are
            standardised by the random steps alone.

    Raises:
        InputError: neither the demonstrations nor random steps tell anything about actions.
    """
    if untrained is None and not has_actions:
        raise InputError("demonstrations without actions need random steps: set untrained_steps above 0")
    if untrained is None:
        return Standardisers(
            observations=Standardise.fit(expert.observations, columns=columns), actions=Standardise.fit(expert.actions)
        )
    seen, done = untrained
    weights = (1.0 - share, share)
    return Standardisers(
        observations=Standardise.fit(expert.observations, seen, weights=weights, columns=columns),
        actions=Standardise.fit(expert.actions, done, weights=weights) if has_actions else Standardise.fit(done),
    )


def random_steps(env: VecEnv, steps: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """At least `steps` observations and actions, (rows, columns) each, of uniformly random actions; resets `env`."""
    env.action_space.seed(seed)
    env = FiniteEnv(env)
    rows = -(-steps // env.num_envs)
    seen: list[Any] = [env.reset()]
    done = []
    for _ in range(rows):
        actions = np.stack([env.action_space.sample() for _ in range(env.num_envs)])
        observations, _, _, _ = env.step(actions)
        seen.append(observations)
        done.append(encode_actions(env.action_space, actions))
    del seen[-1]
    return (
        torch.as_tensor(np.concatenate(seen), dtype=torch.float32),
        torch.as_tensor(np.concatenate(done), dtype=torch.float32),
    )
