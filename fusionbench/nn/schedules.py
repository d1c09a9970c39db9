"""Learning rates relative to their start."""

from __future__ import annotations

import math


def constant_then_cosine(done: float, constant: float, last: float) -> float:
    """One, then half a cosine.

    Args:
        done: share of the steps; one from the last on.
        constant: share of the steps before the cosine begins.
        last: the rate at the end.

    Example:
        >>> [constant_then_cosine(done, 0.6, 0.0) for done in (0.0, 0.6, 1.0)]
        [1.0, 1.0, 0.0]
    """
    if done <= constant:
        return 1.0
    turn = math.pi * min((done - constant) / (1 - constant), 1)
    return last + (1 - last) * (1 + math.cos(turn)) / 2
