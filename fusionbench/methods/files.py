"""Image files that other programs wrote or will read, as tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image as Files
from PIL import UnidentifiedImageError

from fusionbench.types import Image

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff"}


def read_image(path: Path, *, channels: int = 3) -> Image:
    """An image file as (channels, H, W) in [0, 1]: 8 or 16 bits, gray, palette or colour.

    Args:
        path: the file.
        channels: 3 repeats a gray image; 1 turns a colour image into its luma.

    Raises:
        ValueError: it cannot be read as an image.
    """
    try:
        with Files.open(path) as file:
            if file.mode.startswith("I;16") or file.mode == "I":
                gray = torch.from_numpy(np.asarray(file).astype(np.float32) / 65535)[None]
                return gray.expand(channels, -1, -1).clone()
            pixels = np.array(file.convert("L" if channels == 1 else "RGB"), dtype=np.float32) / 255
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from error
    image = torch.from_numpy(pixels)
    return image[None] if image.ndim == 2 else image.permute(2, 0, 1).contiguous()


def write_image(path: Path, image: Image) -> None:
    """(1 or 3, H, W) in [0, 1] as an 8-bit PNG, rounded to nearest."""
    bytes_ = (image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    Files.fromarray(bytes_[0] if len(bytes_) == 1 else bytes_.transpose(1, 2, 0)).save(path)


def index_folder(folder: Path) -> dict[str, Path]:
    """The image files of a folder by stem.

    Raises:
        FileNotFoundError: no such folder, or no image in it.
        ValueError: two files have one stem.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; give the folder that holds the fused images")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.stem in found:
            raise ValueError(f"{found[path.stem]} and {path.name} have one name; keep one of them")
        found[path.stem] = path
    if not found:
        raise FileNotFoundError(f"no image in {folder}; expected {', '.join(sorted(SUFFIXES))}")
    return found
