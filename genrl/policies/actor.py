"""Actors: trained policies as plain MLPs on disk, a JSON description beside safetensors, no pickle."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.training.atomic_files import read_folder, read_json
from genrl.training.reading import file_inside, load_tensors, read_tensors, reading, validate

__all__ = ["Actor", "ActorConfig"]

Activation = Literal["relu", "tanh"]
Squash = Literal["tanh", "clip"]
Std = Literal["state", "parameter", "none"]
LogStdBound = Literal["tanh", "clamp", "none"]
FORMAT = "genrl-actor-1"
LARGEST = torch.finfo(torch.float32).max
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


@dataclass(frozen=True, kw_only=True)
class ActorConfig:
    """What an actor computes; all but the numbers.

    Attributes:
        obs_dim: columns of the raw observation that `predict` takes.
        act_dim: columns of the action.
        hidden_sizes: widths of the hidden layers.
        activation: between layers.
        squash: how the last layer becomes an action: `tanh` stretched to the bounds, or `clip` to them.
        std: of the Gaussian before squashing: from the `state` (the last layer gives mean and log-std), a
            `parameter`, or `none` (the policy cannot be sampled; it acts the same either way).
        log_std_bound: how the raw log-std is kept in `log_std_range`: `tanh` (smoothly), `clamp`, or `none`.
        log_std_range: its bounds.
        obs_clip: standardised observations are clipped to plus and minus this; None leaves them.
        columns: which columns of the raw observation the network sees; None for all.
        env_id: the task that it was trained on, if known.
    """

    obs_dim: int
    act_dim: int
    hidden_sizes: tuple[int, ...]
    activation: Activation = "relu"
    squash: Squash = "tanh"
    std: Std = "state"
    log_std_bound: LogStdBound = "none"
    log_std_range: tuple[float, float] = (-5.0, 2.0)
    obs_clip: float | None = None
    columns: tuple[int, ...] | None = None
    env_id: str | None = None

    def __post_init__(self) -> None:
        choices = {"activation": Activation, "squash": Squash, "std": Std, "log_std_bound": LogStdBound}
        for name, kind in choices.items():
            if getattr(self, name) not in get_args(kind):
                raise InputError(f"{name} of an actor must be one of {get_args(kind)}, not {getattr(self, name)!r}")
        if min(self.obs_dim, self.act_dim, *self.hidden_sizes) < 1:
            raise InputError("the sizes of an actor (obs_dim, act_dim, hidden_sizes) must be 1 or more")
        limits = [*self.log_std_range, *([] if self.obs_clip is None else [self.obs_clip])]
        if not all(abs(limit) <= LARGEST for limit in limits):
            raise InputError(f"log_std_range and obs_clip of an actor must be numbers of float32, not {limits}")
        if self.columns is not None and not all(0 <= column < self.obs_dim for column in self.columns):
            raise InputError(f"the columns of an actor must lie in 0 .. {self.obs_dim - 1}")


class Actor(nn.Module):
    """An MLP policy on raw observations, Gaussian before it is squashed or clipped to the action bounds.

    The weights start at random; `load_state_dict` or `Actor.load` fill them. Samples draw on torch's global
    random state.

    Buffers and parameters, by name: `layers.<i>.weight`, `layers.<i>.bias`, `obs_mean`, `obs_std` (of the columns
    seen), `action_low`, `action_high`, and `log_std` if it is a parameter.

    Example:
        >>> actor = Actor(ActorConfig(obs_dim=3, act_dim=2, hidden_sizes=(8,)))
        >>> action, _ = actor.predict(np.zeros((5, 3)), deterministic=True)
        >>> action.shape
        (5, 2)
    """

    obs_mean: Tensor
    obs_std: Tensor
    action_low: Tensor
    action_high: Tensor
    log_std: Tensor
    columns: Tensor

    def __init__(self, config: ActorConfig) -> None:
        super().__init__()
        self.config = config
        seen = config.obs_dim if config.columns is None else len(config.columns)
        out = config.act_dim * (2 if config.std == "state" else 1)
        sizes = (seen, *config.hidden_sizes, out)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.activation = ACTIVATIONS[config.activation]()
        self.register_buffer("obs_mean", torch.zeros(seen))
        self.register_buffer("obs_std", torch.ones(seen))
        self.register_buffer("action_low", -torch.ones(config.act_dim))
        self.register_buffer("action_high", torch.ones(config.act_dim))
        if config.std == "parameter":
            self.log_std = nn.Parameter(torch.zeros(config.act_dim))
        columns = torch.arange(seen) if config.columns is None else torch.tensor(config.columns)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor | None]:
        """Mean and log-std before squashing, each (batch, act_dim), for raw observations (batch, obs_dim)."""
        config = self.config
        x = observations if config.columns is None else observations[:, self.columns]
        x = (x - self.obs_mean) / self.obs_std
        if config.obs_clip is not None:
            x = x.clamp(-config.obs_clip, config.obs_clip)
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        x = self.layers[-1](x)
        if config.std == "none":
            return x, None
        if config.std == "parameter":
            return x, self._bounded(self.log_std).expand_as(x)
        mean, log_std = x.chunk(2, dim=-1)
        return mean, self._bounded(log_std)

    def squash(self, unsquashed: Tensor) -> Tensor:
        """Actions within the bounds, (batch, act_dim)."""
        if self.config.squash == "clip":
            return torch.minimum(torch.maximum(unsquashed, self.action_low), self.action_high)
        half = (self.action_high - self.action_low) / 2
        return (self.action_high + self.action_low) / 2 + half * torch.tanh(unsquashed)

    @torch.no_grad()
    def predict(
        self,
        observation: NDArray[Any],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[np.float32], tuple[NDArray[Any], ...] | None]:
        """Actions for one raw observation (obs_dim,) or a batch of them (batch, obs_dim).

        Args:
            observation: as the environment gives it, of any float type.
            state: ignored and handed back; this policy has no memory.
            episode_start: ignored, likewise.
            deterministic: the mean action instead of a sample.

        Raises:
            InputError: the observation has another number of columns.
        """
        observation = np.asarray(observation)
        if observation.ndim not in (1, 2) or observation.shape[-1] != self.config.obs_dim:
            raise InputError(
                f"the policy takes observations of {self.config.obs_dim} columns"
                f"{f' ({self.config.env_id})' if self.config.env_id else ''}, not of shape {observation.shape}"
            )
        rows = torch.as_tensor(np.atleast_2d(observation).astype(np.float32), device=self.obs_mean.device)
        mean, log_std = self(rows)
        if not deterministic and log_std is not None:
            mean = mean + log_std.exp() * torch.randn_like(mean)
        actions = self.squash(mean).cpu().numpy()
        return (actions if observation.ndim == 2 else actions[0]), state

    def save(self, folder: str | Path) -> None:
        """Write `actor.json` and `actor.safetensors` into `folder`, which is made if it is missing."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}
        save_file(tensors, folder / "actor.safetensors")
        (folder / "actor.safetensors").chmod(0o644)  # safetensors leaves it to its owner alone
        described = {"format": FORMAT, **dataclasses.asdict(self.config)}
        (folder / "actor.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Actor:
        """Read what `save` wrote.

        Raises:
            InputError: a file is missing, cut short, or does not fit the other.
        """
        return read_folder(Path(folder), cls._load)

    @classmethod
    def _load(cls, folder: Path) -> Actor:
        config = _read_config(file_inside(folder, "actor.json"))
        path = file_inside(folder, "actor.safetensors")
        tensors = read_tensors(path)
        with reading(path.parent / "actor.json", [tensors]):
            actor = cls(config)
            _check_tensors(path, actor.state_dict(), tensors)
        load_tensors(actor, tensors, path)
        return actor.eval()

    def _bounded(self, log_std: Tensor) -> Tensor:
        low, high = self.config.log_std_range
        if self.config.log_std_bound == "tanh":
            return low + (high - low) / 2 * (torch.tanh(log_std) + 1)
        return log_std.clamp(low, high) if self.config.log_std_bound == "clamp" else log_std


def _read_config(path: Path) -> ActorConfig:
    if not path.exists():
        raise InputError(f"{path} is missing: the folder holds no actor")
    described = read_json(path)
    if not isinstance(described, dict) or described.pop("format", None) != FORMAT:
        raise InputError(f'{path} is no actor of this package: its "format" must be "{FORMAT}"')
    config: ActorConfig = validate(ActorConfig, described, path)
    return config


def _check_tensors(path: Path, expected: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    if missing := sorted(expected.keys() - found.keys()):
        raise InputError(f"{path} lacks {', '.join(missing)}, which actor.json asks for")
    if unknown := sorted(found.keys() - expected.keys()):
        raise InputError(f"{path} holds {', '.join(unknown)}, which actor.json does not mention")
    for name, tensor in expected.items():
        if found[name].shape != tensor.shape:
            raise InputError(
                f"{path}: {name} has shape {tuple(found[name].shape)}, actor.json asks for {tuple(tensor.shape)}"
            )
