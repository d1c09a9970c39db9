"""Edges and details of the sources: how well they are preserved, and artefacts."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.metrics.functional.filters import Map
from fusionbench.metrics.functional.gradients import magnitude, sobel, sobel_magnitude
from fusionbench.metrics.functional.images import metric_on_levels
from fusionbench.metrics.functional.memo import cached
from fusionbench.metrics.functional.moments import mean, total
from fusionbench.types import Gray, Scores

# QG adds this to avoid a division by zero.
TINY = 1e-5


class Edges(NamedTuple):
    """Strength and orientation of the edges of one image."""

    strength: Gray
    angle: Gray


def sigmoid(x: Gray, slope: float, centre: float, height: float) -> Gray:
    """The sigmoid height / (1 + exp(-slope (x - centre))), in place."""
    return x.sub_(centre).mul_(slope).sigmoid_().mul_(height)


def ratio(x: Gray, y: Gray) -> Gray:
    """The smaller over the larger of two strengths."""
    return torch.minimum(x, y).div_(torch.maximum(x, y))


def parallel(x: Gray, y: Gray) -> Gray:
    """1 where two edges are parallel, 0 where they are perpendicular."""
    return (x - y).abs_().sub_(math.pi / 2).abs_().mul_(2 / math.pi)


@cached
def _hong_edges(x: Gray) -> Edges:
    across, down = sobel(x)
    # The sign, that of a convolution with the usual Sobel kernels, matters next to the fixed pi/2.
    return Edges(sobel_magnitude(x), (down / -across).atan_().masked_fill_(across == 0, math.pi / 2))


def _hong_kept(source: Edges, fused: Edges) -> Gray:
    turn = (source.angle - fused.angle).abs_().div_(-math.pi / 2).add_(1)
    # Where the strengths are equal, the strength itself is used as the ratio.
    same = source.strength == fused.strength
    strength = torch.where(same, fused.strength, ratio(source.strength, fused.strength))
    return sigmoid(strength, 15.0, 0.5, 0.9994).mul_(sigmoid(turn, 22.0, 0.8, 0.9879))


@metric_on_levels
def edge_preservation(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """Qabf: preserved edges of both sources, weighted by their strength over the whole image.

    Undefined where both sources are constant.

    Source:
        Xydeas and Petrovic, Electron. Lett. 36 (2000), in the form of Hong's code, which most tables of the field
        use. It compares orientations without wrapping at pi.
    """
    edges, sources = _hong_edges(fused), (_hong_edges(ir), _hong_edges(vi))
    kept = [total(_hong_kept(source, edges).mul_(source.strength)) for source in sources]
    return (kept[0] + kept[1]) / total(sources[0].strength + sources[1].strength)


@cached
def _toolbox_edges(x: Gray) -> Edges:
    across, down = sobel(x)
    return Edges(sobel_magnitude(x), torch.atan(down / across.masked_fill(across == 0, TINY)))


def _toolbox_kept(source: Edges, fused: Edges, floor: float) -> Gray:
    """Edge preservation per pixel; edges of zero strength count as `floor` in the fused image."""
    both_flat = (source.strength == 0) & (fused.strength == 0)
    strength = ratio(_at_least(source.strength, TINY), _at_least(fused.strength, floor)).masked_fill_(both_flat, 1)
    return sigmoid(strength, 10.0, 0.5, 1.0).mul_(sigmoid(parallel(source.angle, fused.angle), 20.0, 0.75, 1.0))


def _at_least(strength: Gray, floor: float) -> Gray:
    return strength.masked_fill(strength == 0, floor)


@metric_on_levels
def local_edge_preservation(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QG: preserved edges of both sources, weighted by their strength at each pixel, then averaged.

    Source:
        Xydeas and Petrovic, Electron. Lett. 36 (2000), in the form of the toolbox of Liu et al., IEEE TPAMI 34 (2012).
    """
    edges, infrared, visible = _toolbox_edges(fused), _toolbox_edges(ir), _toolbox_edges(vi)
    # The toolbox ignores flat fused pixels next to infrared ones; the value changes by less than 1e-8.
    kept_ir, kept_vi = _toolbox_kept(infrared, edges, 0.0), _toolbox_kept(visible, edges, TINY)
    weight_ir, weight_vi = _at_least(infrared.strength, TINY), _at_least(visible.strength, TINY)
    return mean((kept_ir.mul_(weight_ir) + kept_vi.mul_(weight_vi)).div_(weight_ir + weight_vi))


@cached
def _petrovic_edges(x: Gray) -> Edges:
    across, down = (response / 8 for response in sobel(x, "reflect"))
    flat = (across == 0) & (down == 0)
    return Edges(magnitude(across, down), torch.atan(down / across).masked_fill_(flat, math.pi / 2))


def _petrovic_kept(source: Edges, fused: Edges) -> Gray:
    flat = (source.strength == 0) | (fused.strength == 0)
    strength = ratio(source.strength, fused.strength).masked_fill_(flat, 0)
    turn = parallel(source.angle, fused.angle)
    return sigmoid(strength, 19.0, 0.5, 0.9999).mul_(sigmoid(turn, 22.0, 0.5, 0.9995)).sqrt_()


@metric_on_levels
def fusion_artifacts(fused: Gray, ir: Gray, vi: Gray, *, weak: float = 0.001) -> Scores:
    """Nabf: fusion artefacts, edges of the fused image that neither source has.

    Args:
        weak: weight of edges of strength below 2; with 0 the metric is undefined if both sources have no others.

    Source:
        Shreyamsha Kumar, Signal Image Video Process. 7 (2013), after Petrovic and Xydeas (2005).
    """
    edges, infrared, visible = (_petrovic_edges(x) for x in (fused, ir, vi))
    invented = (edges.strength > infrared.strength) & (edges.strength > visible.strength)
    weights = [s.strength.pow(1.5).where(s.strength >= 2, weak) for s in (infrared, visible)]
    lacking = [(1 - _petrovic_kept(s, edges)).mul_(w) for s, w in zip((infrared, visible), weights, strict=True)]
    return total((lacking[0] + lacking[1]).mul_(invented)) / total(weights[0] + weights[1])


def _haar(x: Map) -> tuple[Map, Tensor]:
    """One level of the orthonormal Haar transform, mean and 3 details; an odd last row or column is dropped."""
    height, width = x.shape[-2] // 2 * 2, x.shape[-1] // 2 * 2
    kernels = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], dtype=x.dtype) / 2
    bands = F.conv2d(x[..., :height, :width], kernels.view(4, 1, 2, 2).to(x.device), stride=2)
    return bands[:, :1], bands[:, 1:]


@metric_on_levels
def wavelet_detail(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QM: similarity of the Haar details of the fused image and the sources, on two scales; up to 3.

    Undefined where both sources are constant.

    Source:
        Wang and Liu, ICICS (2008), in the form of the toolbox of Liu et al., IEEE TPAMI 34 (2012).
    """
    product = torch.ones_like(mean(fused))
    for power in (2 / 3, 1 / 3):
        (fused, details), (ir, of_ir), (vi, of_vi) = _haar(fused), _haar(ir), _haar(vi)
        energies = [bands.square().sum(1, keepdim=True) for bands in (of_ir, of_vi)]
        alike = [(bands - details).abs_().neg_().exp_().sum(1, keepdim=True) for bands in (of_ir, of_vi)]
        weighted = total(alike[0] * energies[0] + alike[1] * energies[1])
        product = product * (weighted / total(energies[0] + energies[1])) ** power
    return product
