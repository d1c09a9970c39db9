"""The losses of both phases (equations 3, 4 and 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from fusionbench.methods.common.color import chroma, luma
from fusionbench.methods.lure.encoder import Latents, Modality
from fusionbench.nn.losses import sobel, ssim_map, visual_information
from fusionbench.types import Color, Gray, Image, Scores

Loss = Float[Tensor, ""]
Similarity = Literal["cosine", "correlation"]

SELECTION_SCALES = 3


def gradients(image: Image) -> Float[Tensor, "b c2 h w"]:
    """Magnitudes of the horizontal and vertical Sobel response of every channel, with replicated borders."""
    return torch.cat(sobel(image), dim=1)


def task_loss(restored: Color, clean: Color, gradient_weight: float) -> Loss:
    """Mean absolute error of the images plus the weighted one of their gradients."""
    distance = F.l1_loss(restored, clean)
    return distance + gradient_weight * F.l1_loss(gradients(restored), gradients(clean))


def cosine(first: Latents, second: Latents) -> Scores:
    """Cosine between the channel vectors of each pixel, averaged over pixels and levels, for each image."""
    levels = [F.cosine_similarity(a, b, dim=1).mean(dim=(1, 2)) for a, b in zip(first, second, strict=True)]
    return torch.stack(levels).mean(dim=0)


def correlation(first: Latents, second: Latents) -> Scores:
    """Pearson's correlation of each channel over the pixels, averaged: the ablation's weaker constraint."""
    levels = []
    for a, b in zip(first, second, strict=True):
        a, b = (latent.flatten(2) - latent.flatten(2).mean(dim=2, keepdim=True) for latent in (a, b))
        levels.append(F.cosine_similarity(a, b, dim=2).mean(dim=1))
    return torch.stack(levels).mean(dim=0)


def task_shares(labels: Int[Tensor, " b"], counts: Int[Tensor, " t"]) -> Float[Tensor, " b"]:
    """What each image contributes to a mean over tasks (Eq. 3), each of which is a mean over its images.

    Args:
        labels: the index of each image's task.
        counts: images of each task, of these and of those in other processes.

    Example:
        >>> labels = torch.tensor([0, 0, 2])
        >>> task_shares(labels, labels.bincount(minlength=3))
        tensor([0.2500, 0.2500, 0.5000])
    """
    return 1 / (counts[labels] * (counts > 0).sum())


def centred(first: Latents, second: Latents, modality: Modality) -> tuple[Latents, Latents]:
    """Subtract from both the mean latent of the second, over all pixels of a modality's images, level by level.

    A cosine differs from one by the squared ratio of the difference to the common part. Training could minimise this
    with a large vector common to all latents, while the tasks stay as separated as before relative to the differences
    between scenes. Without the mean there is no such vector.
    """
    own, other = [], []
    for a, b in zip(first, second, strict=True):
        means = b.mean(dim=(2, 3), keepdim=True)
        mean = torch.stack([means[modality == each].mean(dim=0) for each in modality])
        own.append(a - mean)
        other.append(b - mean)
    return own, other


SIMILARITIES: dict[str, Callable[[Latents, Latents], Scores]] = {
    "correlation": correlation,
    "cosine": cosine,
}


def colour_loss(fused: Color, vi: Color) -> Loss:
    """Sum of the mean absolute errors of both chroma channels from the visible image's (Text-IF)."""
    return 2 * F.l1_loss(chroma(fused), chroma(vi))


def gradient_loss(fused: Color, ir: Gray, vi: Color) -> Loss:
    """Distance of the luma's gradients from the stronger ones of the sources (Text-IF), summed over directions."""
    stronger = torch.maximum(gradients(ir), gradients(luma(vi)))
    return 2 * F.l1_loss(gradients(luma(fused)), stronger)


def selection_loss(fused: Gray, ir: Gray, vi: Gray, nearer_share: float) -> Loss:
    """Structural dissimilarity of each window from both sources, and from the more similar one.

    Where the sources differ, a fused image halfway between them has half the contrast of either. The part of the loss
    for which only the nearer source counts rewards choosing a side, window by window, at full, half and quarter size.

    Raises:
        ValueError: the images have sides below 44 pixels; a window would not fit into a quarter of them.
    """
    likeness = []
    for _ in range(SELECTION_SCALES):
        to_ir, to_vi = ssim_map(fused, ir), ssim_map(fused, vi)
        nearer, both = torch.maximum(to_ir, to_vi), (to_ir + to_vi) / 2
        likeness.append((nearer_share * nearer + (1 - nearer_share) * both).mean())
        fused, ir, vi = (F.avg_pool2d(image, 2) for image in (fused, ir, vi))
    return 1 - torch.stack(likeness).mean()


def information_loss(fused: Gray, ir: Gray, vi: Gray) -> Loss:
    """The visual information of both sources that the fused image lacks: two minus VIF.

    Raises:
        ValueError: the images have sides below 41 pixels.
    """
    return 2 - (visual_information(ir, fused) + visual_information(vi, fused)).mean()
