"""A slow sampler distilled into a fast one: how much faster is the student, and how much of the teacher did it learn?

`python benchmarks/flow_distillation.py` fits a masked autoregressive flow to the transitions (s, a) of a shipped
expert, distils it into an inverse autoregressive flow, and prints the rows a second that each samples, both with one
thread, in turn, and the teacher's own opinion of either's samples.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import gymnasium as gym
import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from experts import load_demonstrations
from genrl.evaluation import same_distribution
from genrl.flows import InverseAutoregressiveFlow, MaskedAutoregressiveFlow, distil
from genrl.training.gradient_fitting import GradientFitting

NOISE = 0.05  # of each column's deviation: an expert's actions are a function of its states


@dataclass(frozen=True, kw_only=True)
class DistillationConfig:
    """What is fitted, and how often the sampling is timed."""

    env: str = "Hopper-v4"
    """The expert's task."""
    updates: int = 3000
    """Gradient steps of the teacher, and of the student."""
    rows: int = 4096
    """Sampled at once."""
    rounds: int = 5
    """Timed, of which the median counts."""
    seed: int = 0
    """Of everything random."""


def transitions_of(env: str) -> Tensor:
    """(rows, columns) standardised states and actions, with a little noise."""
    with gym.make(env) as task:
        pairs = load_demonstrations(env, stochastic=False).transitions(task.action_space)
    steps = torch.cat([pairs.observations, pairs.actions], 1)
    steps = (steps - steps.mean(0)) / steps.std(0)
    return steps + NOISE * torch.randn_like(steps)


def seconds(act: Callable[[], object]) -> float:
    """Processor time of one call, so that other programs on the machine do not count."""
    began = time.thread_time()
    act()
    return time.thread_time() - began


def main(config: DistillationConfig) -> None:
    """Distil a masked autoregressive flow into an inverse autoregressive one, and compare their sampling."""
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    x = transitions_of(config.env)
    fitting = GradientFitting(updates=config.updates, seed=config.seed)
    teacher = MaskedAutoregressiveFlow(fitting=fitting).fit(x)
    student = InverseAutoregressiveFlow()
    history = distil(
        teacher, student, fitting=GradientFitting(updates=config.updates, max_grad_norm=1.0, seed=config.seed)
    )
    times: dict[str, list[float]] = {"teacher": [], "student": []}
    for _ in range(config.rounds):
        for name, model in (("teacher", teacher), ("student", student)):
            times[name].append(seconds(lambda model=model: model.sample(config.rows)))  # type: ignore[misc]
    drawn = {"teacher": teacher.sample(config.rows), "student": student.sample(config.rows)}
    table = Table("", "samples/s", "teacher's nats of its samples", title=f"{config.env}, {x.shape[1]} columns")
    with torch.no_grad():
        for name, rows in drawn.items():
            speed = config.rows / median(times[name])
            table.add_row(name, f"{speed:,.0f}", f"{-float(teacher.log_prob(rows).mean()):.2f}")
    Console().print(table)
    ratio = median(times["teacher"]) / median(times["student"])
    p = same_distribution(drawn["teacher"][:500], drawn["student"][:500], seed=config.seed)
    losses = [epoch.validation["loss"] for epoch in history.epochs]
    print(f"{ratio:.1f} times as fast; KL(student || teacher) {losses[0]:.2f} at first, {min(losses):.2f} nats at last")
    print(f"two-sample test between them: p = {p:.3f}")


if __name__ == "__main__":
    main(tyro.cli(DistillationConfig, description=main.__doc__))
