"""Differentiable building blocks of losses that more than one method needs; images in [0, 1]."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.nn.filters import gaussian
from fusionbench.types import Gray, Image, Scores

SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
"""Wang et al. 2004, K1 and K2, for images whose range is 1."""

INFORMATION_SIDES = (17, 9, 5, 3)
"""Sides of VIF's windows, scale by scale; their standard deviation is a fifth of the side."""
EYE_NOISE = 2.0
"""Variance of VIF's visual noise, on levels 0..255."""
FLAT = 1e-4
"""Minimum variance in VIF's gradient, on levels 0..255."""


def at_least_single(image: Tensor) -> Tensor:
    """The tensor in the precision of losses: single, or double if it is already.

    Half precision resolves only whole gray levels near white, so that variances in it are noise.

    Example:
        >>> at_least_single(torch.ones(1, dtype=torch.bfloat16)).dtype, at_least_single(torch.ones(1).double()).dtype
        (torch.float32, torch.float64)
    """
    return image.to(torch.promote_types(image.dtype, torch.float32))


def sobel(image: Image, padding: str = "replicate") -> tuple[Image, Image]:
    """Magnitudes of the horizontal and the vertical Sobel response of every channel, not normalised.

    Args:
        image: of any number of channels.
        padding: padding mode of `torch.nn.functional.pad` ('replicate', 'constant').

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


def psnr(image: Image, clean: Image) -> Scores:
    """Peak signal-to-noise ratio of each image in dB, after clamping it to [0, 1].

    Example:
        >>> psnr(torch.full((1, 1, 2, 2), 0.5), torch.full((1, 1, 2, 2), 0.6))
        tensor([20.0000])
    """
    errors = F.mse_loss(at_least_single(image).clamp(0, 1), at_least_single(clean), reduction="none").flatten(1).mean(1)
    return -10 * errors.clamp_min(torch.finfo(errors.dtype).tiny).log10()


def ssim(first: Image, second: Image, side: int = 11, sigma: float = 1.5, padding: int = 0) -> Scores:
    """Structural similarity of each image, the mean over its map and channels.

    Args:
        first: image of any number of channels, which are compared one by one.
        second: image of the same shape.
        side: side of the Gaussian window, in pixels.
        sigma: standard deviation of the Gaussian window.
        padding: width of zero padding; without it, the map is smaller by `side - 1` pixels.

    Raises:
        ValueError: the window does not fit into the images.

    Example:
        >>> ssim(torch.ones(1, 1, 16, 16), torch.ones(1, 1, 16, 16))
        tensor([1.])
    """
    return ssim_map(first, second, side, sigma, padding).mean(dim=(-3, -2, -1))


def ssim_map(first: Image, second: Image, side: int = 11, sigma: float = 1.5, padding: int = 0) -> Image:
    """Structural similarity of each window; arguments and errors are those of `ssim`."""
    height, width = first.shape[-2:]
    if min(height, width) + 2 * padding < side:
        raise ValueError(f"images of {width}x{height} pixels are smaller than the {side}x{side} window of SSIM")
    first, second = at_least_single(first), at_least_single(second)
    line = gaussian(side, sigma, first.dtype, first.device)
    mean1, mean2, variance1, variance2, covariance = _statistics(first, second, line, padding)
    numerator = (2 * mean1 * mean2 + SSIM_C1) * (2 * covariance + SSIM_C2)
    denominator = (mean1**2 + mean2**2 + SSIM_C1) * (variance1 + variance2 + SSIM_C2)
    return numerator / denominator


def visual_information(source: Gray, image: Gray) -> Scores:
    """Visual information fidelity of each image: the share of the source's information that it keeps.

    Above 1 if the image has more contrast than the source. It has the value of the metric VIF, whose computation is in
    place and has no gradient; here variances below `FLAT` are clamped, so that the gradient exists everywhere.

    Source:
        Sheikh and Bovik, IEEE TIP 15 (2006), pixel-domain version on levels 0..255.

    Raises:
        ValueError: the images are smaller than the window at the smallest scale; 41 pixels per side suffice.

    Example:
        >>> step = torch.tensor([0.0, 1.0]).repeat_interleave(24).expand(1, 1, 48, 48)
        >>> visual_information(step, step)
        tensor([1.0000])
    """
    kept, had = [], []
    first, second = 255 * at_least_single(source), 255 * at_least_single(image)
    for scale, side in enumerate(INFORMATION_SIDES):
        line = gaussian(side, side / 5, first.dtype, first.device)
        if scale:
            first, second = (_blurred(each, line)[..., ::2, ::2] for each in (first, second))
        if min(first.shape[-2:]) < side:
            height, width = source.shape[-2:]
            raise ValueError(
                f"images of {width}x{height} pixels are too small for the four scales of VIF; it needs 41x41"
            )
        _, _, signal, received, covariance = _statistics(first, second, line)
        signal, received = signal.clamp_min(FLAT), received.clamp_min(FLAT)
        gain = (covariance / signal).clamp_min(0)
        noise = (received - gain * covariance).clamp_min(FLAT)
        kept.append(torch.log1p(gain.square() * signal / (noise + EYE_NOISE)).sum(dim=(1, 2, 3)))
        had.append(torch.log1p(signal / EYE_NOISE).sum(dim=(1, 2, 3)))
    return torch.stack(kept).sum(dim=0) / torch.stack(had).sum(dim=0)


def _blurred(image: Image, line: Tensor, padding: int = 0) -> Image:
    """Each channel filtered with the window, with zero padding."""
    planes = image.flatten(0, -3)[:, None]
    with torch.autocast(image.device.type, enabled=False):  # Variances of half precision are noise.
        rows = F.conv2d(planes, line.view(1, 1, 1, -1), padding=(0, padding))
        blurred: Tensor = F.conv2d(rows, line.view(1, 1, -1, 1), padding=(padding, 0))
    return blurred.view(*image.shape[:-2], *blurred.shape[-2:])


def _statistics(first: Image, second: Image, line: Tensor, padding: int = 0) -> tuple[Image, ...]:
    """Both means, both variances and the covariance in each window."""
    moments = torch.stack([first, second, first.square(), second.square(), first * second])
    mean1, mean2, square1, square2, product = _blurred(moments, line, padding)
    return mean1, mean2, square1 - mean1**2, square2 - mean2**2, product - mean1 * mean2
