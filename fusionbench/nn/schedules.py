"""Learning rate schedules, relative to the initial rate."""

from __future__ import annotations

import math


def constant_then_cosine(done: float, constant: float, last: float) -> float:
    """Constant 1, then a half cosine down to `last`.

    Args:
        done: fraction of the steps that are done; 1 after the last one.
        constant: fraction of the steps before the cosine begins.
        last: the final rate.

    Example:
        >>> [constant_then_cosine(done, 0.6, 0.0) for done in (0.0, 0.6, 1.0)]
        [1.0, 1.0, 0.0]
    """
    if done <= constant:
        return 1.0
    turn = math.pi * min((done - constant) / (1 - constant), 1)
    return last + (1 - last) * (1 + math.cos(turn)) / 2


def warm_up_then_cosine(step: int, total: float, warm_up: float, last: float) -> float:
    """The factor of a learning rate that rises linearly and then falls along half a cosine; 1 if there is no end.

    Args:
        step: counted from 0.
        total: number of steps; infinite if it is unknown.
        warm_up: fraction of the steps in which the rate rises.
        last: factor at the end.

    Example:
        >>> [warm_up_then_cosine(step, 100, 0.02, 0.0) for step in (0, 1, 100)]
        [0.5, 1.0, 0.0]
    """
    if not math.isfinite(total):
        return 1.0
    warm = max(1, round(warm_up * total))
    if step < warm:
        return (step + 1) / warm
    return constant_then_cosine((step - warm) / max(1, total - warm), 0.0, last)
