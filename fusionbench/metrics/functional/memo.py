"""A cache of intermediate results that several metrics share: histograms, gradients, window means, spectra.

A `cached` function remains a plain function. Inside `with cache_scope():` it caches results by the identity of its
tensor arguments, so those tensors must not be changed in place. Outside such a scope nothing is cached. The least
recently used results are evicted when they take too much memory: computing a map again is faster than allocating fresh
memory for every map of an image.
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
# The cache holds this many results of the largest result's size.
KEPT = 12


class Entry(NamedTuple):
    """A result, the arguments it was computed from, and its size in bytes.

    The arguments are kept because an identity is valid only while its tensor exists.
    """

    result: Any
    arguments: tuple[Any, ...]
    size: int


class Memory:
    """Results in the order of their last use."""

    def __init__(self) -> None:
        self.entries: dict[Hashable, Entry] = {}
        self.size = self.largest = 0

    def read(self, key: Hashable) -> Entry | None:
        """The result for a key, if it is still cached."""
        found = self.entries.pop(key, None)
        if found is not None:
            self.entries[key] = found
        return found

    def keep(self, key: Hashable, entry: Entry) -> None:
        """Add a result, and evict those for which there is no room."""
        self.entries[key] = entry
        self.size += entry.size
        self.largest = max(self.largest, entry.size)
        while self.size > KEPT * self.largest:
            self.size -= self.entries.pop(next(iter(self.entries))).size


_memory: ContextVar[Memory | None] = ContextVar("fusionbench_metrics_memory", default=None)


@contextmanager
def cache_scope() -> Iterator[None]:
    """Within this scope, `cached` functions compute each result once, as long as there is room."""
    token = _memory.set(Memory())
    try:
        yield
    finally:
        _memory.reset(token)


def cached(function: Callable[P, T]) -> Callable[P, T]:
    """Cache the results of `function` inside `cache_scope()`; arguments that are not tensors must be hashable."""

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
