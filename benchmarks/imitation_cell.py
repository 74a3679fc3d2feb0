"""One row of the imitation suite: the task, its demonstrations, flags and budget, and what is to be reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ANT", "CHEETAH", "HOPPER", "HUMANOID", "TASKS", "WALKER", "Cell"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One row of the table.

    Attributes:
        name: what `--rows` takes.
        group: what `--group` takes.
        kind: what is trained: GAIL, a clone, or nothing.
        env: Gymnasium id of the task.
        minutes: wall-clock budget of a seed on two cores.
        tier: which of the shipped experts; the fraction is of its return, too.
        episodes: trajectories of it; None where there are no demonstrations.
        subsample: every n-th pair of them.
        flags: of the training script, beyond those that the fields above stand for; none is the recipe.
        seeds: how many are run if `--seeds` is not given.
        target: fraction of the expert's return that is to be reached.
        marks: (fraction, minutes) that its learning curve is to cross.
    """

    name: str
    group: str
    env: str
    minutes: float
    kind: Literal["gail", "bc", "random"] = "gail"
    tier: str = "expert"
    episodes: int | None = None
    subsample: int = 1
    flags: tuple[str, ...] = ()
    seeds: int = 1
    target: float | None = None
    marks: tuple[tuple[float, float], ...] = ()

    @property
    def learner(self) -> str:
        """The reinforcement learner, or what stands in its place."""
        if self.kind != "gail":
            return self.kind
        return self.flags[self.flags.index("--learner") + 1] if "--learner" in self.flags else "ppo"

    def arguments(self, seed: int) -> tuple[str, ...]:
        """Of the training script."""
        words = ["--env", self.env, "--seed", str(seed)]
        if self.tier != "expert":
            words += ["--tier", self.tier]
        if self.episodes is not None:
            words += ["--episodes", str(self.episodes)]
        if self.subsample != 1:
            words += ["--subsample", str(self.subsample)]
        return (*words, *self.flags)


# One short name for each task, and how the names of its rows begin.
TASKS = {
    "ant": "Ant-v4",
    "humanoid": "Humanoid-v4",
    "hopper": "Hopper-v4",
    "walker2d": "Walker2d-v4",
    "halfcheetah": "HalfCheetah-v4",
}
ANT, HUMANOID, HOPPER, WALKER, CHEETAH = TASKS.values()
