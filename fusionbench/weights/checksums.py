"""SHA-256 of files, and the pinned hashes of files without a published checksum.

Such a file is trusted on first use: `<file>.accepted` next to it holds the SHA-256 and the origin. Other bytes are
refused from then on, even if the file itself has been deleted and is downloaded again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fusionbench.files import sha256_of, write_atomically
from fusionbench.weights.entry import file_of

FULL = 64
"""Hex digits of a full SHA-256."""

IMPORTED = "imported from the authors' files"
"""Origin of a file that was converted from others, whose checksums are in its header."""


@dataclass(frozen=True)
class AcceptedHash:
    """The pinned hash of a file.

    Attributes:
        sha256: the hash; empty if the record cannot be read.
        origin: where the file came from.
    """

    sha256: str
    origin: str


def sha256(path: Path) -> str:
    """The file's SHA-256 in hex, cached until the file changes."""
    path = file_of(path)
    stat = path.stat()
    return _sha256(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256(path: str, size: int, modified: int) -> str:
    del size, modified  # only part of the cache key, so that a changed file is hashed again
    return sha256_of(Path(path))


def digest8(*paths: Path) -> str:
    """The eight hex digits that identify weights in results; one digest for several files of a method.

    Example:
        >>> digest8()
        ''
    """
    if not paths:
        return ""
    if len(paths) == 1:
        return sha256(paths[0])[:8]
    return hashlib.sha256("".join(sha256(path) for path in paths).encode()).hexdigest()[:8]


def accepted_path(path: Path) -> Path:
    """The path of the pinned hash next to a file."""
    path = file_of(path)
    return path.with_name(f"{path.name}.accepted")


def accept(path: Path, origin: str) -> None:
    """Trust the current content of a file that has no published checksum.

    Args:
        origin: where it came from, as shown in results.
    """
    write_atomically(accepted_path(path), f"{sha256(path)}  {' '.join(origin.split())}\n")


def accepted(path: Path) -> AcceptedHash | None:
    """The pinned hash of a file, which itself need not exist."""
    note = accepted_path(path)
    if not note.is_file():
        return None
    digest, _, origin = note.read_text(encoding="utf-8").strip().partition("  ")
    return AcceptedHash(digest, origin or "accepted")


def check_accepted(path: Path) -> str:
    """Compare a file with its pinned hash.

    Returns:
        The origin of the trusted file; empty without a pinned hash.

    Raises:
        ValueError: the file differs from its pinned hash.
    """
    noted = accepted(path)
    if noted is None:
        return ""
    if noted.sha256 != sha256(path):
        raise ValueError(
            f"the SHA-256 of {path} is {sha256(path)[:16]}…, not the {noted.sha256[:16]}… that "
            f"{accepted_path(path).name} recorded ({noted.origin})"
        )
    return noted.origin


def pin(path: Path, origin: str, published: str = "") -> None:
    """Trust a file that was downloaded without a full checksum; remove it if it contradicts what is known.

    Args:
        origin: where it came from.
        published: the first digits of its checksum, if known.

    Raises:
        ValueError: its hash does not start with them, or differs from the hash pinned before.
    """
    found, noted = sha256(path), accepted(path)
    if found.startswith(published) and (noted is None or noted.sha256 == found):
        accept(path, origin)
        return
    path.unlink()
    if not found.startswith(published):
        raise ValueError(f"{path.name}, {origin}: its SHA-256 is {found[:16]}… and does not start with {published}")
    before = f"{noted.sha256[:16]}…, {noted.origin}" if noted else ""
    raise ValueError(
        f"{path.name}, {origin}: its SHA-256 is {found[:16]}… and was different before ({before}); if this is "
        f"intended, remove {accepted_path(path)} and download it again"
    )


def short_of_a_checksum(file: str, published: str) -> str:
    """The notice before downloading a file without a full published checksum; empty for others.

    Args:
        file: its name.
        published: the published checksum, its first digits, or empty.

    Example:
        >>> short_of_a_checksum("net.pth", "")
        'net.pth: no checksum is published; the SHA-256 of the download is recorded, and other bytes are refused later'
    """
    if len(published) == FULL:
        return ""
    known = f"only the first {len(published)} digits of its checksum are" if published else "no checksum is"
    return f"{file}: {known} published; the SHA-256 of the download is recorded, and other bytes are refused later"
