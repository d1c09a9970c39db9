"""Caches of decoded pairs: within one process, or shared with its workers."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.data.sources.base import RawPair, Source
from fusionbench.types import Bytes

METADATA = 512
"""Bytes reserved before the images for a pair's metadata; a pair with more is not cached."""

CHANNELS = {"ir": 1, "vi": 3, "ir_clean": 1, "vi_clean": 3}


class SharedCache:
    """A source that decodes each pair once for this process and its workers, as long as there is room.

    Attributes:
        source: the wrapped source.
    """

    def __init__(self, source: Source, max_bytes: int, folder: str | Path | None = None) -> None:
        """Create an empty cache.

        Args:
            max_bytes: size of the cache; pairs beyond it are decoded whenever they are read.
            folder: a folder on a disk, for a cache that does not fit into memory.

        Raises:
            FileNotFoundError: there is no such folder.
        """
        self.source = source
        self.dataset = source.dataset
        self.names = source.names
        # Without pread and pwrite, every pair is decoded every time.
        self._ends = list(accumulate(self._sizes(max_bytes))) if hasattr(os, "pread") else []
        self._file = _nameless(folder) if self._ends else None

    def _sizes(self, max_bytes: int) -> Iterator[int]:
        """Bytes for each pair, while there is room; all pairs are assumed to have the same images as the first."""
        if max_bytes <= 0 or not len(self.source):
            return
        first = self.source.read(0)
        depth = sum(CHANNELS[name] for name in CHANNELS if getattr(first, name) is not None)
        total = 0
        for index in range(len(self.source)):
            height, width = self.source.size(index)
            total += METADATA + height * width * depth
            if total > max_bytes:
                return
            yield METADATA + height * width * depth

    def __len__(self) -> int:
        return len(self.source)

    def __getstate__(self) -> dict[str, Any]:
        # Where a spawned process, which inherits no open files, finds the file.
        path = None if self._file is None else f"/proc/{os.getpid()}/fd/{self._file}"
        return {**self.__dict__, "_file": path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if state["_file"] is not None:
            try:
                self._file = os.open(state["_file"], os.O_RDWR)
            except OSError:  # A system without /proc: every process decodes on its own.
                self._ends, self._file = [], None

    def __del__(self) -> None:
        file = self.__dict__.get("_file")
        if file is not None:
            os.close(file)

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a pair, without decoding it."""
        return self.source.size(index)

    def read(self, index: int) -> RawPair:
        """Read one pair, from the cache if it is there."""
        if index >= len(self._ends) or self._file is None:
            return self.source.read(index)
        start = self._ends[index - 1] if index else 0
        size = self._ends[index] - start
        if facts := os.pread(self._file, METADATA, start).rstrip(b"\0"):
            return _pair(self.names[index], json.loads(facts), os.pread(self._file, size - METADATA, start + METADATA))
        pair = self.source.read(index)
        self._keep(pair, self._file, start, size)
        return pair

    def digest(self, index: int) -> str:
        """What a pair is made from."""
        return self.source.digest(index)

    def _keep(self, pair: RawPair, file: int, start: int, size: int) -> None:
        images: dict[str, Bytes] = {name: image for name in CHANNELS if (image := getattr(pair, name)) is not None}
        facts = {name: value for name, value in vars(pair).items() if name not in CHANNELS and name != "name"}
        told = json.dumps({**facts, "shapes": {name: image.shape for name, image in images.items()}}).encode()
        if len(told) > METADATA or METADATA + sum(image.nbytes for image in images.values()) > size:
            return
        try:
            place = start + METADATA
            for image in images.values():
                os.pwrite(file, np.ascontiguousarray(image).data, place)
                place += image.nbytes
            os.pwrite(file, told, start)
        except OSError:
            self._ends = []  # The disk is full; the cache is switched off.


def _pair(name: str, fields: dict[str, Any], data: bytes) -> RawPair:
    place = 0
    for image, shape in fields.pop("shapes").items():
        count = int(np.prod(shape))
        fields[image] = np.frombuffer(data, np.uint8, count, place).reshape(shape)
        place += count
    return RawPair(name, **fields)


def _nameless(folder: str | Path | None) -> int:
    """A new unlinked file, which disappears when the last process closes it."""
    if folder is None and hasattr(os, "memfd_create"):
        return os.memfd_create("fusionbench")
    if folder is not None and not Path(folder).expanduser().is_dir():
        raise FileNotFoundError(f"no folder {folder} for decoded images; create it, or omit --loader.cache_dir")
    handle, path = tempfile.mkstemp(dir=None if folder is None else Path(folder).expanduser())
    Path(path).unlink()
    return handle


class CachedSource:
    """A source that decodes each pair once, as long as there is room in memory.

    Nothing is evicted: an epoch visits every pair once in random order, so that the least recently used pair is the one
    needed soonest, and evicting it would lower the hit rate. Every process has its own cache; pairs that were read
    before workers were forked are shared by them.

    Attributes:
        source: the wrapped source.
        max_bytes: size of the cache in bytes, per process.
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
        """Read one pair; its arrays are read-only."""
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
        """SHA-256 of what a pair is made from, computed once."""
        if index not in self._digests:
            self._digests[index] = self.source.digest(index)
        return self._digests[index]
