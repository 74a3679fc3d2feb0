"""An environment of stable-baselines3 whose every step is dreamt by a world model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn
from torch import Tensor

from genrl.action_encoding import encode_actions
from genrl.errors import InputError, NotFiniteError
from genrl.finite import describe_not_finite, is_finite
from genrl.world_models.dreamt import Dreamer, DreamState, ended
from genrl.world_models.terminations import TerminationRule

__all__ = ["DreamVecEnv"]


class DreamVecEnv(VecEnv):
    """Many dreams at once, each begun from a real state and cut short before it loses touch with what is real.

    A dream ends as an episode does: terminated, where the task's rule or the model says so; truncated after `horizon`
    steps; or truncated where the model's disagreement exceeds what all but a fraction of held-out real steps stayed
    below, so that a learner bootstraps there rather than believe what comes. The step that went too far is still
    given. What cut a dream short is in `infos[i]["dream_disagreed"]`.

    Args:
        model: fitted; its device does the work.
        num_envs: dreams side by side.
        horizon: the most steps of a dream.
        starts: (rows, observation_dim) real states to begin from, drawn at random; by default those that the model
            keeps of its experience.
        termination: the task's own rule, in place of what the model learned.
        disagreement_level: quantile of held-out disagreement at which a dream is cut; None never cuts.
        seed: of starts and dreams.

    Raises:
        InputError: the model has not been fitted, or a number is out of its range.
    """

    def __init__(
        self,
        model: Dreamer,
        num_envs: int = 1024,
        *,
        horizon: int = 20,
        starts: Tensor | None = None,
        termination: TerminationRule | None = None,
        disagreement_level: float | None = 0.99,
        seed: int = 0,
    ) -> None:
        space = model.require_built()
        self.model = model
        self.horizon = horizon
        self.starts = (model.starts if starts is None else starts).to(model.device)
        self.termination = termination
        self.render_mode = None
        if num_envs < 1 or horizon < 1:
            raise InputError(f"num_envs and horizon must be 1 or more, not {num_envs} and {horizon}")
        if self.starts.ndim != 2 or not len(self.starts) or self.starts.shape[1] != model.observation_features:
            raise InputError(
                f"starts must be (rows, {model.observation_features}) real observations, not {tuple(self.starts.shape)}"
            )
        self.limit = float("inf") if disagreement_level is None else model.disagreement_quantile(disagreement_level)
        self._generator = torch.Generator(model.device).manual_seed(seed)
        self._elapsed = np.zeros(num_envs, dtype=np.int64)
        self._state: DreamState | None = None
        self._actions: NDArray[Any] = np.zeros(0)
        observed = spaces.Box(-np.inf, np.inf, (model.observation_features,), np.float32)
        super().__init__(num_envs, observed, space)

    @torch.no_grad()
    def reset(self) -> NDArray[np.float32]:
        """Begin all dreams anew; a seed given by `seed()` takes effect here."""
        if self._seeds and self._seeds[0] is not None:
            self._generator.manual_seed(self._seeds[0])
        self._reset_seeds()
        self._reset_options()
        observations = self._drawn_starts(self.num_envs)
        self._state = self.model.begin(observations, self._generator)
        self._elapsed[:] = 0
        return observations.cpu().numpy().copy()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions of the next step, one row a dream."""
        if self._state is None:
            raise InputError("step() before reset(): call reset() once to begin the dreams")
        if len(actions) != self.num_envs:
            raise InputError(f"{len(actions)} actions for {self.num_envs} dreams: one row each")
        self._actions = actions

    @torch.no_grad()
    def step_wait(self) -> VecEnvStepReturn:
        """Dream one step; observations (num_envs, columns), rewards and dones (num_envs,), infos.

        Raises:
            NotFiniteError: the model has dreamt NaN or infinity.
        """
        assert self._state is not None
        actions = torch.as_tensor(encode_actions(self.action_space, self._actions), device=self.model.device)
        dreamt = self.model.advance(self._state, actions, self._generator)
        terminated = ended(dreamt, self.termination, self._generator).cpu().numpy()
        disagreed = (dreamt.disagreement > self.limit).cpu().numpy()
        self._elapsed += 1
        dones = terminated | disagreed | (self._elapsed >= self.horizon)
        observations = dreamt.observations.float().cpu().numpy().copy()
        # New arrays at each step: the learner adds to the rewards in place.
        rewards = dreamt.rewards.float().cpu().numpy().copy()
        self._require_finite(observations, "an observation")
        self._require_finite(rewards, "a reward")
        infos: list[dict[str, Any]] = [{"TimeLimit.truncated": False} for _ in range(self.num_envs)]
        self._state = dreamt.state
        over = np.flatnonzero(dones)
        for i in over.tolist():
            infos[i]["TimeLimit.truncated"] = not terminated[i]
            infos[i]["dream_disagreed"] = bool(disagreed[i])
            infos[i]["terminal_observation"] = observations[i].copy()
        if len(over):
            observations[over] = self._begin_anew(over)
        return observations, rewards, dones, infos

    def _require_finite(self, rows: NDArray[np.float32], what: str) -> None:
        if not is_finite(rows):
            dream = int(np.flatnonzero(~np.isfinite(rows.reshape(self.num_envs, -1)).all(axis=1))[0])
            raise NotFiniteError(
                f"{type(self.model).__name__} dreamt {what} that is not finite ({describe_not_finite(rows[dream])}) in "
                f"step {self._elapsed[dream]} of dream {dream}: a shorter horizon, or more real steps, may help"
            )

    def simulator_state(self) -> dict[str, NDArray[Any]]:
        """Where the dreams are, and the state of their random generator; nothing before the first `reset`."""
        if self._state is None:
            return {}
        dreams = {f"dream_{name}": tensor.cpu().numpy().copy() for name, tensor in self._state.items()}
        return {**dreams, "elapsed": self._elapsed.copy(), "generator": self._generator.get_state().numpy().copy()}

    def restore_simulator_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `simulator_state` gave, in the same model.

        Raises:
            InputError: the state is of another number of dreams.
        """
        if "elapsed" not in state or state["elapsed"].shape != self._elapsed.shape:
            raise InputError(f"the saved state is not that of {self.num_envs} dreams")
        self._elapsed = np.array(state["elapsed"])
        self._generator.set_state(torch.from_numpy(np.array(state["generator"])))
        self._state = {
            name.removeprefix("dream_"): torch.from_numpy(np.array(array)).to(self.model.device)
            for name, array in state.items()
            if name.startswith("dream_")
        }
        self._reset_seeds()

    def _begin_anew(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        assert self._state is not None
        index = torch.as_tensor(rows, device=self.model.device)
        observations = self._drawn_starts(len(rows))
        fresh = self.model.begin(observations, self._generator)
        self._state = {name: tensor.index_copy(0, index, fresh[name]) for name, tensor in self._state.items()}
        self._elapsed[rows] = 0
        return observations.cpu().numpy()

    def _drawn_starts(self, count: int) -> Tensor:
        device = self.starts.device
        return self.starts[torch.randint(len(self.starts), (count,), generator=self._generator, device=device)]

    def close(self) -> None:
        """Nothing is held that must be given back."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute of this object, once for each dream: they share all of them."""
        value = getattr(self, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refuse: the dreams are rows of tensors and have no attributes of their own."""
        raise InputError(f"cannot set {attr_name!r} here: give it to the constructor")

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Refuse: the dreams have no methods of their own."""
        raise InputError(f"a dream has no method {method_name!r}")

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Tell that no dream is wrapped."""
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """None of each: a dream of vectors has no picture."""
        return [None for _ in range(self.num_envs)]
