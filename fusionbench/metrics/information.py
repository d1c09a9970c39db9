"""Scores from histograms: entropy, cross entropy and the family of mutual information."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fusionbench.metrics.images import score
from fusionbench.metrics.sharing import shared
from fusionbench.types import Gray, Scores

LEVELS = 256


@shared
def histogram(x: Gray) -> Tensor:
    """Relative frequency of the 256 levels, (B, 256)."""
    return joint_histogram(x, torch.zeros_like(x))[:, :, 0]


@shared
def joint_histogram(x: Gray, y: Gray) -> Tensor:
    """Relative frequency of pairs of levels, (B, 256, 256)."""
    batch, pixels = x.shape[0], x[0].numel()
    offset = torch.arange(batch, device=x.device).view(-1, 1) * LEVELS**2
    pairs = (x * LEVELS + y).flatten(1).long() + offset
    counts = torch.bincount(pairs.flatten(), minlength=batch * LEVELS**2)
    return counts.view(batch, LEVELS, LEVELS).to(x.dtype) / pixels


def bits(probabilities: Tensor) -> Scores:
    """Shannon entropy of a distribution in bits."""
    return -torch.xlogy(probabilities, probabilities).flatten(1).sum(1) / math.log(2)


@shared
def level_entropy(x: Gray) -> Scores:
    """Entropy of one image in bits."""
    return bits(histogram(x))


@shared
def joint_entropy(x: Gray, y: Gray) -> Scores:
    """Joint entropy of two images in bits."""
    return bits(joint_histogram(x, y))


def shared_bits(x: Gray, y: Gray) -> Scores:
    """Mutual information of two images in bits."""
    return level_entropy(x) + level_entropy(y) - joint_entropy(x, y)


@score
def entropy(fused: Gray) -> Scores:
    """Shannon entropy of the histogram of 8-bit levels, in bits.

    Source:
        Roberts, Van Aardt and Ahmed, J. Appl. Remote Sens. 2 (2008).

    Example:
        >>> entropy(torch.tensor([0.0, 1.0]).view(1, 1, 1, 2))
        tensor([1.], dtype=torch.float64)
    """
    return level_entropy(fused)


@score
def mutual_information(fused: Gray, ir: Gray, vi: Gray, *, base: float = 2.0) -> Scores:
    """I(ir; fused) + I(vi; fused) from joint histograms of 8-bit levels.

    Args:
        base: of the logarithm; 2 gives bits, e gives nats.

    Source:
        Qu, Zhang and Yan, Electron. Lett. 38 (2002).
    """
    return (shared_bits(ir, fused) + shared_bits(vi, fused)) * math.log(2, base)
