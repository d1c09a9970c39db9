"""A convolution with reflection padding, under the parameter name of several published weight files."""

from __future__ import annotations

from torch import Tensor, nn
from typing_extensions import override


class ReflectConv(nn.Module):
    """3 x 3 convolution with output of equal size; each side of the image needs at least two pixels."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect", bias=bias)

    @override
    def forward(self, features: Tensor) -> Tensor:
        return self.conv2d(features)
