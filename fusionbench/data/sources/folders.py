"""Pairs of files: finding them in two folders, matching them by name, reading them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from fusionbench.data.first_look import PairPaths, differing, look
from fusionbench.data.sources.base import RawPair
from fusionbench.files import digest_of, read_csv
from fusionbench.images.files import SUFFIXES, image_size, read_infrared, read_visible
from fusionbench.images.folders import image_files
from fusionbench.images.matching import Matched, match, match_mixed
from fusionbench.images.options import AS_STORED, ImageWarning, ReadOptions
from fusionbench.types import Bytes

Unmatched = Literal["refuse", "skip"]

PROMPTS = "prompts.csv"
"""An optional table beside the image folders: columns `name` and `prompt`."""


@dataclass(frozen=True)
class Matching:
    """How the files of two folders become pairs.

    Attributes:
        unmatched: 'refuse' raises an error if an image has no partner, 'skip' leaves it out.
        ir_suffix: what infrared names have after the name of their pair, or a pattern with `*` for that name.
        vi_suffix: the same for visible names.
    """

    unmatched: Unmatched = "refuse"
    ir_suffix: str = ""
    vi_suffix: str = ""


BY_NAME = Matching()
"""The two images of a pair have the same name, and every image has a partner."""


def match_by_name(
    ir_dir: Path, vi_dir: Path, matching: Matching = BY_NAME, reading: ReadOptions = AS_STORED
) -> list[PairPaths]:
    """Pair the images of two folders by name, sorted; one folder may hold both images of each pair.

    Names are equal, or differ as `fusionbench.images.matching` allows, with a warning.

    Args:
        reading: with a channel for the infrared image, each file of one folder is both images of a pair.

    Raises:
        FileNotFoundError: a folder is missing or contains no image.
        ValueError: images have no partner, or there is no pair.

    Warns:
        ImageWarning: no names were equal.
    """
    if one := ir_dir.resolve() == vi_dir.resolve():
        if isinstance(reading.ir_channel, int):
            return [PairPaths(name, path, path) for name, path in sorted(_images(ir_dir).items())]
    elif ir_dir.resolve() in vi_dir.resolve().parents or vi_dir.resolve() in ir_dir.resolve().parents:
        raise ValueError(f"one of {ir_dir} and {vi_dir} contains the other; give separate folders")
    ir, vi = _images(ir_dir), _images(vi_dir)
    suffixes = matching.ir_suffix, matching.vi_suffix
    found = match_mixed(ir, *suffixes) if one else match(ir, vi, *suffixes)
    if one and not found.pairs:
        raise ValueError(
            f"{ir_dir} is given for both modalities; give one folder per modality, or name the channel of the "
            f"infrared image (--ir-channel 3 for the fourth){_suffixes(found)}"
        )
    if not found.pairs or (matching.unmatched == "refuse" and (found.alone_ir or found.alone_vi)):
        raise ValueError(
            f"{len(found.pairs)} pairs, but {len(found.alone_ir)} images only in {ir_dir}{_some(found.alone_ir)} and "
            f"{len(found.alone_vi)} only in {vi_dir}{_some(found.alone_vi)}; the images of a pair must have the same "
            "name: rename or remove these"
            + (", or skip them with unmatched='skip'" if found.pairs else _suffixes(found))
        )
    if found.rule:
        name, own, other = found.pairs[0]
        warnings.warn(
            f"no infrared image has the name of a visible one; {len(found.pairs)} pairs were matched by {found.rule}: "
            f"{ir[own]} and {vi[other]} are {name!r}",
            ImageWarning,
            stacklevel=2,
        )
    return [PairPaths(name, ir[own], vi[other]) for name, own, other in found.pairs]


def _suffixes(found: Matched) -> str:
    """The way out for names with a common part."""
    ir, vi = found.suffixes or ("_ir", "_vis")
    return f", or say what follows the name of the pair with ir_suffix='{ir}' and vi_suffix='{vi}'"


def _images(folder: Path) -> dict[str, Path]:
    if found := image_files(folder):
        return found
    raise FileNotFoundError(f"no image in {folder}; supported suffixes: {', '.join(SUFFIXES)}")


def _some(names: Sequence[str]) -> str:
    """The first few names in parentheses, for messages."""
    if not names:
        return ""
    return f" ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"


def read_prompts(folders: Iterable[Path]) -> dict[str, str]:
    """The prompts of the first `prompts.csv` in these folders, by pair name; empty if there is none.

    Raises:
        ValueError: the table cannot be read, lacks a column, or has a duplicate row or one of the wrong length.
    """
    path = next((path for folder in folders if (path := folder / PROMPTS).is_file()), None)
    lines, faults = ([], []) if path is None else read_csv(path, journal=False)
    heading = lines[0].cells if lines else []
    if lines and not {"name", "prompt"} <= set(heading):
        faults.append(f"{path} has the columns {', '.join(heading)}")
    prompts: dict[str, str] = {}
    for number, cells in lines[1:]:
        row = dict(zip(heading, cells, strict=False))
        if cells and len(cells) != len(heading):
            faults.append(f"{path}, line {number}: {len(cells)} cells where the heading has {len(heading)}")
        elif row.get("name") in prompts:
            faults.append(f"{path}, line {number}: a second row for {row['name']!r}")
        if faults:
            break
        if cells:
            prompts[row["name"]] = row["prompt"]
    if faults:
        raise ValueError(f"{faults[0]}; the table needs the columns 'name' and 'prompt' and one row per name")
    return prompts


class FolderSource:
    """Undegraded pairs of files in two folders.

    Args:
        resize: resize infrared images to the visible ones.
        prompts: prompt by pair name.
        reading: how ambiguous infrared files are read.

    Raises:
        ValueError: two images of a pair differ in size and `resize` is not set, or files are ambiguous.
    """

    def __init__(
        self,
        dataset: str,
        files: Sequence[PairPaths],
        *,
        resize: bool = False,
        prompts: dict[str, str] | None = None,
        reading: ReadOptions = AS_STORED,
    ) -> None:
        self.dataset = dataset
        self.files = list(files)
        self.names = [pair.name for pair in self.files]
        self.resize = resize
        self.prompts = prompts or {}
        self.reading = reading
        self._sizes: dict[int, tuple[int, int]] = {}
        look(self.files, resize, reading)

    def __len__(self) -> int:
        return len(self.files)

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a pair, without decoding it."""
        if index not in self._sizes:
            self._sizes[index] = image_size(self.files[index].vi)
        return self._sizes[index]

    def read(self, index: int) -> RawPair:
        """Read one pair.

        Raises:
            FileNotFoundError: an image no longer exists.
            ValueError: an image cannot be read, or the two differ in size.
        """
        files = self.files[index]
        ir, vi = read_infrared(files.ir, self.reading), read_visible(files.vi, self.reading)
        if ir.shape == vi.shape[:2]:
            return RawPair(files.name, ir, vi, prompt=self.prompts.get(files.name))
        if not self.resize:
            raise ValueError(differing(files, ir.shape[:2], vi.shape[:2]))
        scale = max(1, round(vi.shape[0] / ir.shape[0]))
        return RawPair(files.name, resized(ir, vi.shape[:2]), vi, ir_scale=scale, prompt=self.prompts.get(files.name))

    def digest(self, index: int) -> str:
        """SHA-256 of what a pair is made from: the bytes of its files and its prompt."""
        files = self.files[index]
        return digest_of([files.ir, files.vi, self.prompts.get(files.name) or ""])


def resized(image: Bytes, size: tuple[int, int]) -> Bytes:
    """The image resized to (height, width): bicubic when enlarging, area averaging when shrinking."""
    smaller = size[0] < image.shape[0] and size[1] < image.shape[1]
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cv2.resize(image, size[::-1], interpolation=interpolation).astype(np.uint8, copy=False)
