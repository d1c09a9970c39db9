"""DRFusion's training objectives: restored sources close to the clean ones, and a fused image for the task.

Objectives differ between the paper (Eq. 20-24) and the released code, which compares the fused image with the restored
sources instead of the clean ones, uses other weights, and propagates gradients to the sources through the fusion terms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fusionbench.nn.losses import sobel, ssim
from fusionbench.types import Gray

Terms: TypeAlias = dict[str, Tensor]
"""Weighted terms by name; the loss is their sum."""

Objective: TypeAlias = Callable[[Float[Tensor, "b 3 h w"], Gray, Gray], Terms]
"""Computes the terms from the final state and both clean sources."""

SSIM_BORDER = 5
"""Zero padding in the released code, which keeps the map of the 11 x 11 window at the image's size."""


def gradient(image: Gray) -> Gray:
    """|horizontal| + |vertical| Sobel response, not normalised, zero padding."""
    horizontal, vertical = sobel(image, padding="constant")
    return horizontal + vertical


def restoration(state: Float[Tensor, "b 3 h w"], ir: Gray, vi: Gray) -> Tensor:
    """Eq. 21: sum of the mean absolute errors of both restored sources."""
    return F.l1_loss(state[:, :1], ir) + F.l1_loss(state[:, 1:2], vi)


def maxima(fused: Gray, ir: Gray, vi: Gray) -> tuple[Tensor, Tensor]:
    """Eq. 23: distances of the fused image and of its gradients from the pixel-wise maxima of both images."""
    intensity = F.l1_loss(fused, torch.maximum(ir, vi))
    edges = F.l1_loss(gradient(fused), torch.maximum(gradient(ir), gradient(vi)))
    return intensity, edges


def visible_paper(state: Float[Tensor, "b 3 h w"], ir: Gray, vi: Gray) -> Terms:
    """Eq. 20 with Eq. 23, lambda 10 and gamma 20."""
    intensity, edges = maxima(state[:, 2:], ir, vi)
    return {"restoration": restoration(state, ir, vi), "intensity": 10 * intensity, "gradient": 200 * edges}


def visible_released(state: Float[Tensor, "b 3 h w"], ir: Gray, vi: Gray) -> Terms:
    """The released code for infrared-visible pairs: maxima of the restored sources, weights 5, 5 and 1."""
    intensity, edges = maxima(state[:, 2:], state[:, :1], state[:, 1:2])
    return {"restoration": 5 * restoration(state, ir, vi), "intensity": 5 * intensity, "gradient": edges}


def _medical(state: Float[Tensor, "b 3 h w"], ir: Gray, vi: Gray) -> tuple[Tensor, Tensor]:
    fused = state[:, 2:]
    similarity = ssim(fused, ir, padding=SSIM_BORDER) + ssim(fused, vi, padding=SSIM_BORDER)
    return F.l1_loss(fused, ir) + F.l1_loss(fused, vi), 2 - similarity.mean()


def medical_paper(state: Float[Tensor, "b 3 h w"], ir: Gray, vi: Gray) -> Terms:
    """Eq. 20 with Eq. 24, lambda 10 and phi 10."""
    intensity, dissimilarity = _medical(state, ir, vi)
    return {"restoration": restoration(state, ir, vi), "intensity": 10 * intensity, "ssim": 100 * dissimilarity}


def medical_released(state: Float[Tensor, "b 3 h w"], ir: Gray, vi: Gray) -> Terms:
    """The weights of the released code's medical loss, which is commented out there."""
    intensity, dissimilarity = _medical(state, ir, vi)
    return {"restoration": 10 * restoration(state, ir, vi), "intensity": 10 * intensity, "ssim": dissimilarity}


OBJECTIVES: dict[str, Objective] = {
    "medical": medical_released,
    "medical-paper": medical_paper,
    "visible": visible_released,
    "visible-paper": visible_paper,
}
