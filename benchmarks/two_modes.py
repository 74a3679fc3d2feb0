"""Cloning an expert that passes an obstacle now on one side, now on the other: which policies keep both ways?

`python benchmarks/two_modes.py` clones the same demonstrations with a policy of every kind, lets each walk, prints how
often it hits the obstacle, which ways it goes and how far aside it turns where they part if it acts without noise, and
draws the walks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import gymnasium as gym
import numpy as np
import torch
import tyro
from gymnasium import spaces
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.vec_env import DummyVecEnv

from agents import BehaviourCloning, CloningConfig
from agents.generative_choices import PolicyName
from genrl.policies import ActorCriticNetwork
from genrl.transitions import Demonstrations, Trajectory

OBSTACLE, RADIUS = np.array([1.0, 0.0]), 0.35
STEPS, SPEED = 20, 0.1
ACROSS = 6  # panels of the figure, side by side

Walk = NDArray[np.float32]
"""(STEPS + 1, 4) places and last steps."""


@dataclass(frozen=True, kw_only=True)
class TwoModesConfig:
    """How much is cloned and walked."""

    demonstrations: int = 60
    """Walks of the expert."""
    updates: int = 3000
    """Gradient steps of cloning."""
    walks: int = 100
    """Walks of each policy."""
    seed: int = 0
    """Of everything random."""
    out: Path = Path("docs/two-modes.png")
    """The figure."""


class Plane(gym.Env[NDArray[np.float32], NDArray[np.float32]]):
    """A point walks from the origin; it sees its place and its last step, and the action is the next step."""

    observation_space = spaces.Box(-4.0, 4.0, (4,), np.float32)
    action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Near the origin, at rest."""
        super().reset(seed=seed)
        self.state = np.concatenate([self.np_random.normal(0.0, 0.02, 2), np.zeros(2)]).astype(np.float32)
        self.taken = 0
        return self.state, {}

    def step(self, action: NDArray[np.float32]) -> Any:
        """Goes there; 1 is a tenth of a unit."""
        taken = np.clip(action, -1.0, 1.0)
        self.state = np.concatenate([self.state[:2] + SPEED * taken, taken]).astype(np.float32)
        self.taken += 1
        return self.state, 0.0, False, self.taken == STEPS, {}


def expert_action(state: NDArray[np.floating[Any]], side: float) -> NDArray[np.float32]:
    """At rest, to one side of the obstacle; then straight on."""
    return np.array([0.8, 0.55 * side], np.float32) if not state[2:].any() else state[2:].astype(np.float32)


def walk(act: Callable[[NDArray[Any]], NDArray[np.float32]], seed: int) -> tuple[Walk, NDArray[np.float32]]:
    """States and actions of one episode."""
    env = Plane()
    place, _ = env.reset(seed=seed)
    places, actions = [place], []
    for _ in range(STEPS):
        action = act(places[-1])
        place, *_ = env.step(action)
        places.append(place)
        actions.append(action)
    return np.array(places), np.array(actions)


def demonstrations_of(count: int) -> Demonstrations:
    """Walks of the expert, on one side after the other."""
    trajectories = []
    for number in range(count):
        side = 1.0 if number % 2 else -1.0
        places, actions = walk(lambda state, side=side: expert_action(state, side), seed=number)  # type: ignore[misc]
        trajectories.append(
            Trajectory(
                observations=places,
                actions=actions,
                rewards=np.zeros(STEPS, np.float32),
                terminated=False,
                truncated=True,
            )
        )
    return Demonstrations.from_trajectories(trajectories)


def clone_of(policy: PolicyName, demonstrations: Demonstrations, config: TwoModesConfig) -> BehaviourCloning:
    """A policy of that kind, fitted to the expert's walks."""
    network = ActorCriticNetwork(hidden=(64, 64), activation="relu", log_std_init=-2.0)
    cloning = CloningConfig(updates=config.updates, policy=policy, network=network)
    return BehaviourCloning(DummyVecEnv([Plane]), demonstrations, config=cloning, seed=config.seed).learn()


def walks_of(clone: BehaviourCloning, config: TwoModesConfig) -> list[Walk]:
    """Sampled walks of a clone."""
    torch.manual_seed(config.seed)
    return [walk(acting(clone), seed=1000 + number)[0] for number in range(config.walks)]


def turn_at_the_fork(clone: BehaviourCloning) -> float:
    """How far aside the first action without noise goes: 0.55 or -0.55 for either way, 0 for their average."""
    action, _ = clone.predict(np.zeros(4, np.float32), deterministic=True)
    return float(action[1])


def acting(clone: BehaviourCloning) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """Samples the actions of one walk, and follows the plan that the clone may have made."""
    plan = None

    def act(state: NDArray[Any]) -> NDArray[np.float32]:
        nonlocal plan
        action, plan = clone.predict(state, plan, deterministic=False)
        return action

    return act


def hits(places: Walk) -> bool:
    """Whether a walk comes into the obstacle."""
    return bool((np.linalg.norm(places[:, :2] - OBSTACLE, axis=1) < RADIUS).any())


def passes_above(places: Walk) -> bool:
    """On which side a walk passes the obstacle."""
    return bool(places[np.abs(places[:, 0] - OBSTACLE[0]).argmin(), 1] > 0)


def draw(walks: dict[str, list[Walk]], path: Path) -> None:
    """A panel for the expert and each policy."""
    across = min(len(walks), ACROSS)
    down = -(-len(walks) // across)
    figure = Figure(figsize=(3.2 * across, 3.0 * down), layout="constrained")
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flatten()
    for axes in panels[len(walks) :]:
        axes.set_axis_off()
    for axes, (name, paths) in zip(panels, walks.items(), strict=False):
        axes.add_patch(Circle((float(OBSTACLE[0]), float(OBSTACLE[1])), RADIUS, color="0.8"))
        for places in paths[:40]:
            axes.plot(places[:, 0], places[:, 1], color="tab:red" if hits(places) else "tab:blue", lw=0.7, alpha=0.6)
        axes.set_title(f"{name}: {np.mean([hits(places) for places in paths]):.0%} hit")
        axes.set(aspect="equal", xlim=(-0.3, 2.3), ylim=(-1.1, 1.1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main(config: TwoModesConfig) -> None:
    """Clone an expert that has two ways with policies of each kind, and count what became of the ways."""
    demonstrations = demonstrations_of(config.demonstrations)
    walks = {"expert": [trajectory.observations for trajectory in demonstrations.trajectories()]}
    turns = {"expert": "±0.55"}
    for name in get_args(PolicyName):
        clone = clone_of(name, demonstrations, config)
        walks[name], turns[name] = walks_of(clone, config), f"{turn_at_the_fork(clone):.2f}"
    table = Table("policy", "hits the obstacle", "passes above", "turn at the fork, without noise")
    for name, paths in walks.items():
        share = np.mean([passes_above(places) for places in paths])
        table.add_row(name, f"{np.mean([hits(places) for places in paths]):.0%}", f"{share:.0%}", turns[name])
    Console().print(table)
    draw(walks, config.out)
    print(f"wrote {config.out}")


if __name__ == "__main__":
    main(tyro.cli(TwoModesConfig, description=main.__doc__))
