"""Differentiable building blocks of losses that more than one method needs; images in [0, 1]."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.types import Image, Scores

SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
"""Wang et al. 2004, K1 and K2, for images whose range is 1."""


def sobel(image: Image, padding: str = "replicate") -> tuple[Image, Image]:
    """Magnitudes of the horizontal and the vertical Sobel response of every channel, not normalised.

    Args:
        image: of any number of channels.
        padding: what lies beyond the border, as `torch.nn.functional.pad` names it ('replicate', 'constant').

    Example:
        >>> step = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 1, 4, 4)
        >>> [response[0, 0, 1].tolist() for response in sobel(step)]
        [[0.0, 4.0, 4.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    padded = F.pad(image, (1, 1, 1, 1), mode=padding)
    across = padded[..., 2:] - padded[..., :-2]
    down = padded[..., 2:, :] - padded[..., :-2, :]
    horizontal = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    vertical = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    return horizontal.abs(), vertical.abs()


def ssim(first: Image, second: Image, side: int = 11, sigma: float = 1.5, padding: int = 0) -> Scores:
    """Structural similarity of each image, the mean over its map and channels.

    Args:
        first: of any number of channels, which are compared one by one.
        second: the same.
        side: of the Gaussian window, in pixels.
        sigma: of the Gaussian window.
        padding: zeros around the images; without any, the map is smaller by the window less one pixel.

    Raises:
        ValueError: the window does not fit into the images.

    Example:
        >>> ssim(torch.ones(1, 1, 16, 16), torch.ones(1, 1, 16, 16))
        tensor([1.])
    """
    scores: Scores = ssim_map(first, second, side, sigma, padding).mean(dim=(-3, -2, -1))
    return scores


def ssim_map(first: Image, second: Image, side: int = 11, sigma: float = 1.5, padding: int = 0) -> Image:
    """Structural similarity of each window; arguments and errors are those of `ssim`."""
    height, width = first.shape[-2:]
    if min(height, width) + 2 * padding < side:
        raise ValueError(f"images of {width}x{height} pixels are smaller than the {side}x{side} window of SSIM")
    offsets = torch.arange(side, dtype=first.dtype, device=first.device) - side // 2
    line = torch.exp(-offsets.square() / (2 * sigma**2))
    line = line / line.sum()
    moments = torch.stack([first, second, first.square(), second.square(), first * second])
    planes = moments.flatten(0, -3)[:, None]
    rows = F.conv2d(planes, line.view(1, 1, 1, -1), padding=(0, padding))
    blurred: Tensor = F.conv2d(rows, line.view(1, 1, -1, 1), padding=(padding, 0))
    mean1, mean2, square1, square2, product = blurred.view(*moments.shape[:-2], *blurred.shape[-2:])
    variance1, variance2, covariance = square1 - mean1**2, square2 - mean2**2, product - mean1 * mean2
    numerator = (2 * mean1 * mean2 + SSIM_C1) * (2 * covariance + SSIM_C2)
    denominator = (mean1**2 + mean2**2 + SSIM_C1) * (variance1 + variance2 + SSIM_C2)
    scores: Image = numerator / denominator
    return scores
