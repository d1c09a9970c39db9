"""The encoders of the semantic prior (SPEN) and of the degradation prior (DPEN).

An image becomes 16 tokens, one per cell of a 4 x 4 grid. Parameter names are those of the official files.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops.layers.torch import Rearrange
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.dspfusion.config import GROUP
from fusionbench.types import Image

TOKENS = GROUP * GROUP

Prior = Float[Tensor, "b tokens channels"]
Kind = Float[Tensor, "b channels"]


class Mixer(nn.Module):
    """One MLP-Mixer block: the tokens of each channel are mixed, then the channels of each token."""

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        inner = TOKENS // 2
        self.norm1 = nn.LayerNorm(channels)
        self.patch_mixer = nn.Sequential(nn.Linear(TOKENS, inner), nn.GELU(), nn.Linear(inner, TOKENS))
        self.norm2 = nn.LayerNorm(channels)
        self.channel_mixer = nn.Sequential(
            nn.Linear(channels, expansion * channels), nn.GELU(), nn.Linear(expansion * channels, channels)
        )

    @override
    def forward(self, tokens: Prior) -> Prior:
        mixed = tokens + self.patch_mixer(self.norm1(tokens).mT).mT
        return mixed + self.channel_mixer(self.norm2(mixed))


class PriorEncoder(nn.Module):
    """Convolutions at a quarter of the resolution, 4 x 4 pooling, a mixer.

    Args:
        sources: channels of the image.
        channels: inner channels; the prior has four times as many.
        blocks: residual blocks.
        kinds: whether to add the head of `kind`, as in the degradation encoder.
    """

    def __init__(self, sources: int, channels: int, blocks: int, *, kinds: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(sources, 16 * sources, 7, stride=4, padding=3),
            nn.GELU(),
            conv3(16 * sources, channels),
            nn.GELU(),
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(conv3(channels, channels), nn.GELU(), conv3(channels, channels)) for _ in range(blocks)
        )
        self.conv2 = conv3(channels, channels)
        self.mlp = Mixer(channels, 4)
        self.end = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU())
        if kinds:
            self.type_mlp = nn.Sequential(Rearrange("b n c -> b c n"), nn.Linear(TOKENS, 1), nn.GELU())

    @override
    def forward(self, image: Image) -> Prior:
        features = self.conv1(image.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            features = features + block(features)
        pooled = F.adaptive_avg_pool2d(self.conv2(features), GROUP)
        return self.end(self.mlp(pooled.flatten(2).mT))

    def kind(self, prior: Prior) -> Kind:
        """One vector for the whole image, which the contrastive loss separates by degradation."""
        return self.type_mlp(prior).squeeze(-1)

    @torch.no_grad()
    def start_without_brightness(self) -> None:
        """Initialise three quarters of the first filters to ignore brightness, with three times the weights.

        Default filters respond to little but brightness, so all images start with similar vectors; the contrastive loss
        then makes them equal instead of separating them, and stays at chance level.
        """
        first: Tensor = self.conv1.get_parameter("0.weight")
        blind = first[: len(first) * 3 // 4]  # a view: changing it changes the parameter
        blind.sub_(blind.mean((1, 2, 3), keepdim=True)).mul_(3)


def conv3(channels: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, padding=1)
