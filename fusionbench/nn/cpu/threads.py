"""The number of threads that compute one image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread within this scope, so that results are the same for any number of threads.

    Sums, matrix products and convolutions that are split across threads are added in another order, and even
    elementwise functions round differently where a thread's part ends. To use more cores, start more processes.

    Example:
        >>> with one_thread():
        ...     torch.get_num_threads()
        1
    """
    before = torch.get_num_threads()
    if before == 1:  # Setting the number makes torch forget prepared convolutions.
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
