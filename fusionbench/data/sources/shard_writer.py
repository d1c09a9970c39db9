"""Writing shards; see `shards` for their format."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

from fusionbench.data.sources.base import RawPair, Source
from fusionbench.data.sources.shards import FORMAT, IMAGES, INDEX, METADATA, has_shards, read_index
from fusionbench.extras import install_command
from fusionbench.files import check_names, write_atomically
from fusionbench.types import Bytes

if TYPE_CHECKING:
    from webdataset import TarWriter

PLAIN = {each.name: each.default for each in fields(RawPair)}
"""Metadata of a pair without any, which are not stored."""


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
    unfinished = path.with_name(f".{path.name}.part")
    pairs: list[dict[str, Any]] = []
    with unfinished.open("wb") as stream:
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
    for place, name, offset, data in _members(unfinished):
        pairs[place - places.start]["parts"][name] = (offset, len(data), zlib.crc32(data))
    entry = {
        "file": path.name,
        "bytes": unfinished.stat().st_size,
        "sha256": hashlib.sha256(unfinished.read_bytes()).hexdigest(),
        "pairs": pairs,
    }
    unfinished.replace(path)
    return entry


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
