"""CSCFuse (CSC-IVF): unrolled convolutional sparse coding of a base and a detail layer, merged by saliency.

Zhao et al., "Deep convolutional sparse coding networks for interpretable image fusion", CVPR Workshops 2023.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.common.color import fuse_luma, minmax_normalize
from fusionbench.methods.common.filters import detail_share, guided_filter
from fusionbench.methods.common.padding import reflect, run_padded
from fusionbench.methods.method import Method
from fusionbench.nn.reflect import ReflectConv
from fusionbench.nn.unrolled import soft_threshold, unrolled_code
from fusionbench.types import Batch, Color, Gray

_CODES = 64
_BLOCKS = 7  # after the first
_BLUR_RADIUS = 5
_SALIENCY_RADIUS, _SALIENCY_EPS = 45, 0.01
_TINY = 1e-12


class SoftThreshold(nn.Module):
    """Shrinks every channel by its learned threshold."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(1, _CODES, 1, 1))

    @override
    def forward(self, code: Tensor) -> Tensor:
        return soft_threshold(code, self.theta)


class Step(nn.Module):
    """One unrolled step: the code, (1, 64, pixels, 1), is updated with the encoded reconstruction error."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        decoder = nn.ModuleDict({"de_conv0": ReflectConv(_CODES, 1, bias=False)})
        encoder = nn.ModuleDict({"en_conv0": ReflectConv(1, _CODES, bias=False)})
        self.conv = nn.ModuleDict({"conv_decoder": decoder, "conv_encoder": encoder})
        self.norm = nn.BatchNorm2d(_CODES)
        self.activation = activation

    @override
    def forward(self, code: Tensor, encoded: Tensor) -> Tensor:
        return self.activation(self.norm(code + encoded))

    @property
    def encoder(self) -> ReflectConv:
        """From the error of the reconstruction to a code."""
        return cast(ReflectConv, self.conv.get_submodule("conv_encoder.en_conv0"))

    @property
    def decoder(self) -> ReflectConv:
        """From a code to the reconstruction."""
        return cast(ReflectConv, self.conv.get_submodule("conv_decoder.de_conv0"))


class Encoder(nn.Module):
    """Codes of one layer of an image. The first step reads that layer; all others read the whole image."""

    def __init__(self, *, detail: bool) -> None:
        super().__init__()
        self.convLayer0 = Step(SoftThreshold() if detail else nn.PReLU(_CODES))
        self.convLayer = nn.ModuleList(Step(SoftThreshold() if detail else nn.PReLU(_CODES)) for _ in range(_BLOCKS))

    @override
    def forward(self, layer: Gray, image: Gray) -> Tensor:
        steps: list[Step] = [self.convLayer0, *self.convLayer]

        def updated(number: int, code: Tensor, encoded: Tensor) -> Tensor:
            return steps[number](code[None, :, :, None], encoded[None, :, :, None])[0, :, :, 0]

        encoders, decoders = [step.encoder for step in steps], [step.decoder for step in steps[1:]]
        return unrolled_code([layer] + [image] * _BLOCKS, encoders, decoders, updated)


class Decoder(nn.Module):
    """Decodes a code to an image; the same for both layers, and linear in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        widths = (_CODES, 32, 16, 1)
        stages: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            stages += [nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3, bias=False), nn.BatchNorm2d(outputs)]
        self.decode_last = nn.Sequential(*stages)

    @override
    def forward(self, code: Tensor) -> Gray:
        return self.decode_last(code)


def blurred(image: Gray) -> Gray:
    """The mean over 11 x 11 pixels, padded by reflection."""
    padded = reflect(image, _BLUR_RADIUS, _BLUR_RADIUS, _BLUR_RADIUS, _BLUR_RADIUS)
    side = 2 * _BLUR_RADIUS + 1
    # A convolution, not a mean: the codes amplify round-off, and the published ones were computed this way.
    return F.conv2d(padded, padded.new_full((1, 1, side, side), 1 / side**2))


def base_share(ir: Tensor, vi: Tensor) -> Tensor:
    """The infrared share per channel: histogram contrast, aligned with the code's edges by a guided filter."""
    # Channels are independent; processing a few at a time limits the memory of the filter's double precision.
    return torch.cat([_base_share(*few) for few in zip(ir.chunk(8, 1), vi.chunk(8, 1), strict=True)], dim=1)


def _base_share(ir: Tensor, vi: Tensor) -> Tensor:
    # All-zero codes are common; they have no contrast and stay zero.
    ir, vi = minmax_normalize(ir, dim=(-2, -1)), minmax_normalize(vi, dim=(-2, -1))
    first, second = _contrast(ir) + _TINY, _contrast(vi) + _TINY
    total = first + second
    first = guided_filter(ir, first / total, _SALIENCY_RADIUS, _SALIENCY_EPS, "symmetric") + _TINY
    second = guided_filter(vi, second / total, _SALIENCY_RADIUS, _SALIENCY_EPS, "symmetric") + _TINY
    return first / (first + second)


def _contrast(code: Tensor) -> Tensor:
    """Mean distance of a pixel's value from the values of all pixels of its channel, in 1/255."""
    levels = (code * 255).long().flatten(0, 1).flatten(1)
    counts = torch.zeros(len(levels), 256, device=code.device).scatter_add_(1, levels, torch.ones_like(levels).float())
    gray = torch.arange(256.0, device=code.device)
    distance = (counts / levels.shape[1]) @ (gray[:, None] - gray[None, :]).abs()
    return distance.gather(1, levels).view(code.shape).to(code.dtype)


class CSCFuse(Method):
    """The networks on luma with the visible image's chroma, merged as in the authors' script."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Encoder(detail=False)
        self.detail = Encoder(detail=True)
        self.decoder = Decoder()

    @override
    def fuse(self, batch: Batch) -> Color:
        return fuse_luma(batch, lambda ir, vi: run_padded(self.fused_luma, ir, vi, least=2))

    def codes(self, image: Gray) -> tuple[Tensor, Tensor]:
        """Base and detail code of one image."""
        blur = blurred(image)
        return self.base(blur, image), self.detail(image - blur, image)

    def fused_luma(self, ir: Gray, vi: Gray) -> Gray:
        """Both layers merged, decoded and added; sides must be at least 2."""
        base_ir, detail_ir = self.codes(ir)
        base_vi, detail_vi = self.codes(vi)
        share = base_share(base_ir, base_vi)
        base = 2 * (share * base_ir + (1 - share) * base_vi)
        share = detail_share(detail_ir, detail_vi)
        detail = 2 * (share * detail_ir + (1 - share) * detail_vi)
        return torch.sigmoid(self.decoder(base) + self.decoder(detail))
