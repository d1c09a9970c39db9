"""Intermediates that several metrics read (histograms, gradients, window means, spectra) are computed once.

A `cached` function stays a plain function. Inside `with sharing():` it remembers its results by the identity of the
tensors it is given, so those tensors must not be changed in place. Outside such a scope nothing is remembered.
What was not read for longest is forgotten when the results take too much memory: computing a map again is faster than
fetching fresh memory for every map of an image.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

from torch import Tensor
from typing_extensions import ParamSpec

P = ParamSpec("P")
T = TypeVar("T")
# So many results of the size of the largest are kept.
KEPT = 12


class Entry(NamedTuple):
    """A result, what it was made from, and its bytes.

    The arguments are kept because an identity is only good for as long as its tensor lives.
    """

    result: Any
    arguments: tuple[Any, ...]
    size: int


class Memory:
    """Results in the order in which they were last read."""

    def __init__(self) -> None:
        self.entries: dict[Hashable, Entry] = {}
        self.size = self.largest = 0

    def read(self, key: Hashable) -> Entry | None:
        """The result under a key, if it is known still."""
        found = self.entries.pop(key, None)
        if found is not None:
            self.entries[key] = found
        return found

    def keep(self, key: Hashable, entry: Entry) -> None:
        """Remember a result, and forget those for which there is no room."""
        self.entries[key] = entry
        self.size += entry.size
        self.largest = max(self.largest, entry.size)
        while self.size > KEPT * self.largest:
            self.size -= self.entries.pop(next(iter(self.entries))).size


_memory: ContextVar[Memory | None] = ContextVar("fusionbench_metrics_memory", default=None)


@contextmanager
def cache_scope() -> Iterator[None]:
    """Within this scope a `cached` function computes its results once, while there is room for them."""
    token = _memory.set(Memory())
    try:
        yield
    finally:
        _memory.reset(token)


def cached(function: Callable[P, T]) -> Callable[P, T]:
    """Let `function` remember its results inside `cache_scope()`; other arguments than tensors must be hashable."""

    @functools.wraps(function)
    def remembered(*args: P.args, **kwargs: P.kwargs) -> T:
        memory = _memory.get()
        if memory is None:
            return function(*args, **kwargs)
        given = (*args, *sorted(kwargs.items()))
        key = (function, *(("tensor", id(value)) if isinstance(value, Tensor) else value for value in given))
        entry = memory.read(key)
        if entry is None:
            result = function(*args, **kwargs)
            entry = Entry(result, args, _bytes(result))
            memory.keep(key, entry)
        return entry.result

    return remembered


def _bytes(result: Any) -> int:
    if isinstance(result, Tensor):
        return result.numel() * result.element_size()
    return sum(_bytes(part) for part in result) if isinstance(result, tuple) else 0
