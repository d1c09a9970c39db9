"""What DRFusion is trained for: restored sources like their labels, and a fused image for the task.

Objectives differ between the paper (Eq. 20-24) and the released code, which compares the fused image with the restored
sources instead of the labels, weights differently, and lets gradients reach the sources through the fusion terms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fusionbench.types import Gray

Terms: TypeAlias = dict[str, Tensor]
"""Weighted terms by name; the loss is their sum."""

Objective: TypeAlias = Callable[[Float[Tensor, "b 3 h w"], Gray, Gray], Terms]
"""From the final state and both labels."""

SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
SSIM_SIDE, SSIM_SIGMA = 11, 1.5
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2


def sobel(image: Gray) -> Gray:
    """|horizontal| + |vertical| Sobel response, not normalised, zero beyond the border."""
    horizontal = image.new_tensor(SOBEL)
    kernels = torch.stack([horizontal, horizontal.T])[:, None]
    responses: Tensor = F.conv2d(image, kernels, padding=1)
    return responses.abs().sum(dim=1, keepdim=True)


def ssim(first: Gray, second: Gray) -> Float[Tensor, ""]:
    """Mean structural similarity with an 11 x 11 Gaussian window and zeros beyond the border, for images in [0, 1]."""
    offsets = torch.arange(SSIM_SIDE, dtype=first.dtype, device=first.device) - SSIM_SIDE // 2
    line = torch.exp(-offsets.square() / (2 * SSIM_SIGMA**2))
    window = torch.outer(line, line)[None, None] / line.sum() ** 2
    moments = torch.cat([first, second, first.square(), second.square(), first * second])
    blurred: Tensor = F.conv2d(moments, window, padding=SSIM_SIDE // 2)
    mean1, mean2, square1, square2, product = blurred.chunk(5)
    variance1, variance2, covariance = square1 - mean1**2, square2 - mean2**2, product - mean1 * mean2
    numerator = (2 * mean1 * mean2 + SSIM_C1) * (2 * covariance + SSIM_C2)
    denominator = (mean1**2 + mean2**2 + SSIM_C1) * (variance1 + variance2 + SSIM_C2)
    return (numerator / denominator).mean()


def restoration(state: Float[Tensor, "b 3 h w"], ir: Gray, vi: Gray) -> Tensor:
    """Eq. 21: mean absolute errors of both restored sources, added."""
    return F.l1_loss(state[:, :1], ir) + F.l1_loss(state[:, 1:2], vi)


def maxima(fused: Gray, ir: Gray, vi: Gray) -> tuple[Tensor, Tensor]:
    """Eq. 23: distances of the fused image and of its gradients from the pixel-wise larger of both images'."""
    intensity = F.l1_loss(fused, torch.maximum(ir, vi))
    gradient = F.l1_loss(sobel(fused), torch.maximum(sobel(ir), sobel(vi)))
    return intensity, gradient


def visible_paper(state: Float[Tensor, "b 3 h w"], ir: Gray, vi: Gray) -> Terms:
    """Eq. 20 with Eq. 23, lambda 10 and gamma 20."""
    intensity, gradient = maxima(state[:, 2:], ir, vi)
    return {"restoration": restoration(state, ir, vi), "intensity": 10 * intensity, "gradient": 200 * gradient}


def visible_released(state: Float[Tensor, "b 3 h w"], ir: Gray, vi: Gray) -> Terms:
    """The released code for infrared-visible pairs: maxima of the restored sources, weights 5, 5 and 1."""
    intensity, gradient = maxima(state[:, 2:], state[:, :1], state[:, 1:2])
    return {"restoration": 5 * restoration(state, ir, vi), "intensity": 5 * intensity, "gradient": gradient}


def _medical(state: Float[Tensor, "b 3 h w"], ir: Gray, vi: Gray) -> tuple[Tensor, Tensor]:
    fused = state[:, 2:]
    return F.l1_loss(fused, ir) + F.l1_loss(fused, vi), 2 - ssim(fused, ir) - ssim(fused, vi)


def medical_paper(state: Float[Tensor, "b 3 h w"], ir: Gray, vi: Gray) -> Terms:
    """Eq. 20 with Eq. 24, lambda 10 and phi 10."""
    intensity, dissimilarity = _medical(state, ir, vi)
    return {"restoration": restoration(state, ir, vi), "intensity": 10 * intensity, "ssim": 100 * dissimilarity}


def medical_released(state: Float[Tensor, "b 3 h w"], ir: Gray, vi: Gray) -> Terms:
    """The weights of the released code's medical loss, which it has commented out."""
    intensity, dissimilarity = _medical(state, ir, vi)
    return {"restoration": 10 * restoration(state, ir, vi), "intensity": 10 * intensity, "ssim": dissimilarity}


OBJECTIVES: dict[str, Objective] = {
    "medical": medical_released,
    "medical-paper": medical_paper,
    "visible": visible_released,
    "visible-paper": visible_paper,
}
