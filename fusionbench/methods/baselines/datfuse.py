"""DATFuse: residual dual attention before and after two transformer blocks.

Tang, He, Liu, Duan, Si, "DATFuse: Infrared and visible image fusion via dual attention transformer", IEEE TCSVT
33(7), 2023.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.common.color import fuse_luma
from fusionbench.methods.method import Method
from fusionbench.types import Batch, Color, Gray

_CHANNELS = 16


class ConvNorm(nn.Module):
    """Convolution with replicated borders and batch normalisation."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, _CHANNELS, size, padding=size // 2, padding_mode="replicate")
        self.bn = nn.BatchNorm2d(_CHANNELS)

    @override
    def forward(self, features: Tensor) -> Tensor:
        return self.bn(self.conv(features))


class ChannelAttention(nn.Module):
    """One weight per channel, from the channels' means."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Conv2d(_CHANNELS, 4, 1), nn.ReLU(), nn.Conv2d(4, _CHANNELS, 1))

    @override
    def forward(self, features: Tensor) -> Tensor:
        return torch.sigmoid(self.fc(features.mean(dim=(-2, -1), keepdim=True)))


class SpatialAttention(nn.Module):
    """One weight per pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(_CHANNELS, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 1, 3, padding=1),
            nn.BatchNorm2d(1),
        )

    @override
    def forward(self, features: Tensor) -> Gray:
        return torch.sigmoid(self.body(features))


class Attention(nn.Module):
    """Self-attention in windows of one token: the soft-max over a single token is 1, so only the values remain."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(_CHANNELS, 3 * _CHANNELS)
        self.proj = nn.Linear(_CHANNELS, _CHANNELS)

    @override
    def forward(self, tokens: Tensor) -> Tensor:
        return self.proj(self.qkv(tokens)[..., 2 * _CHANNELS :])


class MLP(nn.Module):
    """Two layers with a GELU between."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(_CHANNELS, 4 * _CHANNELS)
        self.fc2 = nn.Linear(4 * _CHANNELS, _CHANNELS)

    @override
    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(tokens)))


class TransformerBlock(nn.Module):
    """Attention and an MLP on tokens of 16 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(_CHANNELS)
        self.attn = Attention()
        self.norm2 = nn.LayerNorm(_CHANNELS)
        self.mlp = MLP()

    @override
    def forward(self, features: Tensor) -> Tensor:
        # The published network reinterprets channel-first memory as channel-last: a token is 16 neighbouring pixels of
        # one channel instead of the 16 channels of a pixel.
        tokens: Tensor = features.reshape(len(features), -1, _CHANNELS)
        tokens = tokens + self.attn(self.norm1(tokens))
        tokens = tokens + self.mlp(self.norm2(tokens))
        return tokens.view(features.shape)


class DATFuseNetwork(nn.Module):
    """Infrared and visible luma to fused luma in [-1, 1]; parameter names are those of the official file."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutional = ConvNorm(2, 5)
        self.fem = ConvNorm(_CHANNELS, 3)
        self.cam = ChannelAttention()
        self.sam = SpatialAttention()
        self.basicLayer = nn.ModuleDict({"blocks": nn.ModuleList([TransformerBlock(), TransformerBlock()])})
        self.convolutional_out = nn.ModuleDict({"conv": nn.Conv2d(_CHANNELS, 1, 1)})

    def extract(self, features: Tensor) -> Tensor:
        """The same convolution and normalisation twice."""
        return self.fem(torch.relu(self.fem(features)))

    def attended(self, features: Tensor) -> Tensor:
        by_channel: Tensor = features * self.cam(features)
        by_pixel: Tensor = features * self.sam(features)
        return by_channel + by_pixel

    def encode(self, ir: Gray, vi: Gray) -> Tensor:
        first = torch.relu(self.convolutional(torch.cat([ir, vi], dim=1)))
        return torch.relu(self.attended(self.extract(first)) + first)

    @override
    def forward(self, ir: Gray, vi: Gray) -> Gray:
        features = self.encode(ir, vi)
        for block in self.basicLayer.get_submodule("blocks").children():
            features = block(features)
        features = self.extract(features)
        fused: Tensor = self.convolutional_out.get_submodule("conv")(self.attended(features) + features)
        return torch.tanh(fused)


class DATFuse(Method):
    """The network on luma with the visible image's chroma."""

    def __init__(self) -> None:
        super().__init__()
        self.network = DATFuseNetwork()

    @override
    def fuse(self, batch: Batch) -> Color:
        # Below zero, the authors' cast to bytes would wrap around; zero is intended.
        return fuse_luma(batch, lambda ir, vi: self.network(ir, vi).clamp_min(0))
