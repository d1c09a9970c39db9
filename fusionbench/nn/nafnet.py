"""NAFNet's block: gates instead of activations, and channel attention from one pooled value per channel.

Chen et al., "Simple Baselines for Image Restoration", ECCV 2022. Parameter names are the original's.
"""

from __future__ import annotations

import torch
from torch import nn
from typing_extensions import override

from fusionbench.nn.norm import LayerNorm2d
from fusionbench.types import Image


def gated(features: Image) -> Image:
    """The product of the two halves of the channels."""
    first, second = features.chunk(2, dim=1)
    return first * second


class NAFBlock(nn.Module):
    """Gated depthwise convolution with channel attention, then a gated feed-forward, each with a scaled residual.

    The scales start at zero, so that a new block returns its input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = LayerNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv2 = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1))
        self.conv3 = nn.Conv2d(channels, channels, 1)
        self.norm2 = LayerNorm2d(channels)
        self.conv4 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv5 = nn.Conv2d(channels, channels, 1)
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))

    @override
    def forward(self, features: Image) -> Image:
        spatial = gated(self.conv2(self.conv1(self.norm1(features))))
        features = features + self.beta * self.conv3(spatial * self.sca(spatial))
        return features + self.gamma * self.conv5(gated(self.conv4(self.norm2(features))))
