"""MUFusion: a U-shaped network, trained with its earlier outputs as memory.

Cheng, Xu, Wu, "MUFusion: A general unsupervised image fusion network based on memory unit", Information Fusion 92,
2023.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.common.color import chroma, luma, minmax_normalize, rgb
from fusionbench.methods.common.padding import run_padded
from fusionbench.methods.method import Method
from fusionbench.types import Batch, Color, Gray

# The authors' script: patches of 128 pixels with an overlap of four.
_PATCH, _STEP = 128, 124


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3, stride))


class MUFusionNetwork(nn.Module):
    """Infrared and visible luma to fused luma in [-1, 1]; even sides of at least 4; official parameter names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _conv(2, 32)
        self.conv2 = _conv(32, 32)
        self.conv3 = _conv(64, 64, stride=2)
        self.conv4 = _conv(64, 64)
        self.conv5 = _conv(128, 64)
        self.conv6 = _conv(192, 64)
        self.conv66 = _conv(64, 64)
        self.conv55 = _conv(128, 64)
        self.conv44 = _conv(128, 64)
        self.conv33 = _conv(128, 64)
        self.conv22 = _conv(96, 32)
        self.conv11 = _conv(64, 1)

    @override
    def forward(self, ir: Gray, vi: Gray) -> Gray:
        g11 = torch.relu(self.conv1(torch.cat([ir, vi], dim=1)))
        g21 = torch.relu(self.conv2(g11))
        g31 = torch.relu(self.conv3(torch.cat([g11, g21], dim=1)))
        g41 = torch.relu(self.conv4(g31))
        g51 = torch.relu(self.conv5(torch.cat([g31, g41], dim=1)))
        g61 = torch.relu(self.conv6(torch.cat([g31, g41, g51], dim=1)))
        code = torch.relu(self.conv66(g61))
        for skip, conv in ((g51, self.conv55), (g41, self.conv44), (g31, self.conv33)):
            code = torch.relu(conv(torch.cat([skip, code], dim=1)))
        wide = F.interpolate(code, scale_factor=2, mode="bicubic", align_corners=False)
        code = torch.relu(self.conv22(torch.cat([g21, wide], dim=1)))
        return torch.tanh(self.conv11(torch.cat([g11, code], dim=1)))


def corners(height: int, width: int) -> list[tuple[int, int]]:
    """Top left corners of the script's patches; the last row and column may repeat a patch, which then counts twice."""
    rows, columns = range(0, height - _PATCH + 1, _STEP), range(0, width - _PATCH + 1, _STEP)
    bottom, right = height - _PATCH, width - _PATCH
    return [
        *((i, j) for i in rows for j in columns),
        *((i, right) for i in rows),
        *((bottom, j) for j in columns),
        (bottom, right),
    ]


class MUFusion(Method):
    """The network on luma with the visible image's chroma.

    Args:
        patches: fuse patches of 128 pixels and average where they overlap, as in the authors' script; smaller images
            are fused whole. If False, all images are fused whole, which changes pixels near the patches' edges.
        stretch: stretch the fused luma to [0, 1] by its minimum and maximum, as the authors' script for gray images
            does when saving; their script for colour images, like this default, does not.
    """

    def __init__(self, patches: bool = True, stretch: bool = False) -> None:
        super().__init__()
        self.network = MUFusionNetwork()
        self.patches, self.stretch = patches, stretch

    @override
    def fuse(self, batch: Batch) -> Color:
        vi = batch["vi"]
        fused = self.fused_luma(batch["ir"], luma(vi))
        return rgb(minmax_normalize(fused) if self.stretch else fused.clamp(0, 1), chroma(vi))

    def fused_luma(self, ir: Gray, vi: Gray) -> Gray:
        """The network's output, in patches or whole."""
        height, width = ir.shape[-2:]
        if not self.patches or min(height, width) < _PATCH:
            return run_padded(self.network, ir, vi, multiple=2, least=4)
        total, count = torch.zeros_like(ir), torch.zeros_like(ir[:1])
        for top, left in corners(height, width):
            window = (..., slice(top, top + _PATCH), slice(left, left + _PATCH))
            patch: Tensor = self.network(ir[window], vi[window])
            total[window] += patch
            count[window] += 1
        return total / count
