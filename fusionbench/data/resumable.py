"""A training loader that goes on in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader
from typing_extensions import override

from fusionbench.data.sampling import EpochSampler

T = TypeVar("T")


class ResumableLoader(DataLoader[T]):
    """A loader over an `EpochSampler` whose place in the epoch belongs to the Trainer's checkpoints.

    Workers are seeded by a generator of the loader's own: drawing from the global one at the start of every epoch would
    move the random state that a method trains with, and a resumed run starts one epoch more often.
    """

    def __init__(self, pairs: Any, sampler: EpochSampler, **options: Any) -> None:
        super().__init__(pairs, sampler=sampler, generator=torch.Generator().manual_seed(0), **options)
        self._epochs = sampler
        self._given = 0

    @override
    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self._given = self._epochs.start // (self.batch_size or 1)
        for batch in super().__iter__():
            self._given += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """How many batches of the epoch have been given; none where the epoch is over."""
        return {"batches": self._given % len(self)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin the next epoch after so many batches."""
        self._epochs.start = state["batches"] * (self.batch_size or 1)
