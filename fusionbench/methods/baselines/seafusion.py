"""SeAFusion: gradient-residual dense encoders for the two sources, trained with a segmentation loss.

Tang, Yuan, Ma, "Image fusion in the loop of high-level vision tasks: A semantic-aware real-time infrared and visible
image fusion network", Information Fusion 82, 2022.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.common.color import minmax_normalize
from fusionbench.methods.method import Method
from fusionbench.types import Batch, Color, Gray

# The official script's colour differences and their inverse: BT.601 rounded to three digits, so they are not exactly
# inverse to each other (0.713 * 1.403 = 1.0003).
_TO_CR, _TO_CB = 0.713, 0.564
_FROM_CR, _FROM_CB = 1.403, 1.773
_GREEN_CR, _GREEN_CB = 0.714, 0.344


class Conv(nn.Module):
    """A convolution under the name that the official file uses."""

    def __init__(self, inputs: int, outputs: int, size: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, padding=size // 2)

    @override
    def forward(self, features: Tensor) -> Tensor:
        return self.conv(features)


class Gradient(nn.Module):
    """Magnitude of horizontal and vertical differences per channel; the kernels are trained, initialised by Sobel's."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convx = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.convy = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)

    @override
    def forward(self, features: Tensor) -> Tensor:
        return self.convx(features).abs() + self.convy(features).abs()


class Dense(nn.Module):
    """Two convolutions; each concatenates its output to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = Conv(channels, channels)
        self.conv2 = Conv(2 * channels, channels)

    @override
    def forward(self, features: Tensor) -> Tensor:
        for conv in (self.conv1, self.conv2):
            features = torch.cat([features, F.leaky_relu(conv(features), 0.2)], dim=1)
        return features


class GradientDense(nn.Module):
    """A dense block with the gradient of its input in parallel."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = Dense(inputs)
        self.convdown = Conv(3 * inputs, outputs, 1)
        self.sobelconv = Gradient(inputs)
        self.convup = Conv(inputs, outputs, 1)

    @override
    def forward(self, features: Tensor) -> Tensor:
        main = self.convdown(self.dense(features))
        return F.leaky_relu(main + self.convup(self.sobelconv(features)), 0.1)


class SeAFusionNetwork(nn.Module):
    """Visible and infrared luma to fused luma in [0, 1]; parameter names are those of the official file."""

    def __init__(self) -> None:
        super().__init__()
        for source in ("vis", "inf"):
            self.add_module(f"{source}_conv", Conv(1, 16))
            self.add_module(f"{source}_rgbd1", GradientDense(16, 32))
            self.add_module(f"{source}_rgbd2", GradientDense(32, 48))
        self.decode4 = Conv(96, 64)
        self.decode3 = Conv(64, 32)
        self.decode2 = Conv(32, 16)
        self.decode1 = Conv(16, 1)

    def encode(self, source: str, image: Gray) -> Tensor:
        features = F.leaky_relu(self.get_submodule(f"{source}_conv")(image), 0.2)
        for block in ("rgbd1", "rgbd2"):
            features = self.get_submodule(f"{source}_{block}")(features)
        return features

    @override
    def forward(self, vi: Gray, ir: Gray) -> Gray:
        features = torch.cat([self.encode("vis", vi), self.encode("inf", ir)], dim=1)
        for decode in (self.decode4, self.decode3, self.decode2):
            features = F.leaky_relu(decode(features), 0.2)
        return torch.tanh(self.decode1(features)) / 2 + 0.5


class SeAFusion(Method):
    """The network on luma with the visible image's chroma.

    Args:
        stretch: stretch the colour image to [0, 1] by its minimum and maximum, as in all published results. The
            original script takes them over a batch; here they are per image, as with its batch size of 1.
    """

    def __init__(self, stretch: bool = True) -> None:
        super().__init__()
        self.network = SeAFusionNetwork()
        self.stretch = stretch

    @override
    def fuse(self, batch: Batch) -> Color:
        y, cr, cb = luma_cr_cb(batch["vi"])
        image = colored(self.network(y, batch["ir"]), cr, cb).clamp(0, 1)
        return minmax_normalize(image) if self.stretch else image


def luma_cr_cb(image: Color) -> tuple[Gray, Gray, Gray]:
    """The official script's luma, red and blue differences, the latter two centred on 0.5."""
    r, g, b = (channel.unsqueeze(-3) for channel in image.unbind(-3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return y.clamp(0, 1), ((r - y) * _TO_CR + 0.5).clamp(0, 1), ((b - y) * _TO_CB + 0.5).clamp(0, 1)


def colored(y: Gray, cr: Gray, cb: Gray) -> Color:
    """The official script's inverse of `luma_cr_cb`."""
    cr, cb = cr - 0.5, cb - 0.5
    return torch.cat([y + _FROM_CR * cr, y - _GREEN_CR * cr - _GREEN_CB * cb, y + _FROM_CB * cb], dim=-3)
