"""The noise predictor: a U-Net with one encoder and two decoders, one for the noise, one for the fusion weights.

Attribute names are those of the released checkpoints, so that their tensors can be loaded directly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.drfusion.config import Architecture
from fusionbench.nn.cpu.upsample import conv_transpose_2x
from fusionbench.nn.cpu.winograd import conv3x3
from fusionbench.types import Gray, Image

TIME_MULTIPLIER = 4
GATE_REDUCTION = 8


def time_embedding(step: int, width: int, like: Tensor) -> Float[Tensor, "1 width"]:
    """Cosines, then sines, of the integer step at `width / 2` frequencies between 1 and 1/10000."""
    half = width // 2
    frequencies = torch.exp(torch.arange(half, dtype=torch.float32, device=like.device) * (-math.log(10000) / half))
    angles = step * frequencies
    return torch.cat([angles.cos(), angles.sin()]).to(like.dtype)[None]


class ResBlock(nn.Module):
    """Two convolutions with normalisation and an added time embedding, with a shortcut."""

    def __init__(self, inputs: int, outputs: int, time_width: int, groups: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.GroupNorm(groups, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.time_emb = nn.Sequential(nn.SiLU(), nn.Linear(time_width, outputs))
        self.conv2 = nn.Sequential(
            nn.GroupNorm(groups, outputs), nn.SiLU(), nn.Dropout(dropout), nn.Conv2d(outputs, outputs, 3, padding=1)
        )
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    @override
    def forward(self, x: Image, time: Float[Tensor, "1 width"]) -> Image:
        spare = not torch.is_grad_enabled()
        first, second = (cast("nn.Conv2d", part[-1]) for part in (self.conv1, self.conv2))
        # All images are at the same step, so the time embedding is part of the first convolution's bias.
        bias = cast("Tensor", first.bias) + self.time_emb(time)[0]
        hidden = conv3x3(F.silu(self.conv1[0](x), inplace=spare), first.weight, bias)
        hidden = self.conv2[2](F.silu(self.conv2[0](hidden), inplace=spare))
        hidden = conv3x3(hidden, second.weight, cast("Tensor", second.bias))
        return hidden.add_(self.shortcut(x)) if spare else hidden + self.shortcut(x)


class Downsample(nn.Module):
    """Halve the size, rounding up."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    @override
    def forward(self, x: Image, time: Float[Tensor, "1 width"]) -> Image:
        return self.op(x)


class Upsample(nn.Module):
    """Double the size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1)

    @override
    def forward(self, x: Image, time: Float[Tensor, "1 width"]) -> Image:
        return conv_transpose_2x(x, self.op.weight, cast("Tensor", self.op.bias))


class AttentionGate(nn.Module):
    """Adds a skip connection, weighted per channel by its pooled statistics and per pixel by a projection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // GATE_REDUCTION, 1)
        self.fc2 = nn.Conv2d(channels // GATE_REDUCTION, channels, 1)
        self.conv = nn.Conv2d(channels, 1, 1)

    @override
    def forward(self, x: Image, onto: Image) -> Image:
        mean, peak = x.mean(dim=(-2, -1), keepdim=True), x.amax(dim=(-2, -1), keepdim=True)
        channel: Tensor = torch.sigmoid(self.fc2(F.relu(self.fc1(mean))) + self.fc2(F.relu(self.fc1(peak))))
        pixel: Tensor = torch.sigmoid(self.conv(x))
        return torch.addcmul(onto, x * channel, pixel)


def _listed(layers: list[nn.Module]) -> nn.ModuleList:
    """Wrap every layer in a sequence, as in the released checkpoints."""
    return nn.ModuleList(nn.Sequential(layer) for layer in layers)


def _unlisted(layers: nn.ModuleList) -> Iterator[nn.Module]:
    for sequence in layers:
        yield from sequence.children()


def _head(layers: nn.Sequential, x: Image) -> Image:
    norm, _, *rest = layers
    hidden: Tensor = F.silu(norm(x), inplace=not torch.is_grad_enabled())
    for layer in rest:
        hidden = layer(hidden)
    return hidden


class NoisePredictor(nn.Module):
    """Predicts the state's noise and the first source's fusion weights."""

    def __init__(self, sizes: Architecture | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or Architecture()
        base, groups = sizes.base, sizes.groups
        self.widths = [base * multiplier for multiplier in sizes.multipliers]
        self.time_width = base * TIME_MULTIPLIER
        self.time_embed = nn.Sequential(
            nn.Linear(base, self.time_width), nn.SiLU(), nn.Linear(self.time_width, self.time_width)
        )
        self.inBlock = nn.Conv2d(3, base, 3, padding=1)
        self.downBlock = _listed(self._encoder())
        self.middleBlock = _listed([self._block(self.widths[-1], self.widths[-1]) for _ in range(2)])
        self.upBlock = _listed(self._decoder())
        self.fusionBlock = _listed(self._decoder())
        self.attention_block = nn.ModuleList(AttentionGate(width) for width in self.widths)
        self.attention_block_1 = nn.ModuleList(AttentionGate(width) for width in self.widths)
        self.outBlock = nn.Sequential(nn.GroupNorm(groups, base), nn.SiLU(), nn.Conv2d(base, 3, 3, padding=1))
        self.fusion_outBlock = nn.Sequential(
            nn.GroupNorm(groups, base), nn.SiLU(), nn.Conv2d(base, 1, 3, padding=1), nn.Sigmoid()
        )

    def _block(self, inputs: int, outputs: int) -> nn.Module:
        return ResBlock(inputs, outputs, self.time_width, self.sizes.groups, self.sizes.dropout)

    def _encoder(self) -> list[nn.Module]:
        layers: list[nn.Module] = []
        inputs = self.sizes.base
        for level, width in enumerate(self.widths):
            layers += [self._block(inputs if index == 0 else width, width) for index in range(self.sizes.blocks)]
            layers += [Downsample(width)] if level + 1 < len(self.widths) else []
            inputs = width
        return layers

    def _decoder(self) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for level in reversed(range(len(self.widths))):
            inputs, width = self.widths[level], self.widths[max(level - 1, 0)]
            layers += [self._block(inputs if index == 0 else width, width) for index in range(self.sizes.blocks)]
            layers += [Upsample(width)] if level + 1 < len(self.widths) else []
        return layers

    def zero_init(self) -> None:
        """Initialise the output to predict no noise."""
        for parameter in self.outBlock[-1].parameters():
            nn.init.zeros_(parameter)

    @override
    def forward(
        self, state: Float[Tensor, "b 3 h w"], step: int, weigh: bool = True
    ) -> tuple[Float[Tensor, "b 3 h w"], Gray | None]:
        """Predict noise and weights of a state at a step; odd sizes are padded by repeating the last line.

        Args:
            weigh: whether to predict the weights too.

        Returns:
            The noise, unbounded, and the first source's fusion weights in (0, 1).
        """
        height, width = state.shape[-2:]
        state = F.pad(state, (0, width % 2, 0, height % 2), mode="replicate") if height % 2 or width % 2 else state
        time = self.time_embed(time_embedding(step, self.sizes.base, state))
        bottom, skips = self._encode(state, time)
        noise = _head(self.outBlock, self._decode(self.upBlock, self.attention_block, bottom, skips, time))
        noise = noise[..., :height, :width]
        if not weigh:
            return noise, None
        hidden = self._decode(self.fusionBlock, self.attention_block_1, bottom, skips, time)
        weights = _head(self.fusion_outBlock, hidden)
        return noise, weights[..., :height, :width]

    def _encode(self, state: Tensor, time: Tensor) -> tuple[Tensor, list[Tensor]]:
        skips = []
        hidden = self.inBlock(state)
        for layer in _unlisted(self.downBlock):
            hidden = layer(hidden, time)
            if isinstance(layer, Downsample):
                skips.append(hidden)
        skips.append(hidden)
        for layer in _unlisted(self.middleBlock):
            hidden = layer(hidden, time)
        return hidden, skips

    def _decode(
        self, layers: nn.ModuleList, gates: nn.ModuleList, bottom: Tensor, skips: list[Tensor], time: Tensor
    ) -> Tensor:
        last = len(skips) - 1
        hidden: Tensor = gates[last](skips[last], bottom)
        for index, layer in enumerate(_unlisted(layers)):
            hidden = layer(hidden, time)
            if self._ends_level(index) and last > 0:
                last -= 1
                skip = skips[last]
                hidden = gates[last](skip, hidden[..., : skip.shape[-2], : skip.shape[-1]])
        return hidden

    def _ends_level(self, index: int) -> bool:
        """Whether a decoder's layer is the last of its level; the deepest level has no upsampling."""
        position = index - self.sizes.blocks
        return position == -1 or (position >= 0 and position % (self.sizes.blocks + 1) == self.sizes.blocks)
