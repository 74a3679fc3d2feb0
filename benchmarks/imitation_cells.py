"""The rows of the imitation suite: the task, its demonstrations, flags and budget, and what is to be reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from agents.generative_choices import LearnedPolicyName, PolicyName, RewardName
from genrl.errors import InputError

__all__ = ["ABLATION", "CELLS", "GROUPS", "Cell", "select"]


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

RECIPE = (
    Cell(name="ant-shipped-1", group="ant", env=ANT, episodes=1, minutes=60, seeds=3, target=0.90),
    Cell(name="ant-shipped-4", group="ant", env=ANT, episodes=4, minutes=60, target=0.90),
    Cell(
        name="ant-shipped-25",
        group="ant",
        env=ANT,
        episodes=25,
        minutes=60,
        seeds=3,
        target=0.90,
        marks=((0.6, 10), (0.8, 25)),
    ),
    Cell(name="ant-medium-1", group="ant", env=ANT, tier="medium", episodes=1, minutes=60, target=1.0),
    Cell(name="ant-medium-4", group="ant", env=ANT, tier="medium", episodes=4, minutes=60, target=1.0),
    Cell(name="ant-medium-25", group="ant", env=ANT, tier="medium", episodes=25, minutes=60, target=1.0),
    Cell(
        name="ant-medium-25-sub20",
        group="ant",
        env=ANT,
        tier="medium",
        episodes=25,
        subsample=20,
        minutes=60,
        target=1.0,
    ),
    Cell(
        name="humanoid-shipped-1",
        group="humanoid",
        env=HUMANOID,
        episodes=1,
        minutes=60,
        seeds=3,
        target=0.95,
        marks=((0.9, 20),),
    ),
    Cell(name="humanoid-shipped-4", group="humanoid", env=HUMANOID, episodes=4, minutes=60, target=0.95),
    Cell(name="humanoid-shipped-10", group="humanoid", env=HUMANOID, episodes=10, minutes=60, target=0.95),
    Cell(name="humanoid-medium-1", group="humanoid", env=HUMANOID, tier="medium", episodes=1, minutes=60, target=1.0),
    Cell(name="humanoid-medium-4", group="humanoid", env=HUMANOID, tier="medium", episodes=4, minutes=60, target=1.0),
    Cell(name="hopper-1", group="planar", env=HOPPER, episodes=1, minutes=30, target=1.0),
    Cell(name="hopper-4", group="planar", env=HOPPER, episodes=4, minutes=30, seeds=3, target=1.0),
    Cell(name="walker2d-1", group="planar", env=WALKER, episodes=1, minutes=30, target=1.0),
    Cell(name="walker2d-4", group="planar", env=WALKER, episodes=4, minutes=30, target=1.0),
    Cell(name="halfcheetah-4", group="planar", env=CHEETAH, episodes=4, minutes=30, target=0.60),
)

# Ho & Ermon 2016, section 6: TRPO from noise, 100-100 tanh, 25 million steps; the reward is ours.
PAPER_SETTINGS = (
    *("--learner", "trpo", "--no-bc-warm-start", "--n-timesteps", "25000000"),
    *("--network.hidden", "100", "100", "--discriminator.hidden", "100", "100"),
    *("--trpo.gamma", "0.995", "--trpo.gae-lambda", "0.97", "--trpo.target-kl", "0.01", "--trpo.cg-damping", "0.1"),
)
PAPER_FRACTIONS = {4: 0.75, 11: 0.78, 18: 0.72, 25: 0.98}
OTHER_LEARNERS = ("trpo", "sac", "td3", "tqc", "crossq")

ABLATION: dict[str, tuple[str, ...]] = {
    "recipe": (),
    "expert-without-noise": ("--stochastic", "False"),
    "no-warm-start": ("--no-bc-warm-start",),
    "no-teacher": ("--warm-start.teacher-pairs", "0"),
    "units-half-and-half": ("--warm-start.untrained-share", "0.5"),
    "policy-not-held": ("--warm-start.held-rollouts", "0"),
    "fixed-learning-rate": ("--ppo.desired-kl", "None"),
    "slow-discriminator": ("--discriminator.training.learning-rate", "3e-4"),
    "no-gradient-penalty": ("--discriminator.training.penalty-weight", "0"),
    "gradient-penalty-5": ("--discriminator.training.penalty-weight", "5"),
    "reward-not-scaled": ("--reward-scale", "1"),
    "living-not-paid": ("--reward-offset", "0"),
    "bare-logit": ("--reward-form", "airl"),
    "minus-log-one-minus-d": ("--reward-form", "gail"),
    "without-actions": ("--discriminator.inputs", "state-next-state"),
}
"""What is taken out of the recipe, and the flags that do it."""


def _baselines() -> list[Cell]:
    """Beside each row what cloning makes of the same data; for each task the control and random actions."""
    clones = [
        Cell(
            name=f"bc-{cell.name}",
            group="bc",
            kind="bc",
            env=cell.env,
            tier=cell.tier,
            episodes=cell.episodes,
            subsample=cell.subsample,
            minutes=15,
        )
        for cell in RECIPE
    ]
    controls = [
        Cell(name=f"control-{task}", group="control", env=env, episodes=1, flags=("--zero-demonstrations",), minutes=15)
        for task, env in TASKS.items()
    ]
    chance = [
        Cell(name=f"random-{task}", group="random", kind="random", env=env, minutes=5) for task, env in TASKS.items()
    ]
    return [*controls, *chance, *clones]


def _paper() -> list[Cell]:
    return [
        Cell(
            name=f"paper-ant-{episodes}",
            group="paper",
            env="Ant-v4",
            tier="medium",
            episodes=episodes,
            subsample=20,
            flags=PAPER_SETTINGS,
            minutes=150,
            target=fraction,
        )
        for episodes, fraction in PAPER_FRACTIONS.items()
    ]


def _learners() -> list[Cell]:
    """The same demonstrations under every other learner, with its own settings."""
    return [
        Cell(
            name=f"{learner}-{task}",
            group="learners",
            env=env,
            episodes=4,
            flags=("--learner", learner),
            minutes=30,
        )
        for task, env in (("hopper", HOPPER), ("ant", ANT))
        for learner in OTHER_LEARNERS
    ]


def _watched() -> list[Cell]:
    """The same demonstrations without their actions."""
    return [
        Cell(name=f"state-only-{task}", group="state-only", env=env, episodes=4, flags=("--state-only",), minutes=30)
        for task, env in (("hopper", HOPPER), ("ant", ANT))
    ]


def _densities() -> list[Cell]:
    """Other rewards than the discriminator, and other policies than the Gaussian, from the same demonstrations.

    Policies that no reward can improve are clones, named after them.
    """
    rewards = [(f"reward-{name}", ("--reward", name)) for name in get_args(RewardName)]
    policies = [(f"policy-{name}", ("--policy", name)) for name in get_args(LearnedPolicyName)]
    cloned = [name for name in get_args(PolicyName) if name not in get_args(LearnedPolicyName)]
    tasks = (("hopper", HOPPER, "1000000", 15, 3), ("ant", ANT, "2000000", 30, 1))
    clones = [
        Cell(
            name=f"bc-policy-{name}-{task}",
            group="densities",
            kind="bc",
            env=env,
            episodes=4,
            flags=("--policy", name),
            minutes=minutes,
        )
        for task, env, _, minutes, _ in tasks
        for name in cloned
    ]
    trained = [
        Cell(
            name=f"{name}-{task}",
            group="densities",
            env=env,
            episodes=4,
            flags=(*flags, "--n-timesteps", steps),
            minutes=minutes,
            seeds=seeds,
        )
        for task, env, steps, minutes, seeds in tasks
        for name, flags in (*rewards, *policies)
    ]
    # As many steps and trajectories as the recipe's own row, for the published rival of its discriminator.
    whole = Cell(
        name="score-ant-shipped-1", group="densities", env=ANT, episodes=1, flags=("--reward", "score"), minutes=60
    )
    return [*trained, *clones, whole]


def _ablation() -> list[Cell]:
    return [
        Cell(
            name=f"ablation-{part}",
            group="ablation",
            env="Ant-v4",
            episodes=4,
            flags=(*flags, "--n-timesteps", "2000000"),
            minutes=60,
            seeds=3,
        )
        for part, flags in ABLATION.items()
    ]


CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in [*RECIPE, *_baselines(), *_paper(), *_learners(), *_watched(), *_densities(), *_ablation()]
}
GROUPS: tuple[str, ...] = tuple(dict.fromkeys(cell.group for cell in CELLS.values()))


def select(rows: Sequence[str], group: str | None) -> list[Cell]:
    """The cells named, and those of a group; all of them if neither is given or the group is `all`.

    Raises:
        InputError: a name or the group does not exist.
    """
    for name in rows:
        if name not in CELLS:
            raise InputError(f"no row {name!r}: the rows are {', '.join(CELLS)}")
    if group not in (None, "all", *GROUPS):
        raise InputError(f"no group {group!r}: the groups are {', '.join(GROUPS)}, all")
    if group == "all" or (group is None and not rows):
        return list(CELLS.values())
    return [cell for cell in CELLS.values() if cell.name in rows or cell.group == group]
