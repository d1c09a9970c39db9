"""Decoded pairs kept in memory."""

from __future__ import annotations

from fusionbench.data.sources.base import RawPair, Source


class CachedSource:
    """A source that decodes each pair once, as long as there is room.

    Nothing is thrown out again: an epoch visits every pair once in random order, where the pair that was not used for
    longest is the one that comes next, and replacing pairs would find fewer of them. Every process has its own cache;
    what was read before workers were forked is shared by them.

    Attributes:
        source: what is read from.
        max_bytes: of decoded images per process.
    """

    def __init__(self, source: Source, max_bytes: int) -> None:
        self.source = source
        self.max_bytes = max_bytes
        self.dataset = source.dataset
        self.names = source.names
        self._pairs: dict[int, RawPair] = {}
        self._digests: dict[int, str] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.source)

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a pair, without decoding it."""
        return self.source.size(index)

    def read(self, index: int) -> RawPair:
        """Read one pair; its arrays cannot be written to."""
        if index in self._pairs:
            return self._pairs[index]
        pair = self.source.read(index)
        images = {id(image): image for image in (pair.ir, pair.vi, pair.ir_clean, pair.vi_clean) if image is not None}
        size = sum(image.nbytes for image in images.values())
        if self._bytes + size <= self.max_bytes:
            for image in images.values():
                image.setflags(write=False)
            self._pairs[index] = pair
            self._bytes += size
        return pair

    def digest(self, index: int) -> str:
        """What a pair is made from, read once."""
        if index not in self._digests:
            self._digests[index] = self.source.digest(index)
        return self._digests[index]
