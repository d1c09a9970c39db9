"""Metrics from histograms: entropy, cross entropy and mutual information."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fusionbench.metrics.functional.images import metric_on_levels
from fusionbench.metrics.functional.memo import cached
from fusionbench.types import Gray, Scores

LEVELS = 256


@cached
def histogram(x: Gray) -> Tensor:
    """Relative frequency of the 256 levels, (B, 256)."""
    return _frequencies(to_int(x), LEVELS, x)


@cached
def joint_histogram(x: Gray, y: Gray) -> Tensor:
    """Relative frequency of pairs of levels, (B, 256 * 256)."""
    return _frequencies(torch.add(to_int(y), to_int(x), alpha=LEVELS), LEVELS**2, x)


@cached
def to_int(x: Gray) -> Tensor:
    """The levels as integers."""
    return x.int()


def _frequencies(values: Tensor, bins: int, like: Gray) -> Tensor:
    batch = len(values)
    if batch > 1:
        values = values + torch.arange(batch, device=values.device).view(-1, 1, 1, 1) * bins
    counts = torch.bincount(values.flatten(), minlength=batch * bins)
    return counts.view(batch, bins).to(like.dtype) / like[0].numel()


def bits(probabilities: Tensor, epsilon: float = 0.0) -> Scores:
    """Shannon entropy of a distribution in bits; `epsilon` is added inside the logarithm."""
    # Twice as fast as xlogy, whose logarithm is not vectorised.
    logarithm = (probabilities + epsilon).where(probabilities > 0, 1.0).log_()
    return -(logarithm.mul_(probabilities)).sum(1) / math.log(2)


@cached
def level_entropy(x: Gray) -> Scores:
    """Entropy of one image in bits."""
    return bits(histogram(x))


@cached
def joint_entropy(x: Gray, y: Gray) -> Scores:
    """Joint entropy of two images in bits."""
    return bits(joint_histogram(x, y))


@cached
def mutual_bits(x: Gray, y: Gray) -> Scores:
    """Mutual information of two images in bits."""
    separate = level_entropy(x) + level_entropy(y)
    return _beyond_rounding(separate - joint_entropy(x, y), separate)


def _beyond_rounding(bits: Scores, entropies: Scores) -> Scores:
    """A difference of entropies; 0 if it is within round-off."""
    return bits.where(bits > 16 * torch.finfo(bits.dtype).eps * entropies, 0.0)


@metric_on_levels
def entropy(fused: Gray, *, epsilon: float = 0.0) -> Scores:
    """Shannon entropy of the histogram of 8-bit levels, in bits.

    Args:
        epsilon: added to the frequencies inside the logarithm; 0 by definition.

    Source:
        Roberts, Van Aardt and Ahmed, J. Appl. Remote Sens. 2 (2008).

    Example:
        >>> entropy(torch.tensor([0.0, 1.0]).view(1, 1, 1, 2))
        tensor([1.], dtype=torch.float64)
    """
    return bits(histogram(fused), epsilon)


@metric_on_levels
def cross_entropy(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """Mean over the sources of sum p_source log2(p_source / p_fused), over levels that both images have, in bits.

    Source:
        Bulanon, Burks and Alchanatis, Biosyst. Eng. 103 (2009).
    """
    return (_divergence(ir, fused) + _divergence(vi, fused)) / 2


def _divergence(source: Gray, fused: Gray) -> Scores:
    p, q = histogram(source), histogram(fused)
    common = (p > 0) & (q > 0)
    return torch.xlogy(p, (p / q).where(common, 1.0)).sum(1) / math.log(2)


@metric_on_levels
def mutual_information(fused: Gray, ir: Gray, vi: Gray, *, joint_top: int = 255) -> Scores:
    """I(ir; fused) + I(vi; fused) from joint histograms of 8-bit levels, in bits.

    Args:
        joint_top: levels above it are counted in its bin in the joint histogram, but not in the marginals; 255 by
            definition.

    Source:
        Qu, Zhang and Yan, Electron. Lett. 38 (2002).
    """
    f, a, b = (x.clamp(max=joint_top) if joint_top < LEVELS - 1 else x for x in (fused, ir, vi))
    marginals = level_entropy(ir) + level_entropy(vi) + 2 * level_entropy(fused)
    return _beyond_rounding(marginals - joint_entropy(a, f) - joint_entropy(b, f), marginals)


@metric_on_levels
def normalized_information(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """2 (I(ir; fused) + I(vi; fused)) / (H(ir) + H(vi))."""
    both = mutual_bits(ir, fused) + mutual_bits(vi, fused)
    return 2 * both / (level_entropy(ir) + level_entropy(vi))


@metric_on_levels
def hossny_information(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QMI: twice the sum over the sources of I(source; fused) / (H(source) + H(fused)).

    Source:
        Hossny, Nahavandi and Creighton, Electron. Lett. 44 (2008), a comment on Qu's mutual information.
    """
    return 2 * (_relative(ir, fused) + _relative(vi, fused))


def _relative(source: Gray, fused: Gray) -> Scores:
    return mutual_bits(source, fused) / (level_entropy(source) + level_entropy(fused))


@metric_on_levels
def nonlinear_correlation(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QNCIE: nonlinear correlation information entropy of the two sources and the fused image.

    Source:
        Wang, Shen and Jin in Image Fusion: Algorithms and Applications (2008).
    """
    return eigenvalue_entropy(*(mutual_bits(x, y) / 8 for x, y in ((ir, vi), (ir, fused), (vi, fused))))


def eigenvalue_entropy(ir_vi: Scores, ir_fused: Scores, vi_fused: Scores) -> Scores:
    """1 + sum (l/3) log256(l/3) over the eigenvalues of the 3 x 3 correlation matrix."""
    one = torch.ones_like(ir_vi)
    rows = ((one, ir_vi, ir_fused), (ir_vi, one, vi_fused), (ir_fused, vi_fused, one))
    matrix = torch.stack([torch.stack(row, -1) for row in rows], -2)
    shares = torch.linalg.eigvalsh(matrix).clamp(min=0) / 3
    return 1 + torch.xlogy(shares, shares).sum(-1) / math.log(LEVELS)
