"""The rows of the imitation suite: the recipe on each task, what stands beside it, and what is taken out of it."""

from __future__ import annotations

from collections.abc import Sequence

from imitation_cell import ANT, CHEETAH, HOPPER, HUMANOID, TASKS, WALKER, Cell
from imitation_choices import CHOICES

from genrl.errors import InputError

__all__ = ["ABLATION", "CELLS", "GROUPS", "select"]

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
PAPER = tuple(
    Cell(
        name=f"paper-ant-{episodes}",
        group="paper",
        env=ANT,
        tier="medium",
        episodes=episodes,
        subsample=20,
        flags=PAPER_SETTINGS,
        minutes=150,
        target=fraction,
    )
    for episodes, fraction in PAPER_FRACTIONS.items()
)

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
        for cell in (*RECIPE, *PAPER)
    ]
    controls = [
        Cell(name=f"control-{task}", group="control", env=env, episodes=1, flags=("--zero-demonstrations",), minutes=15)
        for task, env in TASKS.items()
    ]
    chance = [
        Cell(name=f"random-{task}", group="random", kind="random", env=env, minutes=5) for task, env in TASKS.items()
    ]
    return [*controls, *chance, *clones]


def _ablation() -> list[Cell]:
    return [
        Cell(
            name=f"ablation-{part}",
            group="ablation",
            env=ANT,
            episodes=4,
            flags=(*flags, "--n-timesteps", "2000000"),
            minutes=60,
            seeds=3,
        )
        for part, flags in ABLATION.items()
    ]


CELLS: dict[str, Cell] = {cell.name: cell for cell in [*RECIPE, *_baselines(), *PAPER, *CHOICES, *_ablation()]}
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
