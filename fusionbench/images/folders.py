"""The image files of a folder, by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from fusionbench.images.files import SUFFIXES

JUNK = {"$recycle.bin", "@eadir", "__macosx", "lost+found"}
"""Folders that operating systems leave among images, in lower case; hidden ones are skipped too."""


def image_files(folder: Path) -> dict[str, Path]:
    """The images in a folder and its subfolders, by name; hidden files and those of the operating system are skipped.

    The name is the path below the folder without its suffix, with `__` between folders.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: two files have the same name, or names that differ only in case.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
    files: dict[str, Path] = {}
    lowered: dict[str, Path] = {}
    for path in sorted(_files(folder)):
        name = "__".join(path.relative_to(folder).with_suffix("").parts)
        other = lowered.setdefault(name.lower(), path)
        if other is not path:
            raise ValueError(
                f"{other} and {path} would both be the image {name!r}; names must differ in more than suffix and case"
            )
        files[name] = path
    return files


def holds_images(folder: Path) -> bool:
    """Whether images lie in a folder itself."""
    return folder.is_dir() and any(_is_image(path) for path in folder.iterdir())


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name.lower() not in JUNK]
        for name in names:
            if _is_image(path := Path(place, name)):
                yield path


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
