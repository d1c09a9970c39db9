"""Single images with clean versions, from restoration datasets.

They come as pairs whose other image is blank, so that everything made for pairs accepts them. Three kinds of folders
are supported: clean images that are degraded anew in each epoch, degraded images next to clean ones of the same name,
and degraded images whose names are those of the clean ones with a suffix.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fusionbench.data.sources.base import RawPair
from fusionbench.files import check_names, digest_of
from fusionbench.images.files import image_size, read_infrared, read_visible
from fusionbench.images.folders import image_files
from fusionbench.images.options import AS_STORED, ReadOptions
from fusionbench.registry import lookup
from fusionbench.types import Bytes

Modality = Literal["ir", "vi"]


@dataclass(frozen=True)
class RestorationCard:
    """A restoration dataset.

    Attributes:
        title: its name, and what it shows.
        modality: which image its pairs have.
        degraded: candidate folders of the degraded images below the root; none for clean images only.
        clean: candidate folders of the clean images.
        degradation: canonical spec of the degraded images.
        keep: pattern of the names of degraded images to use; all by default.
        url: its home page.
    """

    title: str
    modality: Modality
    clean: tuple[str, ...]
    degraded: tuple[str, ...] = ()
    degradation: str = "clean"
    keep: str = ""
    url: str = ""


RESTORATION = {
    "exposure_errors": RestorationCard(
        title="Exposure-Errors: photographs rendered with five exposures, of which the over-exposed",
        modality="vi",
        degraded=("training/INPUT_IMAGES", "train/INPUT_IMAGES", "INPUT_IMAGES", "input"),
        clean=("training/GT_IMAGES", "train/GT_IMAGES", "GT_IMAGES", "gt"),
        degradation="oe",
        keep=r"_P1(\.5)?$",
        url="https://github.com/mahmoudnafifi/Exposure_Correction",
    ),
    "ir_images": RestorationCard(
        title="Any folder of clean infrared images, to be degraded",
        modality="ir",
        clean=("ir", "infrared", "Ir", "."),
    ),
    "lol": RestorationCard(
        title="LOL: photographs taken in low and in normal light",
        modality="vi",
        degraded=("our485/low", "train/low", "low"),
        clean=("our485/high", "train/high", "high"),
        degradation="ll",
        url="https://daooshee.github.io/BMVC2018website/",
    ),
    "reside": RestorationCard(
        title="RESIDE: clear photographs and hazy versions made from them",
        modality="vi",
        degraded=("ITS/hazy", "OTS/hazy", "train/hazy", "hazy"),
        clean=("ITS/clear", "OTS/clear", "train/clear", "clear", "gt"),
        degradation="haze",
        url="https://sites.google.com/view/reside-dehaze-datasets",
    ),
    "vi_images": RestorationCard(
        title="Any folder of clean photographs, to be degraded",
        modality="vi",
        clean=("vi", "visible", "Vis", "."),
    ),
}
"""Restoration datasets by name, in addition to DATASETS."""


@dataclass(frozen=True)
class Restored:
    """One image of a restoration dataset.

    Attributes:
        name: unique within it.
        degraded: the degraded file; the clean one itself if it is degraded on the fly.
        clean: the clean file.
    """

    name: str
    degraded: Path
    clean: Path


class RestorationSource:
    """Pairs with one real image and a black one.

    Attributes:
        modality: modality of the real image.
        degradation: canonical spec of the images on disk.
    """

    def __init__(
        self,
        dataset: str,
        files: Sequence[Restored],
        modality: Modality,
        degradation: str,
        reading: ReadOptions = AS_STORED,
    ) -> None:
        self.dataset = dataset
        self.files = list(files)
        self.names = [each.name for each in self.files]
        self.modality: Modality = modality
        self.degradation = degradation
        self.reading = reading

    def __len__(self) -> int:
        return len(self.files)

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of an image, without decoding it."""
        return image_size(self.files[index].degraded)

    def read(self, index: int) -> RawPair:
        """Read one image, as a pair with a black one.

        Raises:
            FileNotFoundError: the image no longer exists.
            ValueError: it cannot be read, or differs in size from its clean version.
        """
        files = self.files[index]
        image = self._read(files.degraded)
        clean = image if files.clean == files.degraded else self._read(files.clean)
        if clean.shape != image.shape:
            sizes = " and ".join(f"{each.shape[1]}x{each.shape[0]}" for each in (image, clean))
            raise ValueError(f"{files.degraded} and its clean version {files.clean.name} differ in size: {sizes}")
        if self.modality == "ir":
            blank = np.zeros((*image.shape, 3), np.uint8)
            return RawPair(files.name, image, blank, clean, blank, self.degradation, only="ir")
        blank = np.zeros(image.shape[:2], np.uint8)
        return RawPair(files.name, blank, image, blank, clean, self.degradation, only="vi")

    def digest(self, index: int) -> str:
        """SHA-256 of an image and its clean version."""
        return digest_of([self.files[index].degraded, self.files[index].clean])

    def _read(self, path: Path) -> Bytes:
        return (read_infrared if self.modality == "ir" else read_visible)(path, self.reading)


def restoration(name: str, roots: Sequence[Path], reading: ReadOptions = AS_STORED) -> RestorationSource:
    """Load the images of a restoration dataset.

    Args:
        name: a row of `RESTORATION`.
        roots: folders to search.
        reading: how ambiguous infrared files are read.

    Raises:
        FileNotFoundError: the folders are missing or empty.
        ValueError: unknown name, or degraded images without a clean one.
    """
    name = lookup("restoration dataset", name, RESTORATION)
    card = RESTORATION[name]
    for root in roots:
        clean = _first(root, card.clean)
        degraded = _first(root, card.degraded) if card.degraded else clean
        if clean is None or degraded is None:
            continue
        files = _matched(name, degraded, clean, card.keep)
        if files:
            check_names((each.name for each in files), root)
            return RestorationSource(name, files, card.modality, card.degradation, reading)
    wanted = " and ".join(" or ".join(folders) for folders in (card.degraded, card.clean) if folders)
    origin = f"; it is available from {card.url}" if card.url else ""
    raise FileNotFoundError(f"no images of {name} in {' or '.join(map(str, roots))}; looked for {wanted}{origin}")


def _first(root: Path, folders: Sequence[str]) -> Path | None:
    return next((root / folder for folder in folders if (root / folder).is_dir()), None)


def _matched(name: str, degraded: Path, clean: Path, keep: str) -> list[Restored]:
    """Each degraded image with the clean one of its name, or of the longest prefix of its name before a '_' or '-'."""
    references = image_files(clean)
    if degraded == clean:
        return [Restored(stem, path, path) for stem, path in sorted(references.items())]
    files, alone = [], []
    for stem, path in sorted(image_files(degraded).items()):
        if keep and not re.search(keep, stem):
            continue
        places = [len(stem), *(match.start() for match in reversed(list(re.finditer("[_-]", stem))))]
        match = next((stem[:place] for place in places if stem[:place] in references), None)
        if match is None:
            alone.append(path)
        else:
            files.append(Restored(stem, path, references[match]))
    if alone:
        raise ValueError(
            f"{len(alone)} degraded images of {name} have no clean one in {clean}, first {alone[0].name}; a degraded "
            "image must have its clean image's name, optionally followed by '_' or '-' and a suffix"
        )
    return files
