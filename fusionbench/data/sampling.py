"""The order in which pairs are visited, and how they are gathered into batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, cast

from torch.utils.data import BatchSampler, Dataset, Sampler
from torch.utils.data.distributed import DistributedSampler
from typing_extensions import override

from fusionbench.data.training import Turn


class Shown(Protocol):
    """Training pairs of any sort: items are asked for by `Turn`.

    Attributes:
        seed: of everything that is drawn.
    """

    seed: int

    def __len__(self) -> int: ...


class EpochSampler(DistributedSampler[Any]):
    """Every pair of a training set once per epoch, in an order of its own, shared out over processes.

    Each index comes with its epoch, so that workers that live through several epochs draw anew in each.

    Attributes:
        start: samples of this process to leave out once, because an interrupted run has seen them.
    """

    def __init__(self, pairs: Shown, *, processes: int = 1, process: int = 0) -> None:
        super().__init__(
            cast("Dataset[Any]", pairs), num_replicas=processes, rank=process, shuffle=True, seed=pairs.seed
        )
        self.start = 0

    @override
    def __iter__(self) -> Iterator[Turn]:
        order = list(super().__iter__())[self.start :]
        self.start = 0
        return (Turn(index, self.epoch) for index in order)


class EqualSizes(BatchSampler):
    """Batches of pairs of one size, in the order of the sampler within each size.

    Lightning makes it anew with another sampler when several processes predict, which is why it looks like this.
    """

    def __init__(
        self,
        sampler: Sampler[int] | Iterable[int],
        batch_size: int,
        drop_last: bool = False,
        sizes: Sequence[tuple[int, int]] = (),
    ) -> None:
        super().__init__(sampler, batch_size, drop_last)
        self.sizes = sizes

    @override
    def __iter__(self) -> Iterator[list[int]]:
        waiting: dict[tuple[int, int], list[int]] = {}
        for index in self.sampler:
            batch = waiting.setdefault(self.sizes[index], [])
            batch.append(index)
            if len(batch) == self.batch_size:
                yield waiting.pop(self.sizes[index])
        if not self.drop_last:
            yield from waiting.values()

    @override
    def __len__(self) -> int:
        return sum(1 for _ in self)
