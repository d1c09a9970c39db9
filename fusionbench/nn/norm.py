"""Layer normalisation over the channels of each pixel.

Both accept any memory layout and return channels-last, in which the normalised values are contiguous.
"""

from __future__ import annotations

from torch import nn
from typing_extensions import override

from fusionbench.types import Image


class ChannelNorm(nn.Module):
    """Layer normalisation over channels, with the parameter names of Restormer's (`body.weight`, `body.bias`).

    Attributes:
        body: the same normalisation for channels in the last dimension (tokens).
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.body = nn.LayerNorm(channels, eps=eps)

    @override
    def forward(self, features: Image) -> Image:
        return self.body(features.movedim(-3, -1)).movedim(-1, -3)


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation over channels, with the parameter names and the epsilon of NAFNet's."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__(channels, eps=eps)

    @override
    def forward(self, features: Image) -> Image:
        return super().forward(features.movedim(-3, -1)).movedim(-1, -3)
