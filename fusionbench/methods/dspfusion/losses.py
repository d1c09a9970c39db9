"""DSPFusion's losses.

The fusion loss compares the fused image with both clean sources, the contrastive loss teaches the degradation encoder
to separate degradations, and the prior loss pulls the sampled prior to that of the clean scene. Terms and weights are
the released code's; those of the paper and of the small network's final training are other rows of `OBJECTIVES`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fusionbench.methods.dspfusion.prior_encoder import Kind, Prior
from fusionbench.nn.losses import sobel, ssim
from fusionbench.types import Color, Gray

SSIM_SIDE, SSIM_SIGMA = 13, 1.5
TEMPERATURE = 0.1
PRIOR_WEIGHT = 10

Vectors = Float[Tensor, "k b channels"]


@dataclass(frozen=True)
class Weights:
    """Weights of the terms of the fusion loss.

    Attributes:
        intensity: distance from the brighter source, per pixel.
        gradient: distance from the larger gradient, per direction.
        consistency: mean distance from both sources' gray values.
        color: distance from the visible image's chroma, per chroma channel.
        ssim: structural dissimilarity from each source.
    """

    intensity: float = 15
    gradient: float = 10
    consistency: float = 1
    color: float = 20
    ssim: float = 2


# Eq. 5 with lambda 15 and gamma 0.75; the code's gradient weight of 10 amounts to a gamma of 0.667. The small network
# blurs, so our 'sharp' doubles the weight of gradients.
OBJECTIVES = {
    "paper": Weights(gradient=15 * 0.75, consistency=0),
    "released": Weights(),
    "sharp": Weights(gradient=20),
}


def fusion_loss(fused: Color, ir: Color, vi: Color, weights: Weights = OBJECTIVES["released"]) -> dict[str, Tensor]:
    """The weighted terms of the fusion loss (Eq. 5-7); their sum is the loss.

    Args:
        fused: in [0, 1].
        ir: the clean infrared image as three equal channels.
        vi: the clean visible image.
        weights: weights of the terms.
    """
    gray, gray_ir, gray_vi = _gray(fused), _gray(ir), _gray(vi)
    brighter = torch.where(ir.mean(1, keepdim=True) > vi.mean(1, keepdim=True), ir, vi)
    gradients = [
        F.l1_loss(f, torch.maximum(a, b)) for f, a, b in zip(*map(sobel, (gray, gray_ir, gray_vi)), strict=True)
    ]
    alike = ssim(vi, fused, SSIM_SIDE, SSIM_SIGMA) + ssim(gray_ir, gray, SSIM_SIDE, SSIM_SIGMA)
    return {
        "intensity": weights.intensity * F.l1_loss(fused, brighter),
        "gradient": weights.gradient * (gradients[0] + gradients[1]),
        "consistency": weights.consistency * (F.l1_loss(gray, gray_vi) + F.l1_loss(gray, gray_ir)) / 2,
        "color": weights.color * 2 * F.l1_loss(_chroma(fused), _chroma(vi)),
        "ssim": weights.ssim * (2 - alike).mean(),
    }


def contrastive_loss(anchor: Kind, positives: Vectors, negatives: Vectors) -> Tensor:
    """Sum over the positives of InfoNCE with one positive against all negatives (Eq. 8), mean over the batch.

    Args:
        anchor: vectors of the anchor images.
        positives: vectors of other scenes with the same degradation.
        negatives: vectors of the same scene with other degradations or in the other modality.
    """
    anchor, positives, negatives = (F.normalize(part, dim=-1) for part in (anchor, positives, negatives))
    against = torch.einsum("bc,mbc->bm", anchor, negatives)
    target = anchor.new_zeros(anchor.shape[0], dtype=torch.long)
    terms = [
        # The positive is part of the denominator, although Eq. 8 omits it there.
        F.cross_entropy(torch.cat([(anchor * positive).sum(-1, keepdim=True), against], dim=1) / TEMPERATURE, target)
        for positive in positives
    ]
    return torch.stack(terms).sum()


def prior_loss(restored: Prior, clean: Prior) -> Tensor:
    """The weighted distance between the sampled prior and that of the clean scene (Eq. 15)."""
    return PRIOR_WEIGHT * F.l1_loss(restored, clean)


def _gray(image: Color) -> Gray:
    return torch.einsum("bchw,c->bhw", image, image.new_tensor([0.299, 0.587, 0.114]))[:, None]


def _chroma(image: Color) -> Float[Tensor, "b 2 h w"]:
    """Cb and Cr as in JPEG, centred on zero; with its rounded weights, as in the reference values."""
    weights = image.new_tensor([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    return torch.einsum("bchw,kc->bkhw", image, weights)
