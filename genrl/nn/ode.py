"""Ordinary differential equations, solved by steps of a fixed size."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

__all__ = ["runge_kutta"]


def runge_kutta(
    velocity: Callable[[float, Tensor], Tensor], state: Tensor, *, start: float, end: float, steps: int
) -> Tensor:
    """Follow d state / dt = velocity(t, state) by the classical method of fourth order.

    The error falls with the fourth power of `steps`; each costs four evaluations.

    Args:
        velocity: of any state at a time.
        state: at `start`.
        start: time to begin at.
        end: time to arrive at; before `start` is allowed.
        steps: of equal length.

    >>> import torch
    >>> runge_kutta(lambda t, x: x, torch.ones(1), start=0.0, end=1.0, steps=10)  # e
    tensor([2.7183])
    """
    step = (end - start) / steps
    for number in range(steps):
        time = start + number * step
        first = velocity(time, state)
        second = velocity(time + step / 2, state + step / 2 * first)
        third = velocity(time + step / 2, state + step / 2 * second)
        fourth = velocity(time + step, state + step * third)
        state = state + step / 6 * (first + 2 * (second + third) + fourth)
    return state
