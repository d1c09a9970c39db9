"""Padding by any amount, and running networks that accept only some sizes on images of any size."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fusionbench.types import Image


def reflect(image: Image, left: int, right: int, top: int, bottom: int) -> Tensor:
    """Reflect without repeating the edge pixel; small images, which torch refuses, are reflected repeatedly.

    Example:
        >>> reflect(torch.arange(3.0).view(1, 1, 3), 2, 3, 0, 0).flatten().tolist()
        [2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0, 1.0]
    """
    height, width = image.shape[-2:]
    rows = _whole_sample(_places(height, top, bottom, image.device), height)
    columns = _whole_sample(_places(width, left, right, image.device), width)
    return image.index_select(-2, rows).index_select(-1, columns)


def symmetric(image: Image, left: int, right: int, top: int, bottom: int) -> Tensor:
    """Reflect with the edge pixel repeated.

    Example:
        >>> symmetric(torch.arange(3.0).view(1, 1, 3), 2, 4, 0, 0).flatten().tolist()
        [1.0, 0.0, 0.0, 1.0, 2.0, 2.0, 1.0, 0.0, 0.0]
    """
    height, width = image.shape[-2:]
    rows = _half_sample(_places(height, top, bottom, image.device), height)
    columns = _half_sample(_places(width, left, right, image.device), width)
    return image.index_select(-2, rows).index_select(-1, columns)


def _places(size: int, before: int, after: int, device: torch.device) -> Tensor:
    return torch.arange(-before, size + after, device=device)


def _whole_sample(place: Tensor, size: int) -> Tensor:
    if size == 1:
        return torch.zeros_like(place)
    place = place.remainder(2 * (size - 1))
    return torch.minimum(place, 2 * (size - 1) - place)


def _half_sample(place: Tensor, size: int) -> Tensor:
    place = place.remainder(2 * size)
    return torch.minimum(place, 2 * size - 1 - place)


def run_padded(network: Callable[..., Tensor], *images: Image, multiple: int = 1, least: int = 1) -> Tensor:
    """Run a network that accepts only some sizes on images of any size.

    The images are `padded`, and the result is cropped to their size.

    Args:
        network: takes the images and returns one of their size.
        images: all of the same height and width.
        multiple: the network needs a height and width divisible by this.
        least: the smallest height and width that the network accepts.
    """
    height, width = images[0].shape[-2:]
    return network(*padded(*images, multiple=multiple, least=least))[..., :height, :width]


def padded(*images: Image, multiple: int = 1, least: int = 1) -> tuple[Image, ...]:
    """Images of one size, padded by reflection at the right and bottom to a multiple and a minimum per side."""
    height, width = images[0].shape[-2:]
    bottom, right = _short_of(height, multiple, least), _short_of(width, multiple, least)
    return tuple(reflect(image, 0, right, 0, bottom) for image in images) if bottom or right else images


def _short_of(size: int, multiple: int, least: int) -> int:
    return -(-max(size, least) // multiple) * multiple - size
