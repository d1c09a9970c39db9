"""SHA-256 of files, and the notes of files that no published checksum speaks for.

Such a file is taken as it is the first time: `<file>.accepted` beside it holds the SHA-256 of the bytes and where they
came from. Other bytes are refused from then on, also when the file itself is gone and is fetched again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fusionbench.files import sha256_of, write_atomically
from fusionbench.weights.entry import file_of

FULL = 64
"""Hex digits of a whole SHA-256."""

IMPORTED = "imported from the authors' files"
"""Where a file came from that was made of others, whose checksums its header holds."""


@dataclass(frozen=True)
class Acceptance:
    """Which bytes of a file were accepted.

    Attributes:
        sha256: of the bytes; empty where the note cannot be read.
        origin: where they came from.
    """

    sha256: str
    origin: str


def sha256(path: Path) -> str:
    """The file's SHA-256 in hex; read again only after it changed."""
    path = file_of(path)
    stat = path.stat()
    return _sha256(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256(path: str, size: int, modified: int) -> str:
    del size, modified  # part of the key only: a rewritten file is hashed anew
    return sha256_of(Path(path))


def digest8(*paths: Path) -> str:
    """The eight hex digits that name weights in results; several files of one method give one digest.

    Example:
        >>> digest8()
        ''
    """
    if not paths:
        return ""
    if len(paths) == 1:
        return sha256(paths[0])[:8]
    return hashlib.sha256("".join(sha256(path) for path in paths).encode()).hexdigest()[:8]


def acceptance(path: Path) -> Path:
    """The note beside a file that says which bytes of it were accepted."""
    path = file_of(path)
    return path.with_name(f"{path.name}.accepted")


def accept(path: Path, origin: str) -> None:
    """Take a file as it is now, though no published checksum speaks for it.

    Args:
        origin: where it came from; told in results.
    """
    write_atomically(acceptance(path), f"{sha256(path)}  {' '.join(origin.split())}\n")


def accepted(path: Path) -> Acceptance | None:
    """What the note beside a file says, whether or not the file is there."""
    note = acceptance(path)
    if not note.is_file():
        return None
    digest, _, origin = note.read_text(encoding="utf-8").strip().partition("  ")
    return Acceptance(digest, origin or "accepted")


def check_accepted(path: Path) -> str:
    """Compare a file with the note beside it.

    Returns:
        Where the accepted bytes came from; empty without a note.

    Raises:
        ValueError: the file has other bytes than those that were accepted.
    """
    noted = accepted(path)
    if noted is None:
        return ""
    if noted.sha256 != sha256(path):
        raise ValueError(
            f"the sha256 of {path} is {sha256(path)[:16]}…, and not the {noted.sha256[:16]}… that "
            f"{acceptance(path).name} recorded ({noted.origin})"
        )
    return noted.origin


def pin(path: Path, origin: str, published: str = "") -> None:
    """Accept a file that was fetched without a whole checksum; one that is not what is known of it is removed.

    Args:
        origin: where it came from.
        published: the first digits of its checksum, where they are known.

    Raises:
        ValueError: it does not begin with them, or is not what was accepted before.
    """
    found, noted = sha256(path), accepted(path)
    if found.startswith(published) and (noted is None or noted.sha256 == found):
        accept(path, origin)
        return
    path.unlink()
    if not found.startswith(published):
        raise ValueError(f"{path.name}, {origin}: its sha256 is {found[:16]}… and does not begin with {published}")
    before = f"{noted.sha256[:16]}…, {noted.origin}" if noted else ""
    raise ValueError(
        f"{path.name}, {origin}: its sha256 is {found[:16]}… and was another before ({before}); if that is meant, "
        f"remove {acceptance(path)} and fetch it again"
    )


def short_of_a_checksum(file: str, published: str) -> str:
    """What to tell before a file is fetched whose checksum is not known in full; empty where it is.

    Args:
        file: its name.
        published: the published checksum, its first digits, or nothing.

    Example:
        >>> short_of_a_checksum("net.pth", "")
        'net.pth: no checksum is published; the SHA-256 of what arrives is recorded, and other bytes are refused later'
    """
    if len(published) == FULL:
        return ""
    known = f"only the first {len(published)} digits of its checksum are" if published else "no checksum is"
    return f"{file}: {known} published; the SHA-256 of what arrives is recorded, and other bytes are refused later"
