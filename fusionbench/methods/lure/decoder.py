"""From latents to images: the decoder, and the fusion of two sets of latents."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.lure.config import Rule, Size
from fusionbench.methods.lure.encoder import Latents
from fusionbench.nn.nafnet import NAFBlock
from fusionbench.nn.norm import ChannelNorm
from fusionbench.nn.restormer import GDFN, cosines, depthwise, mix, mixing, pointwise
from fusionbench.types import Color, Image

RULE_EPSILON = 1e-8


class Decoder(nn.Module):
    """From coarse to fine: the upsampled coarser level plus this level's latent, through one NAFNet block."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        channels = size.channels
        self.expand = nn.ModuleList(
            nn.Conv2d(latent, width, 1) for latent, width in zip(size.latents, channels, strict=True)
        )
        self.blocks = nn.ModuleList(NAFBlock(width) for width in channels)
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels[level + 1], 4 * channels[level], 1, bias=False), nn.PixelShuffle(2))
            for level in range(len(channels) - 1)
        )
        self.to_colour = nn.Conv2d(channels[0], 3, 3, padding=1)

    @override
    def forward(self, latents: Latents) -> Color:
        features: Tensor = self.blocks[-1](self.expand[-1](latents[-1]))
        for level in reversed(range(len(latents) - 1)):
            features = self.blocks[level](self.ups[level](features) + self.expand[level](latents[level]))
        return self.to_colour(features)


class CrossAttention(nn.Module):
    """Transposed attention from one modality's latent to the other's, each normalised, then a feed-forward network."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.norm_query = ChannelNorm(channels)
        self.norm_source = ChannelNorm(channels)
        self.q = pointwise(channels, channels)
        self.q_dwconv = depthwise(channels)
        self.kv = pointwise(channels, 2 * channels)
        self.kv_dwconv = depthwise(2 * channels)
        self.project_out = pointwise(channels, channels)
        self.norm = ChannelNorm(channels)
        self.ffn = GDFN(channels)

    @override
    def forward(self, features: Image, source: Image) -> Image:
        query = self.q_dwconv(self.q(self.norm_query(features)))
        key, value = self.kv_dwconv(self.kv(self.norm_source(source))).chunk(2, dim=1)
        matrix = mixing(cosines(query, key, self.heads), self.temperature, self.project_out)
        return self.ffn.add_to(features + mix(matrix, value), self.norm)


class FusionLevel(nn.Module):
    """The learned part of one level: cross-attention both ways, merged, through a zero-initialised convolution."""

    def __init__(self, latent: int, blocks: int, heads: int, *, start_at_zero: bool) -> None:
        super().__init__()
        self.to_visible = nn.ModuleList(CrossAttention(latent, heads) for _ in range(blocks))
        self.to_infrared = nn.ModuleList(CrossAttention(latent, heads) for _ in range(blocks))
        self.merge = nn.Conv2d(2 * latent, latent, 1)
        self.zero = nn.Conv2d(latent, latent, 1)
        if start_at_zero:
            nn.init.zeros_(self.zero.weight)
            nn.init.zeros_(self.zero.bias)  # type: ignore[arg-type]

    @override
    def forward(self, visible: Image, infrared: Image) -> Image:
        for to_visible, to_infrared in zip(self.to_visible, self.to_infrared, strict=True):
            visible, infrared = to_visible(visible, infrared), to_infrared(infrared, visible)
        return self.zero(self.merge(torch.cat([visible, infrared], dim=1)))


class Fusion(nn.Module):
    """The prior rule plus a learned residual (equation 6).

    Args:
        rule: 'none' is the ablation without a rule; its last convolution is then initialised as usual, not with zeros,
            because a zero latent without a rule to preserve would only delay training.
    """

    def __init__(self, size: Size, rule: Rule = "l1") -> None:
        super().__init__()
        self.rule = RULE_FUNCTIONS[rule]
        self.levels = nn.ModuleList(
            FusionLevel(latent, blocks, size.heads, start_at_zero=rule != "none")
            for latent, blocks in zip(size.latents, size.fusion_blocks, strict=True)
        )

    @override
    def forward(self, visible: Latents, infrared: Latents) -> Latents:
        return [level(vi, ir) + self.rule(vi, ir) for level, vi, ir in zip(self.levels, visible, infrared, strict=True)]


def l1_rule(visible: Image, infrared: Image) -> Image:
    """DenseFuse's l1-norm strategy: weights by local activity, the channel sum of magnitudes averaged over 3 x 3."""
    activity = [_activity(latent) for latent in (visible, infrared)]
    share = (activity[0] / (activity[0] + activity[1] + RULE_EPSILON)).to(visible)
    return share * visible + (1 - share) * infrared


def _activity(latent: Image) -> Float[Tensor, "b 1 h w"]:
    magnitude = latent.float().abs().sum(dim=1, keepdim=True)
    return F.avg_pool2d(magnitude, 3, stride=1, padding=1, count_include_pad=False)


RULE_FUNCTIONS: dict[Rule, Callable[[Image, Image], Image]] = {
    "l1": l1_rule,
    "mean": lambda visible, infrared: (visible + infrared) / 2,
    "none": lambda visible, infrared: torch.zeros_like(visible),
    "sum": torch.add,
}
