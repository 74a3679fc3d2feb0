"""Rows of the imitation suite for everything that can be chosen in the recipe's place."""

from __future__ import annotations

from typing import get_args

from imitation_cell import ANT, HOPPER, Cell

from agents.discriminator_reward import ObjectiveName, RewardFormName
from agents.gail_config import LearnerName
from agents.generative_choices import LearnedPolicyName, PolicyName, RewardName

__all__ = ["CHOICES"]

OTHER_LEARNERS = tuple(name for name in get_args(LearnerName) if name != "ppo")


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


def _forms() -> list[Cell]:
    """Every form of the reward, every objective and absorbing states, from noise: a clone hides what pays it."""
    forms = [(f"form-{name}", ("--reward-form", name)) for name in get_args(RewardFormName)]
    objectives = [(f"objective-{name}", ("--objective", name)) for name in get_args(ObjectiveName) if name != "gan"]
    return [
        Cell(
            name=f"{name}-hopper",
            group="forms",
            env=HOPPER,
            episodes=4,
            flags=(*flags, "--no-bc-warm-start", "--n-timesteps", "1000000"),
            minutes=15,
        )
        for name, flags in (*forms, *objectives, ("absorbing", ("--absorbing",)))
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


CHOICES: tuple[Cell, ...] = (*_learners(), *_watched(), *_forms(), *_densities())
