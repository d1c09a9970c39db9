"""Methods without learning, each from its paper. They fuse luma and keep the visible image's chroma."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from fusionbench.methods.common.color import fuse_luma
from fusionbench.methods.common.filters import box_mean, correlate, gaussian_kernel, guided_filter
from fusionbench.methods.common.pyramid import collapse, laplacian_pyramid
from fusionbench.methods.common.wavelet import WAVELETS, Wavelet, analyse, synthesise
from fusionbench.methods.method import Method
from fusionbench.registry import pick
from fusionbench.types import Batch, Color, Gray


def larger_magnitude(ir: Tensor, vi: Tensor) -> Tensor:
    """The coefficient farther from zero; on a tie, the infrared one."""
    return torch.where(ir.abs() >= vi.abs(), ir, vi)


def pyramid_fusion(ir: Gray, vi: Gray, levels: int) -> Gray:
    """Laplacian pyramids: the detail of larger magnitude at every level, the mean of the two bases.

    Source:
        Burt, Adelson, "The Laplacian pyramid as a compact image code", IEEE Trans. Communications 31(4), 1983;
        the selection rule: Burt, "The pyramid as a structure for efficient computation", 1984.
    """
    pairs = zip(laplacian_pyramid(ir, levels), laplacian_pyramid(vi, levels), strict=True)
    *details, (base_ir, base_vi) = pairs
    return collapse([*(larger_magnitude(a, b) for a, b in details), (base_ir + base_vi) / 2])


def wavelet_fusion(ir: Gray, vi: Gray, wavelet: Wavelet, levels: int) -> Gray:
    """Wavelet coefficients: of larger magnitude in the detail bands, the mean of the two approximations.

    Levels for which a side is too short (it must hold the filter's support) are omitted, except for the first.

    Source:
        Li, Manjunath, Mitra, "Multisensor image fusion using the wavelet transform", Graphical Models and Image
        Processing 57(3), 1995; Pajares, de la Cruz, "A wavelet-based image fusion tutorial", Pattern Recognition
        37(9), 2004. Differs: single coefficients are compared, without an area measure or consistency check.
    """
    if levels == 0:
        return (ir + vi) / 2
    height, width = ir.shape[-2:]
    base_ir, details_ir = analyse(ir, wavelet)
    base_vi, details_vi = analyse(vi, wavelet)
    long_enough = min(base_ir.shape[-2:]) >= 2 * (len(wavelet.low) - 1)
    base = wavelet_fusion(base_ir, base_vi, wavelet, levels - 1 if long_enough else 0)
    down, across, diagonal = (larger_magnitude(a, b) for a, b in zip(details_ir, details_vi, strict=True))
    return synthesise(base, (down, across, diagonal), wavelet, height, width)


# Li, Kang, Hu 2013, section III: windows and regularisation of the two guided filters, the averaging window and the
# Gaussian of the saliency. "3 x 3 Laplacian" there names no coefficients; this is the four-neighbour one.
_BASE_RADIUS, _BASE_EPS = 45, 0.3
_DETAIL_RADIUS, _DETAIL_EPS = 7, 1e-6
_AVERAGE_RADIUS = 15
_SALIENCY_RADIUS, _SALIENCY_SIGMA = 5, 5.0
_LAPLACIAN = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])


def guided_fusion(ir: Gray, vi: Gray) -> Gray:
    """Two layers per source, weighted by saliency maps that guided filters align with the sources' edges.

    Source:
        Li, Kang, Hu, "Image fusion with guided filtering", IEEE TIP 22(7), 2013, equations 6 to 15.
        Differs: filtered weights below zero (the filter overshoots at edges) are clipped, and where both vanish the
            sources are averaged; the paper only says that the weights are normalised to sum to one.
    """
    saliency_ir, saliency_vi = (_saliency(source) for source in (ir, vi))
    wins_ir = (saliency_ir >= saliency_vi).to(ir.dtype)
    wins_vi = (saliency_vi >= saliency_ir).to(ir.dtype)
    base_ir, base_vi = (box_mean(source.double(), _AVERAGE_RADIUS, "symmetric").to(source.dtype) for source in (ir, vi))
    base = _weighted(ir, vi, wins_ir, wins_vi, base_ir, base_vi, _BASE_RADIUS, _BASE_EPS)
    detail = _weighted(ir, vi, wins_ir, wins_vi, ir - base_ir, vi - base_vi, _DETAIL_RADIUS, _DETAIL_EPS)
    return base + detail


def _saliency(image: Gray) -> Gray:
    return correlate(correlate(image, _LAPLACIAN).abs(), gaussian_kernel(_SALIENCY_RADIUS, _SALIENCY_SIGMA))


def _weighted(
    ir: Gray, vi: Gray, wins_ir: Gray, wins_vi: Gray, layer_ir: Gray, layer_vi: Gray, radius: int, eps: float
) -> Gray:
    weight_ir = guided_filter(ir, wins_ir, radius, eps).clamp_min(0)
    weight_vi = guided_filter(vi, wins_vi, radius, eps).clamp_min(0)
    total = weight_ir + weight_vi
    share = torch.where(total > 0, weight_ir / total.clamp_min(torch.finfo(total.dtype).tiny), 0.5)
    return share * layer_ir + (1 - share) * layer_vi


def diffused(image: Gray, iterations: int, rate: float, kappa: float) -> Gray:
    """Perona and Malik's anisotropic diffusion with the exponential conductance and four neighbours.

    Args:
        image: in [0, 1].
        iterations: number of steps.
        rate: rate of one step; above 0.25 it is unstable.
        kappa: the difference between neighbours at which the conductance is 1/e, for images in 0..255.

    Source:
        Perona, Malik, "Scale-space and edge detection using anisotropic diffusion", IEEE TPAMI 12(7), 1990, eq. 7-10.
    """
    for _ in range(iterations):
        down, across = image.diff(dim=-2), image.diff(dim=-1)
        down = down * torch.exp(-((down * 255 / kappa) ** 2))
        across = across * torch.exp(-((across * 255 / kappa) ** 2))
        image = image + rate * (_divergence(down, -2) + _divergence(across, -1))
    return image


def _divergence(flow: Tensor, dim: int) -> Tensor:
    """Inflow minus outflow; nothing crosses the image's edge."""
    edge = torch.zeros_like(flow.narrow(dim, 0, 1)) if flow.shape[dim] else None
    if edge is None:
        shape = list(flow.shape)
        shape[dim] = 1
        return flow.new_zeros(shape)
    return torch.cat([flow, edge], dim) - torch.cat([edge, flow], dim)


def diffusion_fusion(ir: Gray, vi: Gray, iterations: int, rate: float, kappa: float) -> Gray:
    """Bases by anisotropic diffusion, averaged; details weighted by their Karhunen-Loeve transform.

    Source:
        Bavirisetti, Dhuli, "Fusion of infrared and visible sensor images based on anisotropic diffusion and
        Karhunen-Loeve transform", IEEE Sensors Journal 16(1), 2016. Differs: the magnitudes of the principal
        eigenvector's components are used. Where details are anticorrelated its components differ in sign, and the
        paper's division by their sum would subtract one source's detail and can divide by zero.
    """
    base_ir, base_vi = (diffused(source, iterations, rate, kappa) for source in (ir, vi))
    share = _principal_share(ir - base_ir, vi - base_vi)
    return (base_ir + base_vi) / 2 + share * (ir - base_ir) + (1 - share) * (vi - base_vi)


def _principal_share(ir: Gray, vi: Gray) -> Tensor:
    """The first source's share in the principal axis of the two, per image."""
    first = ir - ir.mean(dim=(-3, -2, -1), keepdim=True)
    second = vi - vi.mean(dim=(-3, -2, -1), keepdim=True)
    spread_first, spread_second, shared = (
        (a * b).mean(dim=(-3, -2, -1), keepdim=True) for a, b in ((first, first), (second, second), (first, second))
    )
    angle = torch.atan2(2 * shared, spread_first - spread_second) / 2
    cosine, sine = angle.cos().abs(), angle.sin().abs()
    return cosine / (cosine + sine)


class Average(Method):
    """The mean of infrared and visible luma."""

    @override
    def fuse(self, batch: Batch) -> Color:
        return fuse_luma(batch, lambda ir, vi: (ir + vi) / 2)


class Maximum(Method):
    """The larger of infrared and visible luma, pixel by pixel."""

    @override
    def fuse(self, batch: Batch) -> Color:
        return fuse_luma(batch, torch.maximum)


class LaplacianPyramid(Method):
    """`pyramid_fusion` of the lumas.

    Args:
        levels: detail levels; fewer on images too small for them. Four, as in Liu, Liu, Wang, "A general framework
            for image fusion based on multi-scale transform and sparse representation", Information Fusion 24, 2015.
    """

    def __init__(self, levels: int = 4) -> None:
        super().__init__()
        self.levels = _positive("levels", levels)

    @override
    def fuse(self, batch: Batch) -> Color:
        return fuse_luma(batch, lambda ir, vi: pyramid_fusion(ir, vi, self.levels))


class DiscreteWavelet(Method):
    """`wavelet_fusion` of the lumas.

    Args:
        wavelet: a name in WAVELETS. The default is symmetric, which Prakash, Srivastava, Khare, "Biorthogonal wavelet
            transform based image fusion using absolute maximum fusion rule", IEEE ICT 2013, found to keep edges.
        levels: fewer on images too small for them.
    """

    def __init__(self, wavelet: str = "bior2.2", levels: int = 4) -> None:
        super().__init__()
        self.wavelet = pick("wavelet", wavelet, WAVELETS)
        self.levels = _positive("levels", levels)

    @override
    def fuse(self, batch: Batch) -> Color:
        return fuse_luma(batch, lambda ir, vi: wavelet_fusion(ir, vi, self.wavelet, self.levels))


class GuidedFilter(Method):
    """`guided_fusion` of the lumas; every number is the paper's."""

    @override
    def fuse(self, batch: Batch) -> Color:
        return fuse_luma(batch, guided_fusion)


class AnisotropicDiffusion(Method):
    """`diffusion_fusion` of the lumas.

    Args:
        iterations: diffusion steps.
        rate: rate of one step.
        kappa: conductance, for images in 0..255.
    """

    def __init__(self, iterations: int = 10, rate: float = 0.15, kappa: float = 30.0) -> None:
        super().__init__()
        self.iterations = _positive("iterations", iterations)
        if not 0 < rate <= 0.25:
            raise ValueError(f"rate is {rate}; the diffusion is stable between 0 and 0.25")
        if kappa <= 0:
            raise ValueError(f"kappa is {kappa}; it must be above 0")
        self.rate, self.kappa = rate, kappa

    @override
    def fuse(self, batch: Batch) -> Color:
        return fuse_luma(batch, lambda ir, vi: diffusion_fusion(ir, vi, self.iterations, self.rate, self.kappa))


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} is {value}; it must be at least 1")
    return value
