"""What a path of weights says beyond the file: `FILE#ENTRY`, and `{dataset}-{degradation}`.

Training programs put more than one network into a file, such as averaged weights beside plain ones, or write one file
for each dataset and degradation. A path with this in it is passed on as it is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from fusionbench.files import path_name


class CellName(NamedTuple):
    """What weights may depend on: the names of a dataset and of a degradation."""

    dataset: str
    degradation: str


ANY_CELL = CellName("{dataset}", "{degradation}")
"""Leaves the placeholders as they are, to show them."""


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


def depends_on_cell(path: Path | None) -> bool:
    """Whether a path has placeholders; one that is there as it is written has none."""
    return path is not None and bool(re.search(r"\{\w*\}", str(path))) and not file_of(path).exists()


def of_cell(path: Path, cell: CellName | None) -> Path:
    """A path with a dataset and a degradation in place of its placeholders, as folders of results are called.

    Args:
        cell: None where a command has no datasets and degradations.

    Raises:
        ValueError: there is no cell, or a placeholder is unknown.

    Example:
        >>> of_cell(Path("w/{dataset}-{degradation}.pth"), CellName("m3fd", "ir:noise")).name
        'm3fd-ir-noise.pth'
    """
    if not depends_on_cell(path):
        return path
    known = {"dataset": "", "degradation": ""} if cell is None else cell._asdict()
    if stray := [name for name in re.findall(r"\{(\w*)\}", str(path)) if name not in known]:
        raise ValueError(
            f"{path} has the unknown placeholder {{{stray[0]}}}; known are {{dataset}} and {{degradation}}"
        )
    if cell is None:
        raise ValueError(
            f"{path} depends on a dataset and a degradation, which this command does not have; give one file"
        )
    for name, value in known.items():
        path = Path(str(path).replace(f"{{{name}}}", path_name(value)))
    return path
