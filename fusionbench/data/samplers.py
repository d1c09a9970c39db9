"""The order in which pairs are visited, batching by size, and resuming in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Any, Protocol, TypeVar, cast

import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler, SequentialSampler
from torch.utils.data.distributed import DistributedSampler
from typing_extensions import override

from fusionbench.data.crops import EpochIndex
from fusionbench.degradations.degradation import derive_seed

SHUFFLE_BUFFER = 8
"""Number of blocks that are shuffled together."""


class TrainingSet(Protocol):
    """Training pairs of any kind, indexed by `EpochIndex`.

    Attributes:
        seed: seed of all random draws.
    """

    seed: int

    def __len__(self) -> int: ...


class EpochSampler(DistributedSampler[Any]):
    """Every pair of a training set once per epoch, in a new random order, distributed among processes in turn.

    Each index comes with its epoch, so that persistent workers draw anew in every epoch. The batches that several
    processes read at one time contain together what a single process would read in one batch of their total size. No
    pair is repeated to make the shards equal: up to `processes - 1` pairs are left out instead, different ones in each
    epoch.

    Pairs in blocks, such as those of a shard file, are visited block by block, a few blocks at a time: each process has
    separate blocks, except for those at the ends of its part.

    Args:
        blocks: indices of the pairs that are stored together; without it, pairs are shuffled individually.
        parts: numbers of pairs of several datasets, one after the other, with `shares`.
        shares: how much of an epoch each part has, in any unit; without them each has as much as it has pairs. An epoch
            is about as long as without: of a part that is too small for its share, pairs come several times, each time
            cropped and degraded anew, and of one that is too large the next epoch has others.

    Attributes:
        start: number of samples of this process to skip once, because an interrupted run has already used them.
    """

    def __init__(
        self,
        pairs: TrainingSet,
        *,
        processes: int = 1,
        process: int = 0,
        blocks: Sequence[Sequence[int]] = (),
        parts: Sequence[int] = (),
        shares: Sequence[float] = (),
    ) -> None:
        check_enough(len(pairs), processes, "training")
        super().__init__(
            cast("Dataset[Any]", pairs),
            num_replicas=processes,
            rank=process,
            shuffle=True,
            seed=pairs.seed,
            drop_last=True,
        )
        self.start = 0
        self.blocks = blocks
        self.parts = list(parts)
        self.counts = [max(1, round(len(pairs) * share / sum(shares))) for share in shares]
        if self.counts:
            self.num_samples = sum(self.counts) // processes

    @override
    def __iter__(self) -> Iterator[EpochIndex]:
        start, self.start = self.start, 0
        if self.counts:
            return iter(self._by_share()[self.rank :: self.num_replicas][: self.num_samples][start:])
        order = (self._by_block() if self.blocks else list(super().__iter__()))[start:]
        return (EpochIndex(index, self.epoch) for index in order)

    def _by_share(self) -> list[EpochIndex]:
        """All processes' items of the epoch: of each part the next of its endless series of random orders."""
        items, first = [], 0
        for number, (size, count) in enumerate(zip(self.parts, self.counts, strict=True)):
            orders: dict[int, list[int]] = {}
            for place in range(self.epoch * count, (self.epoch + 1) * count):
                turn, index = divmod(place, size)
                if turn not in orders:
                    seed = derive_seed(self.seed, "order", turn, str(number)) % 2**63
                    orders[turn] = torch.randperm(size, generator=torch.Generator().manual_seed(seed)).tolist()
                # The turn in place of the epoch, so that a pair that comes again is drawn anew.
                items.append(EpochIndex(first + orders[turn][index], turn))
            first += size
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        return [items[place] for place in torch.randperm(len(items), generator=generator)]

    def _by_block(self) -> list[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        places = [
            self.blocks[block][place]
            for block in torch.randperm(len(self.blocks), generator=generator)
            for place in torch.randperm(len(self.blocks[block]), generator=generator)
        ]
        own = places[self.rank * self.num_samples : (self.rank + 1) * self.num_samples]
        together = SHUFFLE_BUFFER * max(map(len, self.blocks))
        windows = [own[start : start + together] for start in range(0, len(own), together)]
        return [window[place] for window in windows for place in torch.randperm(len(window), generator=generator)]


def check_enough(pairs: int, processes: int, purpose: str) -> None:
    """Refuse to distribute fewer pairs than there are processes.

    Raises:
        ValueError: there are fewer pairs than processes.
    """
    if pairs < processes:
        raise ValueError(
            f"{pairs} {purpose} pairs are too few for {processes} processes, each of which needs one; train with fewer "
            "--trainer.devices" + (", or hold out more with --loader.val_share" if purpose == "validation" else "")
        )


class FixedOrder(SequentialSampler):
    """The training pairs of the first epoch in the same order in every epoch, to overfit a few batches."""

    @override
    def __iter__(self) -> Iterator[EpochIndex]:  # type: ignore[override]
        return (EpochIndex(index, 0) for index in super().__iter__())


class ShardSampler(DistributedSampler[Any]):
    """Every N-th pair in order, for one of N processes; no pair is repeated to make the shards equal."""

    def __init__(self, pairs: Sized, *, processes: int = 1, process: int = 0) -> None:
        super().__init__(cast("Dataset[Any]", pairs), num_replicas=processes, rank=process, shuffle=False)
        self._places = range(process, len(pairs), processes)

    @override
    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    @override
    def __len__(self) -> int:
        return len(self._places)


class SameSizeBatchSampler(BatchSampler):
    """Batches of pairs of equal size, in the sampler's order within each size.

    Lightning constructs it again with another sampler when several processes predict, hence this signature.
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


T = TypeVar("T")


class SharedLoader(DataLoader[T]):
    """A loader that shows the sampler below its batch sampler.

    Lightning would shard the pairs again, repeating some of them, unless it sees that `sampler` does so.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # DataLoader refuses to change its sampler, which is unused when it has a batch sampler.
        object.__setattr__(self, "sampler", getattr(self.batch_sampler, "sampler", self.sampler))


class ResumableLoader(DataLoader[T]):
    """A loader over an `EpochSampler` that can skip batches which an interrupted run has already used.

    Workers are seeded by the loader's own generator: drawing from the global one at the start of every epoch would
    change the random state that a method trains with, and a resumed run starts one more epoch.

    Args:
        given: returns how many batches of the epoch have been used; called when its first batch is requested.
    """

    def __init__(self, pairs: Any, sampler: EpochSampler, *, given: Callable[[], int], **options: Any) -> None:
        super().__init__(pairs, sampler=sampler, generator=torch.Generator().manual_seed(0), **options)
        self._epochs, self._used = sampler, given

    @override
    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        # A generator, because Lightning starts iterating to find the training's length before it restores its batch
        # count.
        self._epochs.start = self._used() % len(self) * (self.batch_size or 1)
        yield from super().__iter__()

    def state_dict(self) -> dict[str, int]:
        """Nothing: the Trainer's own batch count says where to resume. Lightning only checks that the method exists."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Nothing; see `state_dict`."""
