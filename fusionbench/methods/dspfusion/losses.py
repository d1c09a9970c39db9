"""What DSPFusion is trained for.

The fusion loss compares the fused image with both undegraded sources, the contrastive loss teaches the degradation
encoder to tell degradations apart, and the prior loss pulls the sampled prior to that of the undegraded scene. Terms
and weights are the released code's; the paper's and those of the small recipe's end are other rows of `OBJECTIVES`.
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
    """Of the terms of the fusion loss.

    Attributes:
        intensity: distance from the brighter source, pixel by pixel.
        gradient: distance from the larger gradient, for each direction.
        consistency: mean distance from both sources' grey values.
        color: distance from the visible image's chroma, for each of the two.
        ssim: dissimilarity from each source.
    """

    intensity: float = 15
    gradient: float = 10
    consistency: float = 1
    color: float = 20
    ssim: float = 2


# Eq. 5 with lambda 15 and gamma 0.75; the code's gradient weight of 10 amounts to a gamma of 0.667. The small network
# blurs, so that 'sharp', which is ours, asks it for twice the gradients.
OBJECTIVES = {
    "paper": Weights(gradient=15 * 0.75, consistency=0),
    "released": Weights(),
    "sharp": Weights(gradient=20),
}


def fusion_loss(fused: Color, ir: Color, vi: Color, weights: Weights = OBJECTIVES["released"]) -> dict[str, Tensor]:
    """The weighted terms of the fusion loss (Eq. 5-7); their sum is the loss.

    Args:
        fused: in [0, 1].
        ir: the undegraded infrared image as three equal channels.
        vi: the undegraded visible image.
        weights: of the terms.
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
        anchor: vectors of the images in question.
        positives: of other scenes with the same degradation.
        negatives: of the same scene with other degradations, or in the other modality.
    """
    anchor, positives, negatives = (F.normalize(part, dim=-1) for part in (anchor, positives, negatives))
    against = torch.einsum("bc,mbc->bm", anchor, negatives)
    target = anchor.new_zeros(anchor.shape[0], dtype=torch.long)
    terms = [
        # The positive counts among those it is told from, although Eq. 8 leaves it out there.
        F.cross_entropy(torch.cat([(anchor * positive).sum(-1, keepdim=True), against], dim=1) / TEMPERATURE, target)
        for positive in positives
    ]
    return torch.stack(terms).sum()


def prior_loss(restored: Prior, clean: Prior) -> Tensor:
    """The weighted distance between the sampled prior and that of the undegraded scene (Eq. 15)."""
    return PRIOR_WEIGHT * F.l1_loss(restored, clean)


def _gray(image: Color) -> Gray:
    return torch.einsum("bchw,c->bhw", image, image.new_tensor([0.299, 0.587, 0.114]))[:, None]


def _chroma(image: Color) -> Float[Tensor, "b 2 h w"]:
    """Cb and Cr as JPEG has them, centred on zero; with its rounded weights, which the reference values contain."""
    weights = image.new_tensor([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    return torch.einsum("bchw,kc->bkhw", image, weights)
