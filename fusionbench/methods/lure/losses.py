"""What both phases minimise (equations 3, 4 and 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fusionbench.methods.color import chroma, luma
from fusionbench.methods.lure.encoder import Latents
from fusionbench.nn.losses import sobel
from fusionbench.types import Color, Gray, Image

Loss = Float[Tensor, ""]
Similarity = Literal["cosine", "correlation"]


def gradients(image: Image) -> Float[Tensor, "b c2 h w"]:
    """Magnitudes of the horizontal and of the vertical Sobel response of every channel; borders repeat."""
    return torch.cat(sobel(image), dim=1)


def task_loss(restored: Color, clean: Color, gradient_weight: float) -> Loss:
    """Distance of images plus weighted distance of their gradients, both mean absolute."""
    distance = F.l1_loss(restored, clean)
    return distance + gradient_weight * F.l1_loss(gradients(restored), gradients(clean))


def cosine(first: Latents, second: Latents) -> Loss:
    """Cosine between the channel vectors of each pixel, averaged over pixels, images and levels."""
    levels = [F.cosine_similarity(a, b, dim=1).mean() for a, b in zip(first, second, strict=True)]
    return torch.stack(levels).mean()


def correlation(first: Latents, second: Latents) -> Loss:
    """Pearson's correlation of each channel over the pixels, averaged: the ablation's weaker tie between places."""
    levels = []
    for a, b in zip(first, second, strict=True):
        a, b = (latent.flatten(2) - latent.flatten(2).mean(dim=2, keepdim=True) for latent in (a, b))
        levels.append(F.cosine_similarity(a, b, dim=2).mean())
    return torch.stack(levels).mean()


SIMILARITIES: dict[Similarity, Callable[[Latents, Latents], Loss]] = {
    "correlation": correlation,
    "cosine": cosine,
}


def colour_loss(fused: Color, vi: Color) -> Loss:
    """Distance of both chroma channels from the visible image's (Text-IF), mean absolute, added."""
    return 2 * F.l1_loss(chroma(fused), chroma(vi))


def gradient_loss(fused: Color, ir: Gray, vi: Color) -> Loss:
    """Distance of the luma's gradients from the stronger ones of the sources (Text-IF), per direction, added."""
    stronger = torch.maximum(gradients(ir), gradients(luma(vi)))
    return 2 * F.l1_loss(gradients(luma(fused)), stronger)
