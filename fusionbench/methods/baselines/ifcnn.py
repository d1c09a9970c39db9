"""IFCNN: one small network for every fusion task, with an element-wise rule on its features.

Zhang, Liu, Sun, Yan, Zhao, Zhang, "IFCNN: A general image fusion framework based on convolutional neural network",
Information Fusion 54, 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.method import Method
from fusionbench.registry import check_known, pick
from fusionbench.types import Batch, Color, Gray

MERGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "max": torch.maximum,
    "mean": lambda ir, vi: (ir + vi) / 2,
    "sum": torch.add,
}


class IFCNNNetwork(nn.Module):
    """Two convolutions per source with shared weights, the rule, two convolutions back to colour.

    Parameter names are those of the official files; borders replicate the edge pixel throughout.
    """

    def __init__(self, merge: str = "max") -> None:
        super().__init__()
        self.merge = pick("merge rule of IFCNN", merge, MERGES)
        self.conv1 = nn.Conv2d(3, 64, 7, padding=3, padding_mode="replicate", bias=False)
        self.conv2 = ConvBlock()
        self.conv3 = ConvBlock()
        self.conv4 = nn.Conv2d(64, 3, 1)

    def encode(self, image: Color) -> Tensor:
        return self.conv2(self.conv1(image))

    @override
    def forward(self, ir: Color, vi: Color) -> Color:
        return self.conv4(self.conv3(self.merge(self.encode(ir), self.encode(vi))))


class ConvBlock(nn.Module):
    """3 x 3 convolution, batch normalisation, ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(64, 64, 3, padding=1, padding_mode="replicate", bias=False)
        self.bn = nn.BatchNorm2d(64)

    @override
    def forward(self, features: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv(features)))


class IFCNN(Method):
    """The network on RGB, the infrared image as three equal channels.

    Args:
        merge: 'max', 'mean' or 'sum'; each has its own weight file.
        normalize: 'none', as in the official script for infrared-visible and medical pairs; 'imagenet' for its
            multi-focus convention, with which the widely copied TNO results were made.
    """

    def __init__(self, merge: str = "max", normalize: Literal["none", "imagenet"] = "none") -> None:
        super().__init__()
        check_known("normalisation of IFCNN", normalize, ["none", "imagenet"])
        self.network = IFCNNNetwork(merge)
        mean, std = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)) if normalize == "imagenet" else ((0.0,), (1.0,))
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    @override
    def fuse(self, batch: Batch) -> Color:
        return self.raw(batch["ir"], batch["vi"]).clamp(0, 1)

    def raw(self, ir: Gray, vi: Color) -> Color:
        """The fused colours before they are clamped."""
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        three = ir.expand_as(vi)
        fused: Tensor = self.network((three - mean) / std, (vi - mean) / std)
        return fused * std + mean
