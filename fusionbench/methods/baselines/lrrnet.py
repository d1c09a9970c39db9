"""LRRNet: unrolled low-rank representation learning of each source, the parts fused by small convolutions.

Li, Xu, Wu, Lu, Kittler, "LRRNet: A novel representation learning guided fusion network for infrared and visible
images", IEEE TPAMI 45(9), 2023.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.common.color import chroma, luma, rgb
from fusionbench.methods.common.padding import run_padded
from fusionbench.methods.method import Method
from fusionbench.nn.reflect import ReflectConv
from fusionbench.nn.unrolled import decoded, soft_threshold, unrolled_code
from fusionbench.types import Batch, Color, Gray

_CODES = 128
_BLOCKS = 4


class Decomposition(nn.Module):
    """Four unrolled steps that split an image into a low-rank and a sparse code."""

    def __init__(self) -> None:
        super().__init__()
        self.lamj = nn.Parameter(torch.zeros(1, 2 * _CODES))
        self.lamz = nn.Parameter(torch.zeros(1, 1))
        self.conv_W00 = ReflectConv(1, 2 * _CODES)
        for index in range(_BLOCKS):
            self.add_module(f"lrrblock{index}", Step())

    @override
    def forward(self, image: Gray) -> tuple[Tensor, Tensor]:
        steps = [cast(Step, self.get_submodule(f"lrrblock{index}")) for index in range(_BLOCKS)]
        encoders = [self.conv_W00, *(step.conv_Wdtz for step in steps)]
        decoders = [step.conv_Wdz for step in steps]
        code = unrolled_code([image] * len(encoders), encoders, decoders, self._updated)
        return code[:, :_CODES], code[:, _CODES:]

    def _updated(self, _: int, code: Tensor, encoded: Tensor) -> Tensor:
        return soft_threshold(encoded.add_(code.mul_(self.lamz)), self.lamj.view(-1, 1))


class Step(nn.Module):
    """Decodes a code, and encodes the part of the image that it does not explain yet."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_Wdz = ReflectConv(2 * _CODES, 1)
        self.conv_Wdtz = ReflectConv(1, 2 * _CODES)


class Composition(nn.Module):
    """Decodes each part of each source to an image, then fuses the two low-rank and the two sparse ones."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_ReZx = ReflectConv(_CODES, 1)
        self.conv_ReUx = ReflectConv(_CODES, 1)
        self.conv_ReZy = ReflectConv(_CODES, 1)
        self.conv_ReUy = ReflectConv(_CODES, 1)
        self.conv_ReL = ReflectConv(2, 1)
        self.conv_ReH = ReflectConv(2, 1)

    def parts(self, ir: tuple[Tensor, Tensor], vi: tuple[Tensor, Tensor]) -> tuple[Gray, Gray]:
        low = self.conv_ReL(torch.cat([decoded(self.conv_ReZx, ir[0]), decoded(self.conv_ReZy, vi[0])], dim=1))
        high = self.conv_ReH(torch.cat([decoded(self.conv_ReUx, ir[1]), decoded(self.conv_ReUy, vi[1])], dim=1))
        return low, high

    @override
    def forward(self, ir: tuple[Tensor, Tensor], vi: tuple[Tensor, Tensor]) -> Gray:
        low, high = self.parts(ir, vi)
        return low + high


class LRRNetNetwork(nn.Module):
    """Normalised images to a dark fused image; parameter names are those of the official file."""

    def __init__(self) -> None:
        super().__init__()
        self.get_ls1 = Decomposition()
        self.get_ls2 = Decomposition()
        self.decoder = Composition()

    @override
    def forward(self, ir: Gray, vi: Gray) -> Gray:
        return self.decoder(self.get_ls1(ir), self.get_ls2(vi))


def normalised(image: Gray, unit: float) -> Gray:
    """(x - min) / (max - min + 1e-5) per image, where 1e-5 is in the script's units.

    Args:
        image: an image in any unit.
        unit: the image's unit in the script's units.
    """
    low = image.amin(dim=(-3, -2, -1), keepdim=True)
    high = image.amax(dim=(-3, -2, -1), keepdim=True)
    return (image - low) / (high - low + 1e-5 / unit)


class LRRNet(Method):
    """The network on luma with the visible image's chroma; inputs and output are stretched as in the script."""

    def __init__(self) -> None:
        super().__init__()
        self.network = LRRNetNetwork()

    @override
    def fuse(self, batch: Batch) -> Color:
        ir, vi = batch["ir"], batch["vi"]
        fused = run_padded(self.network, normalised(ir, 255.0), normalised(luma(vi), 255.0), least=2)
        return rgb(normalised(fused, 1.0), chroma(vi))
