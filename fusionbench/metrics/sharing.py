"""Intermediates that several metrics read (histograms, gradients, window means, spectra) are computed once.

A `shared` function stays a plain function. Inside `with sharing():` it remembers its results by the identity of the
tensors it is given, so those tensors must not be changed in place. Outside such a scope nothing is remembered.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from torch import Tensor
from typing_extensions import ParamSpec

P = ParamSpec("P")
T = TypeVar("T")

_memory: ContextVar[dict[Hashable, tuple[Any, Any]] | None] = ContextVar("fusionbench_metrics_memory", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """Within this scope a `shared` function computes each of its results once."""
    token = _memory.set({})
    try:
        yield
    finally:
        _memory.reset(token)


def shared(function: Callable[P, T]) -> Callable[P, T]:
    """Let `function` remember its results inside `sharing()`; other arguments than tensors must be hashable."""

    @functools.wraps(function)
    def remembered(*args: P.args, **kwargs: P.kwargs) -> T:
        memory = _memory.get()
        if memory is None:
            return function(*args, **kwargs)
        given = (*args, *sorted(kwargs.items()))
        key = (function, *(("tensor", id(value)) if isinstance(value, Tensor) else value for value in given))
        if key not in memory:
            # The arguments are kept too: an identity is only good for as long as its tensor lives.
            memory[key] = (function(*args, **kwargs), args)
        result: T = memory[key][0]
        return result

    return remembered
