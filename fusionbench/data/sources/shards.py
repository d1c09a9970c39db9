"""Pairs in shards: tar files in the WebDataset layout, with an index of where each pair is stored.

The members of a pair share their number: `<number>.ir.png`, `<number>.vi.png`, where they are known also
`.ir_clean.png` and `.vi_clean.png`, and `<number>.json` with the pair's name and metadata. The index, `index.json`,
lets a worker read only its own pairs, holds checksums of every byte, and counts pairs without opening a tar file.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from fusionbench.data.sources.base import ConcatSource, RawPair, Source, Subset
from fusionbench.data.sources.cache import SharedCache
from fusionbench.files import digest_of
from fusionbench.images.files import decode_image

INDEX = "index.json"
FORMAT = "fusionbench shards 1"

IMAGES = ("ir", "vi", "ir_clean", "vi_clean")
METADATA = ("degradation", "ir_scale", "vi_scale", "prompt", "only")
"""Fields of a pair that are not images."""


class Part(NamedTuple):
    """The position of a member's bytes in its tar file, and their checksum (CRC-32)."""

    offset: int
    size: int
    crc: int


class Entry(NamedTuple):
    """A pair in the index."""

    name: str
    height: int
    width: int
    shard: str
    parts: Mapping[str, Part]
    facts: Mapping[str, Any]


class ShardSource:
    """Pairs of one split from shards, in the order in which they were written.

    Attributes:
        blocks: indices of the pairs of each shard.

    Raises:
        FileNotFoundError: a shard is missing.
        ValueError: the size of a shard differs from the index.
    """

    def __init__(self, dataset: str, shards: list[dict[str, Any]], folder: Path) -> None:
        self.dataset = dataset
        self.folder = folder
        for shard in shards:
            if Path(shard["file"]).name != shard["file"]:
                raise ValueError(
                    f"{folder / INDEX} names a shard {shard['file']!r} outside its folder; shard the dataset "
                    "again "
                    "again"
                )
            _check_complete(folder / shard["file"], shard["bytes"])
        self._entries = [_entry(pair, shard["file"]) for shard in shards for pair in shard["pairs"]]
        self.names = [entry.name for entry in self._entries]
        self.blocks: list[range] = []
        for shard in shards:
            start = self.blocks[-1].stop if self.blocks else 0
            self.blocks.append(range(start, start + len(shard["pairs"])))

    def __len__(self) -> int:
        return len(self._entries)

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a pair, without decoding it."""
        return self._entries[index].height, self._entries[index].width

    def read(self, index: int) -> RawPair:
        """Read one pair.

        Raises:
            FileNotFoundError: its shard no longer exists.
            ValueError: its bytes have changed since they were written.
        """
        entry = self._entries[index]
        start = min(part.offset for part in entry.parts.values())
        end = max(part.offset + part.size for part in entry.parts.values())
        path = self.folder / entry.shard
        if start < 0 or end > path.stat().st_size:
            raise ValueError(f"{self.folder / INDEX} is damaged at {entry.name!r}; shard the dataset again")
        with path.open("rb") as stream:
            stream.seek(start)
            block = memoryview(stream.read(end - start))
        fields: dict[str, Any] = dict(entry.facts)
        for name, part in entry.parts.items():
            data = block[part.offset - start : part.offset - start + part.size]
            if zlib.crc32(data) != part.crc:
                raise ValueError(f"{path} is damaged at {entry.name!r}; copy it again, or shard the dataset again")
            fields[name] = decode_image(data, f"{name} of {entry.name!r} in {path}")
        return RawPair(entry.name, **fields)

    def digest(self, index: int) -> str:
        """SHA-256 of a pair according to the index; `read` compares its checksums with the bytes."""
        entry = self._entries[index]
        parts = {name: (part.size, part.crc) for name, part in entry.parts.items()}
        return digest_of([json.dumps([parts, dict(entry.facts)], sort_keys=True)])


def _check_complete(path: Path, size: int) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing but listed in {INDEX}; copy all shards, or shard the dataset again")
    if path.stat().st_size != size:
        raise ValueError(
            f"{path} has {path.stat().st_size} bytes and should have {size} according to {INDEX}; copy it again, or "
            "shard the dataset again"
        )


def blocks_of(source: Source) -> list[list[int]]:
    """Indices of the pairs of each shard if the whole source comes from shards, else empty."""
    if isinstance(source, ShardSource):
        return [list(block) for block in source.blocks]
    if isinstance(source, SharedCache):
        return blocks_of(source.source)
    if isinstance(source, Subset):
        places: dict[int, list[int]] = {}
        for place, index in enumerate(source.indices):
            places.setdefault(index, []).append(place)
        left = [[place for index in block for place in places.get(index, [])] for block in blocks_of(source.source)]
        return [block for block in left if block]
    if isinstance(source, ConcatSource):
        parts = [blocks_of(part) for part in source.sources]
        starts = accumulate(map(len, source.sources), initial=0)
        joined = [
            [start + place for place in block] for start, part in zip(starts, parts, strict=False) for block in part
        ]
        return joined if all(parts) else []
    return []


def _entry(pair: dict[str, Any], shard: str) -> Entry:
    parts = {name: Part(*place) for name, place in pair["parts"].items()}
    height, width = pair["size"]
    return Entry(pair["name"], height, width, shard, parts, pair.get("facts", {}))


def has_shards(root: str | Path | None) -> bool:
    """Whether a folder has an index of shards."""
    return root is not None and (Path(root).expanduser() / INDEX).is_file()


def read_index(folder: Path) -> dict[str, Any]:
    """Read the index of a folder of shards.

    Raises:
        ValueError: it is not an index of shards.
    """
    path = folder / INDEX
    try:
        index = json.loads(path.read_bytes())
        if index["format"] != FORMAT:
            raise ValueError(f"its format is {index['format']!r}, not {FORMAT!r}")
        index["dataset"], index["splits"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is not an index of shards ({error}); write one with `fusionbench data shard`"
        ) from error
    return dict(index)


def open_shards(folder: Path, dataset: str, split: str) -> ShardSource:
    """The pairs of one split of a folder of shards.

    Raises:
        FileNotFoundError: the split or a shard is missing.
        ValueError: the shards are of another dataset, or damaged.
    """
    index = read_index(folder)
    if index["dataset"] != dataset:
        raise ValueError(f"{folder} holds shards of {index['dataset']!r}, not of {dataset!r}; choose that dataset")
    if split not in index["splits"]:
        there = " and ".join(index["splits"])
        raise FileNotFoundError(
            f"{folder} holds shards of {there}, but none of {split!r}; add them with `fusionbench data shard --split "
            f"{split}`"
        )
    return ShardSource(dataset, index["splits"][split], folder)
