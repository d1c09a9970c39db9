"""A training loader that goes on in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader
from typing_extensions import override

from fusionbench.data.samplers import EpochSampler

T = TypeVar("T")


class ResumableLoader(DataLoader[T]):
    """A loader over an `EpochSampler` that can begin after batches which an interrupted run has seen.

    Workers are seeded by a generator of the loader's own: drawing from the global one at the start of every epoch would
    move the random state that a method trains with, and a resumed run starts one epoch more often.

    Args:
        given: tells how many batches of the epoch have been used, when its first batch is asked for.
    """

    def __init__(self, pairs: Any, sampler: EpochSampler, *, given: Callable[[], int], **options: Any) -> None:
        super().__init__(pairs, sampler=sampler, generator=torch.Generator().manual_seed(0), **options)
        self._epochs, self._used = sampler, given

    @override
    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        # A generator, because a schedule that asks how long the training is makes Lightning begin to iterate before it
        # has restored its count of batches.
        self._epochs.start = self._used() % len(self) * (self.batch_size or 1)
        yield from super().__iter__()

    def state_dict(self) -> dict[str, int]:
        """Nothing: the Trainer's own count of batches says where to go on. Lightning asks whether a loader can."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Nothing; see `state_dict`."""
