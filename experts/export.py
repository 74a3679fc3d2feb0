"""From a policy of stable-baselines3, as it was trained, to an actor that takes raw observations."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.tqc.policies import Actor as TQCActor
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.sac.policies import LOG_STD_MAX, LOG_STD_MIN
from stable_baselines3.sac.policies import Actor as SACActor
from stable_baselines3.td3.policies import Actor as TD3Actor
from torch import Tensor, nn

from genrl.envs.observation_columns import ObservationColumns
from genrl.errors import InputError
from genrl.policies.actor import Actor, ActorConfig

__all__ = ["export_actor"]


@torch.random.fork_rng(devices=[])  # new layers draw weights, which training must not notice
def export_actor(learner: BaseAlgorithm, env_id: str | None = None) -> Actor:
    """What `learner` has learned so far, with the statistics that its observations are normalised by folded in.

    No random numbers are drawn, so that checkpoints and evaluations can be made at any time.

    Args:
        learner: PPO, TRPO, SAC, TD3 or TQC with "MlpPolicy", on an environment of vectors and continuous actions; its
            `VecNormalize` and `ObservationColumns`, if any, become part of the actor.
        env_id: the task, to be noted.

    Raises:
        InputError: the policy is of another kind.
    """
    policy: Any = learner.policy
    space = policy.action_space
    if not isinstance(space, spaces.Box):
        raise InputError(f"an expert acts by vectors within bounds, not in {space}")
    layers, form = _network(policy)
    columns = _columns(learner.get_env())
    normaliser = learner.get_vec_normalize_env()
    if normaliser is not None and not normaliser.norm_obs:
        normaliser = None
    config = ActorConfig(
        obs_dim=_raw_width(learner.get_env(), layers[0].in_features),
        act_dim=int(np.prod(space.shape)),
        hidden_sizes=tuple(layer.out_features for layer in layers[:-1]),
        activation=_activation(policy),
        obs_clip=None if normaliser is None else normaliser.clip_obs,
        columns=columns,
        env_id=env_id,
        **form,
    )
    actor = Actor(config)
    tensors: dict[str, Tensor] = {
        "action_low": torch.as_tensor(space.low),
        "action_high": torch.as_tensor(space.high),
    }
    if normaliser is not None:
        assert isinstance(normaliser.obs_rms, RunningMeanStd)
        tensors["obs_mean"] = torch.as_tensor(normaliser.obs_rms.mean)
        tensors["obs_std"] = torch.as_tensor(np.sqrt(normaliser.obs_rms.var + normaliser.epsilon))
    if config.std == "parameter":
        tensors["log_std"] = policy.log_std.data
    for index, layer in enumerate(layers):
        tensors[f"layers.{index}.weight"], tensors[f"layers.{index}.bias"] = layer.weight, layer.bias
    actor.load_state_dict({**actor.state_dict(), **tensors})
    return actor.eval()


def _network(policy: Any) -> tuple[list[nn.Linear], dict[str, Any]]:
    """The linear layers from observations to what is squashed, and how that becomes an action."""
    actor = getattr(policy, "actor", policy)
    plain = isinstance(actor.features_extractor, FlattenExtractor) and not getattr(actor, "use_sde", False)
    if plain and isinstance(actor, ActorCriticPolicy):
        last = actor.action_net
        assert isinstance(last, nn.Linear)
        return [*_linears(actor.mlp_extractor.policy_net), last], {"squash": "clip", "std": "parameter"}
    if plain and isinstance(actor, SACActor | TQCActor):
        assert isinstance(actor.mu, nn.Linear)
        assert isinstance(actor.log_std, nn.Linear)
        noise = {"std": "state", "log_std_bound": "clamp", "log_std_range": (float(LOG_STD_MIN), float(LOG_STD_MAX))}
        return [*_linears(actor.latent_pi), _side_by_side(actor.mu, actor.log_std)], {"squash": "tanh", **noise}
    if plain and isinstance(actor, TD3Actor):
        return _linears(actor.mu), {"squash": "tanh", "std": "none"}
    raise InputError(f"a {type(policy).__name__} cannot be exported: it is no plain MLP of PPO, TRPO, SAC, TD3 or TQC")


def _linears(network: nn.Module) -> list[nn.Linear]:
    return [module for module in network.modules() if isinstance(module, nn.Linear)]


def _side_by_side(first: nn.Linear, second: nn.Linear) -> nn.Linear:
    joined = nn.Linear(first.in_features, first.out_features + second.out_features)
    joined.weight.data = torch.cat([first.weight.data, second.weight.data])
    joined.bias.data = torch.cat([first.bias.data, second.bias.data])
    return joined


def _activation(policy: Any) -> Literal["relu", "tanh"]:
    kinds: dict[type[nn.Module], Literal["relu", "tanh"]] = {nn.ReLU: "relu", nn.Tanh: "tanh"}
    if policy.activation_fn not in kinds:
        raise InputError(f"an actor's layers are joined by ReLU or tanh, not by {policy.activation_fn.__name__}")
    return kinds[policy.activation_fn]


def _columns(env: VecEnv | None) -> tuple[int, ...] | None:
    picked = _observation_columns(env)
    return None if picked is None else picked.columns


def _raw_width(env: VecEnv | None, seen: int) -> int:
    picked = _observation_columns(env)
    if picked is None:
        return seen
    assert picked.venv.observation_space.shape is not None
    return picked.venv.observation_space.shape[0]


def _observation_columns(env: VecEnv | None) -> ObservationColumns | None:
    while isinstance(env, VecEnvWrapper):
        if isinstance(env, ObservationColumns):
            return env
        env = env.venv
    return None
