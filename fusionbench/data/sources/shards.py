"""Pairs in shards: tar files in the WebDataset layout, with an index of where each pair is stored.

The members of a pair share their number: `<number>.ir.png`, `<number>.vi.png`, where they are known also
`.ir_clean.png` and `.vi_clean.png`, and `<number>.json` with the pair's name and metadata. The index, `index.json`,
lets a worker read only its own pairs, holds checksums of every byte, and counts pairs without opening a tar file.
"""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from PIL import Image

from fusionbench.data.sources.base import ConcatSource, RawPair, Source, Subset
from fusionbench.data.sources.cache import SharedCache
from fusionbench.extras import install_command
from fusionbench.files import check_names, digest_of, sha256_of, whole_file, write_atomically
from fusionbench.images.files import decode_image
from fusionbench.types import Bytes

if TYPE_CHECKING:
    from webdataset import TarWriter

INDEX = "index.json"
FORMAT = "fusionbench shards 1"

IMAGES = ("ir", "vi", "ir_clean", "vi_clean")
METADATA = ("degradation", "ir_scale", "vi_scale", "prompt", "only")
"""Fields of a pair that are not images."""

PLAIN = {each.name: each.default for each in fields(RawPair)}
"""Metadata of a pair without any, which are not stored."""


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
                    f"{folder / INDEX} names a shard {shard['file']!r} outside its folder; shard the dataset again"
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


def write_shards(
    source: Source,
    split: str,
    folder: Path,
    per_shard: int = 128,
    done: Callable[[int], None] = lambda count: None,
) -> list[Path]:
    """Write the pairs of a split as they are read, and add them to the folder's index.

    Images are stored losslessly. Equal pairs give equal bytes. An interrupted call starts again.

    Args:
        folder: new, or with shards of other splits of the dataset.
        per_shard: pairs per tar file.
        done: called with the number of pairs that were just written.

    Returns:
        The tar files.

    Raises:
        ValueError: the folder already holds the split or another dataset, a pair cannot be read, or its name is not a
            file name on every system.
        ModuleNotFoundError: the extra `stream` is not installed.
    """
    if per_shard < 1:
        raise ValueError(f"{per_shard} pairs per shard are too few; give at least 1")
    index: dict[str, Any] = {"format": FORMAT, "dataset": source.dataset, "splits": {}}
    if has_shards(folder):
        index = read_index(folder)
        if index["dataset"] != source.dataset or split in index["splits"]:
            held = f"{index['dataset']}, {' and '.join(index['splits'])}"
            raise ValueError(f"{folder} already holds shards of {held}; choose another --out")
    check_names(source.names, source.dataset, portable=True)
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for number, first in enumerate(range(0, len(source), per_shard)):
        places = range(first, min(first + per_shard, len(source)))
        shards.append(_write_shard(source, places, folder / f"{split}-{number:06d}.tar", done))
    index["splits"][split] = shards
    write_atomically(folder / INDEX, json.dumps(index) + "\n")
    return [folder / shard["file"] for shard in shards]


def _write_shard(source: Source, places: range, path: Path, done: Callable[[int], None]) -> dict[str, Any]:
    pairs: list[dict[str, Any]] = []
    with whole_file(path) as unfinished, unfinished.open("wb") as stream:
        writer = _writer(stream)
        for place in places:
            raw = source.read(place)
            images = {name: image for name in IMAGES if (image := getattr(raw, name)) is not None}
            facts = {name: value for name in METADATA if (value := getattr(raw, name)) != PLAIN[name]}
            members = {f"{name}.png": _png(image) for name, image in images.items()}
            told = json.dumps({"name": raw.name, **facts}).encode()
            writer.write({"__key__": f"{place:09d}", **members, "json": told})
            pairs.append(
                {"name": raw.name, "size": raw.vi.shape[:2], "parts": {}, **({"facts": facts} if facts else {})}
            )
            done(1)
        writer.close()
    for place, name, offset, data in _members(path):
        pairs[place - places.start]["parts"][name] = (offset, len(data), zlib.crc32(data))
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path), "pairs": pairs}


def _writer(stream: BinaryIO) -> TarWriter:
    try:
        from webdataset import TarWriter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"shards are written by webdataset; {install_command('stream')}") from error
    # A fixed modification time makes equal pairs equal files.
    return TarWriter(stream, encoder=False, mtime=0.0, user="", group="")


def _png(image: Bytes) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _members(path: Path) -> Iterator[tuple[int, str, int, bytes]]:
    """The index of the pair, the field, the offset and the bytes of every image in a tar file."""
    with tarfile.open(path) as tar, path.open("rb") as stream:
        for member in tar:
            place, _, rest = member.name.partition(".")
            if rest.endswith(".png"):
                stream.seek(member.offset_data)
                yield int(place), rest.removesuffix(".png"), member.offset_data, stream.read(member.size)
