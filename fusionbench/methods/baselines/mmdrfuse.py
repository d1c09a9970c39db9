"""MMDRFuse: a network of 113 parameters, distilled from a large one.

Deng, Xu, Cheng, Wu, Kittler, "MMDRFuse: Distilled mini-model with dynamic refresh for multi-modality image fusion",
ACM Multimedia 2024.
"""

from __future__ import annotations

import torch
from torch import nn
from typing_extensions import override

from fusionbench.methods.common.color import chroma, luma, minmax_normalize, rgb
from fusionbench.methods.common.padding import run_padded
from fusionbench.methods.method import Method
from fusionbench.types import Batch, Color, Gray


class MMDRFuseNetwork(nn.Module):
    """Two convolutions; parameter names are those of the official file."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(2, 4, 3))
        self.conv2 = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(4, 1, 3))

    @override
    def forward(self, ir: Gray, vi: Gray) -> Gray:
        return torch.tanh(self.conv2(torch.relu(self.conv1(torch.cat([ir, vi], dim=1)))))


class MMDRFuse(Method):
    """The network on luma with the visible image's chroma.

    Args:
        stretch: stretch the fused luma to [0, 1] by its minimum and maximum, as when the authors' script saves a float
            image.
    """

    def __init__(self, stretch: bool = True) -> None:
        super().__init__()
        self.network = MMDRFuseNetwork()
        self.stretch = stretch

    @override
    def fuse(self, batch: Batch) -> Color:
        vi = batch["vi"]
        fused = run_padded(self.network, batch["ir"], luma(vi), least=2)
        return rgb(minmax_normalize(fused) if self.stretch else fused.clamp(0, 1), chroma(vi))
