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
