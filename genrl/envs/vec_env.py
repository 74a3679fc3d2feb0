"""The stable-baselines3 face of the simulator: a `VecEnv` whose every step is one call of the engine."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
from gymnasium import spaces
from gymnasium.envs.mujoco.mujoco_env import expand_model_path
from gymnasium.utils import seeding
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from genrl.envs.engine import Engine
from genrl.envs.generators import generators_from_array, generators_to_array, seeds_from_array, seeds_to_array
from genrl.envs.model import load_model
from genrl.envs.rendering import Rendering
from genrl.envs.task import FloatArray, State, Task, uniform_noise
from genrl.errors import InputError

__all__ = ["MujocoVecEnv"]


class MujocoVecEnv(VecEnv):
    """Many copies of one MuJoCo task, bit-equal to as many environments of `gym.make` at any number of threads.

    Observations and rewards are float64, as Gymnasium's are, and new arrays at every step. An episode that
    ends is reset at once; its last observation is `infos[i]["terminal_observation"]`, and
    `infos[i]["TimeLimit.truncated"]` says that only the time limit ended it.
    """

    def __init__(
        self,
        spec: gym.envs.registration.EnvSpec,
        task: Task,
        num_envs: int,
        *,
        num_threads: int,
        max_episode_steps: int | None,
        rendering: Rendering | None = None,
    ) -> None:
        """Build the simulations; the first `reset` starts them.

        Args:
            spec: Gymnasium's record of the task, for those who ask which task this is.
            task: the task.
            num_envs: how many copies.
            num_threads: how many threads step them.
            max_episode_steps: the time limit in steps, or None.
            rendering: how to make pictures, or None for an environment without any.
        """
        self.spec = spec
        self.task = task
        self.max_episode_steps = max_episode_steps
        self.render_mode = None if rendering is None else "rgb_array"
        self._rendering = rendering
        model = load_model(expand_model_path(task.xml_file))
        self._engine = Engine(model, num_envs, num_threads, task.derived)
        engine = self._engine
        self._state = State(model, engine.qpos, engine.qvel, engine.ctrl, engine.derived)
        self._dt = model.opt.timestep * task.frame_skip
        data = mujoco.MjData(model)
        self._initial_qpos, self._initial_qvel = data.qpos.copy(), data.qvel.copy()
        self._generators: list[np.random.Generator] = []
        self._elapsed = np.zeros(num_envs, dtype=np.int64)
        self._position: FloatArray = np.zeros(num_envs)
        self._observations = task.observe(self._state)
        self._actions: NDArray[Any] = np.zeros((num_envs, model.nu), dtype=np.float32)
        low, high = model.actuator_ctrlrange.astype(np.float32).T
        super().__init__(
            num_envs,
            spaces.Box(-np.inf, np.inf, self._observations.shape[1:], np.float64),
            spaces.Box(low, high, dtype=np.float32),
        )
        self.metadata = {**self.metadata, "render_fps": round(1 / self._dt)}

    def reset(self) -> FloatArray:
        """Start all episodes anew and return their first observations, (num_envs, size)."""
        started = bool(self._generators)
        self._generators = [
            self._generators[i] if started and seed is None else seeding.np_random(seed)[0]
            for i, seed in enumerate(self._seeds)
        ]
        self._reset_seeds()
        self._reset_options()
        self._start_episodes(np.arange(self.num_envs, dtype=np.int32))
        self._observations = self.task.observe(self._state)
        return self._observations.copy()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions of the next step, (num_envs, size of an action)."""
        if not self._generators:
            raise InputError("step() before reset(): call reset() once to start the episodes")
        actions = np.ascontiguousarray(actions)
        if actions.shape != self._actions.shape:
            raise InputError(f"actions have shape {actions.shape}; {self._actions.shape} is needed")
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step all simulations and return observations, rewards, dones and infos."""
        task, state = self.task, self._state
        self._engine.step(self._actions, task.frame_skip)
        position = np.array(task.position(state))
        velocity = (position - self._position) / self._dt
        self._position = position
        observations = task.observe(state)
        rewards = task.reward(state, velocity, self._actions)
        terminated = task.terminated(state)
        self._elapsed += 1
        dones = terminated
        if self.max_episode_steps is not None:
            dones = terminated | (self._elapsed >= self.max_episode_steps)
        infos: list[dict[str, Any]] = [{"TimeLimit.truncated": False} for _ in range(self.num_envs)]
        ended = np.flatnonzero(dones).astype(np.int32)
        if len(ended):
            for i in ended.tolist():
                infos[i]["TimeLimit.truncated"] = not terminated[i]
                infos[i]["terminal_observation"] = observations[i].copy()
            self._start_episodes(ended)
            observations[ended] = task.observe(state.take(ended))
        self._observations = observations
        return observations.copy(), rewards, dones, infos

    def _start_episodes(self, ids: NDArray[np.int32]) -> None:
        qpos = np.empty((len(ids), len(self._initial_qpos)))
        qvel = np.empty((len(ids), len(self._initial_qvel)))
        for row, i in enumerate(ids.tolist()):
            generator = self._generators[i]
            qpos[row] = uniform_noise(generator, self._initial_qpos, self.task.reset_noise_scale)
            qvel[row] = self.task.initial_velocity(generator, self._initial_qvel)
        self._engine.reset(ids, qpos, qvel)
        self._position[ids] = self.task.position(self._state)[ids]
        self._elapsed[ids] = 0

    def simulator_state(self) -> dict[str, NDArray[Any]]:
        """Return all that is needed to go on to the bit, as arrays with num_envs rows each.

        Raises:
            InputError: there is nothing to save before the first `reset`.
        """
        if not self._generators:
            raise InputError("the simulator has no state before its first reset(): call reset() first")
        return {
            "physics": self._engine.state.copy(),
            "position": self._position.copy(),
            "observations": self._observations.copy(),
            "elapsed_steps": self._elapsed.copy(),
            "generators": generators_to_array(self._generators),
            "seeds": seeds_to_array(self._seeds),
        }

    def restore_simulator_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go back to what `simulator_state` returned, here or in another process.

        Args:
            state: the arrays, of the same task with the same keywords and as many environments;
                `state["observations"]` is what the next actions answer.

        Raises:
            InputError: the arrays are not those of such a simulator.
        """
        mine: dict[str, tuple[int, ...]] = {
            "physics": self._engine.state.shape,
            "position": self._position.shape,
            "observations": self._observations.shape,
            "elapsed_steps": self._elapsed.shape,
            "generators": (self.num_envs, 6),
        }
        for name, shape in mine.items():
            found = np.shape(state[name]) if name in state else "nothing"
            if found != shape:
                raise InputError(
                    f"simulator state: {name!r} is {found} where {self.spec.id} with {self.num_envs} "
                    f"environments has {shape}; restore into the task and number it was saved from"
                )
        self._engine.state[:] = state["physics"]
        self._position = np.array(state["position"], dtype=np.float64)
        self._observations = np.array(state["observations"], dtype=np.float64)
        self._elapsed = np.array(state["elapsed_steps"], dtype=np.int64)
        self._generators = generators_from_array(np.asarray(state["generators"], dtype=np.uint64))
        self._seeds = seeds_from_array(state.get("seeds", np.full(self.num_envs, -1)))

    def render_env(self, index: int = 0) -> NDArray[np.uint8]:
        """Return a picture of one environment, (height, width, 3).

        Raises:
            InputError: the environment was made without `render_mode="rgb_array"`.
        """
        if self._rendering is None:
            raise InputError("no pictures without render_mode='rgb_array': give it to make_vec_env")
        return self._rendering.picture(self._state.model, self._engine.data(index))

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return a picture of each environment."""
        return [self.render_env(i) for i in range(self.num_envs)]

    def close(self) -> None:
        """Stop the threads and free the simulations; nothing else may be called afterwards."""
        if self._rendering is not None:
            self._rendering.close()
        self._engine.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute of this object, once for each environment: they share all of them."""
        value = getattr(self, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refuse: the environments are rows of arrays and have no attributes of their own."""
        raise InputError(f"cannot set {attr_name!r} here: give the task's keywords to make_vec_env")

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call `render`, the one method that an environment has by itself here."""
        if method_name != "render":
            raise InputError(f"the environments here have no method {method_name!r}, only 'render'")
        return [self.render_env(i) for i in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Tell that no environment is wrapped."""
        return [False for _ in self._get_indices(indices)]
