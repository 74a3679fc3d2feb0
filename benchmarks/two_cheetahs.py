"""Two HalfCheetahs with different bodies: states of each, and which state of one is meant by a state of the other.

The other body has thighs and shins a quarter longer and a torso a fifth longer; a *turned* one also counts the angles
of its front leg the other way round. A state of the other body *corresponds* to one of the first if its torso has the
same pitch and its joints are bent alike, all velocities included, and the torso is higher by what its legs are longer
at these angles: the lowest points of both bodies are at the same height.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import gymnasium
import mujoco
import numpy as np
from gymnasium.envs.mujoco import half_cheetah_v4
from numpy.typing import NDArray

__all__ = ["corresponding", "expert_actions", "other_body", "states_of"]

Array = NDArray[np.float64]

LONGER = {"bthigh": 1.25, "bshin": 1.25, "fthigh": 1.25, "fshin": 1.25, "torso": 1.2}
TURNED = ("fthigh", "fshin", "ffoot")
SIGNS = np.array([1.0, 1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
"""Of a turned body's positions that are observed: height, pitch, and the six joints."""
NOISE = 0.3
STANDARD = Path(half_cheetah_v4.__file__).parent / "assets" / "half_cheetah.xml"


def other_body(*, turned: bool = False) -> str:
    """The XML of the other body."""
    root = ElementTree.fromstring(STANDARD.read_text())
    for body in root.iter("body"):
        factor = LONGER.get(body.get("name", ""))
        for part in [*body.findall("geom"), *body.findall("body")] if factor else []:
            _stretch(part, factor or 1.0)
    for joint in root.iter("joint"):
        if turned and joint.get("name") in TURNED:
            joint.set("axis", "0 -1 0")
            low, high = (float(word) for word in joint.get("range", "").split())
            joint.set("range", f"{-high} {-low}")
    return ElementTree.tostring(root, encoding="unicode")


def states_of(xml: str, steps: int, seed: int, act: Callable[[Array], Array] | None = None) -> Array:
    """Observations of HalfCheetah-v5, whose 17 numbers are those of v4, but which can be given a body.

    Args:
        xml: of the body.
        steps: observations.
        seed: of starts and actions.
        act: from observation to action; by default actions are uniform.

    Returns:
        (steps, 17): height and pitch of the torso, six joint angles, and the nine velocities.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "body.xml"
        path.write_text(xml)
        env = gymnasium.make("HalfCheetah-v5", xml_file=str(path), max_episode_steps=200)
        env.action_space.seed(seed)
        observation, _ = env.reset(seed=seed)
        rows = []
        for _ in range(steps):
            rows.append(observation)
            action = env.action_space.sample() if act is None else act(observation)
            observation, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                observation, _ = env.reset()
        env.close()
    return np.array(rows)


def expert_actions(*, turned: bool, seed: int) -> Callable[[Array], Array]:
    """From observation to action as the shipped expert of HalfCheetah-v4 acts, with noise, to be seen off its way.

    It was trained in the first body, and moves the other one as if it were that: the angles of a turned leg are turned
    back before it looks, and its actions after. The noise has a deviation of `NOISE`, in half ranges of an action.
    """
    from experts import load_expert

    expert, noise = load_expert("HalfCheetah-v4"), np.random.default_rng(seed)
    signs = SIGNS if turned else np.ones(8)
    seen = np.concatenate((signs, [1.0], signs))

    def act(observation: Array) -> Array:
        action, _ = expert.predict((observation * seen).astype(np.float32), deterministic=True)
        return np.clip(signs[2:] * action + NOISE * noise.standard_normal(6), -1.0, 1.0)

    return act


def corresponding(observations: Array, *, turned: bool = False) -> Array:
    """The states of the other body that are meant by states of the first, (rows, 17)."""
    positions, velocities = observations[:, :8], observations[:, 8:]
    signs = SIGNS if turned else np.ones(8)
    mapped = positions * signs
    standard = mujoco.MjModel.from_xml_string(STANDARD.read_text())
    other = mujoco.MjModel.from_xml_string(other_body(turned=turned))
    mapped[:, 0] += _lowest(standard, positions) - _lowest(other, mapped)
    return np.concatenate((mapped, velocities * np.concatenate(([1.0], signs))), 1)


def _stretch(part: ElementTree.Element, factor: float) -> None:
    """Move a part out along its parent, and make it longer if it is a bone."""
    for name in ("pos", "fromto"):
        if name in part.attrib:
            part.set(name, " ".join(str(factor * float(word)) for word in part.attrib[name].split()))
    if part.tag == "geom" and "fromto" not in part.attrib and part.get("name") != "head":
        radius, half = part.get("size", "").split()
        part.set("size", f"{radius} {factor * float(half)}")


def _lowest(model: mujoco.MjModel, positions: Array) -> Array:
    """Height of the lowest end of any capsule, (rows,)."""
    data = mujoco.MjData(model)
    capsules = np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_CAPSULE)
    heights = np.empty(len(positions))
    for row, each in enumerate(positions):
        data.qpos[1:] = each
        mujoco.mj_kinematics(model, data)
        half = np.abs(data.geom_xmat[capsules, 8]) * model.geom_size[capsules, 1]
        heights[row] = (data.geom_xpos[capsules, 2] - half - model.geom_size[capsules, 0]).min()
    return heights
