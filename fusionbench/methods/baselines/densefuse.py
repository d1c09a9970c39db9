"""DenseFuse: a dense encoder shared by the sources, a rule between the features, a decoder.

Li, Wu, "DenseFuse: A fusion approach to infrared and visible images", IEEE TIP 28(5), 2019. The authors' PyTorch port.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.common.color import chroma, luma, rgb
from fusionbench.methods.common.filters import detail_share
from fusionbench.methods.common.padding import run_padded
from fusionbench.methods.method import Method
from fusionbench.nn.reflect import ReflectConv
from fusionbench.registry import pick
from fusionbench.types import Batch, Color


def mean(ir: Tensor, vi: Tensor) -> Tensor:
    """The rule that the port's test script always applies; the paper calls it addition."""
    return (ir + vi) / 2


def l1_norm(ir: Tensor, vi: Tensor) -> Tensor:
    """The paper's second rule, missing in the port: weights from the l1 norm over channels, averaged over 3 x 3."""
    share = detail_share(ir, vi)
    return share * ir + (1 - share) * vi


RULES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1_norm, "mean": mean}


class DenseFuseNetwork(nn.Module):
    """Images in 0..255 to a fused image in 0..255 or above; parameter names are those of the official files."""

    def __init__(self, channels: int = 1, rule: str = "mean") -> None:
        super().__init__()
        self.rule = pick("rule of DenseFuse", rule, RULES)
        self.conv1 = ReflectConv(channels, 16)
        self.DB1 = DenseBlock()
        self.conv2 = ReflectConv(64, 64)
        self.conv3 = ReflectConv(64, 32)
        self.conv4 = ReflectConv(32, 16)
        self.conv5 = ReflectConv(16, channels)

    def encode(self, image: Tensor) -> Tensor:
        return self.DB1(torch.relu(self.conv1(image)))

    def decode(self, code: Tensor) -> Tensor:
        # The last convolution is rectified too: the port never marks it as the last.
        for conv in (self.conv2, self.conv3, self.conv4, self.conv5):
            code = torch.relu(conv(code))
        return code

    @override
    def forward(self, ir: Tensor, vi: Tensor) -> Tensor:
        return self.decode(self.rule(self.encode(ir), self.encode(vi)))


class DenseBlock(nn.Module):
    """Three convolutions of 16 channels; each concatenates its output to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.denseblock = nn.Sequential(*(DenseConv(inputs) for inputs in (16, 32, 48)))

    @override
    def forward(self, features: Tensor) -> Tensor:
        return self.denseblock(features)


class DenseConv(nn.Module):
    """One convolution of a dense block."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.dense_conv = ReflectConv(inputs, 16)

    @override
    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([features, torch.relu(self.dense_conv(features))], dim=1)


class DenseFuse(Method):
    """The network on luma with the visible image's chroma, or on colours.

    Args:
        color: use the colour network, with the infrared image as three equal channels.
        rule: 'mean' as in the authors' script, or 'l1' as in the paper.
    """

    def __init__(self, color: bool = False, rule: str = "mean") -> None:
        super().__init__()
        self.color = color
        self.network = DenseFuseNetwork(3 if color else 1, rule)

    @override
    def fuse(self, batch: Batch) -> Color:
        ir, vi = batch["ir"], batch["vi"]
        if self.color:
            return (run_padded(self.network, ir.expand_as(vi) * 255, vi * 255, least=2) / 255).clamp(0, 1)
        return rgb(run_padded(self.network, ir * 255, luma(vi) * 255, least=2) / 255, chroma(vi))
