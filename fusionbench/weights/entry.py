"""Which of several tables of a weight file: `FILE#ENTRY`, a path that is passed on as it is.

Training programs put more than one network into a file, such as averaged weights beside plain ones.
"""

from __future__ import annotations

from pathlib import Path


def split_entry(path: Path) -> tuple[Path, str]:
    """The file, and the entry of it that is meant; empty where the path names none.

    A file whose own name holds the sign is that file.

    Example:
        >>> [str(part) for part in split_entry(Path("net.pth#params"))]
        ['net.pth', 'params']
    """
    before, sign, entry = path.name.rpartition("#")
    if not sign or not before or path.exists():
        return path, ""
    return path.with_name(before), entry


def file_of(path: Path) -> Path:
    """The file alone."""
    return split_entry(path)[0]
