"""The restoration and fusion network: a Restormer with two encoders of shared weights, guided by priors.

Both sources pass the encoder as one batch, infrared first. Parameter names are those of the official files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from einops.layers.torch import Rearrange
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.dspfusion.config import GROUP, Architecture
from fusionbench.methods.dspfusion.modulation import DegradationModulation, GuidedFusion, SemanticIntegration
from fusionbench.methods.dspfusion.prior_encoder import TOKENS, Prior
from fusionbench.nn.restormer import CrossMDTA, RestormerBlock
from fusionbench.types import Color, Image


class PriorWidths(NamedTuple):
    """Channels of the priors that guide the network; 0 if one is left out (Table 5 of the paper)."""

    semantic: int
    degradation: int


class PatchEmbed(nn.Module):
    """The first convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, 3, padding=1, bias=False)

    @override
    def forward(self, image: Color) -> Image:
        return self.proj(image)


class Resample(nn.Module):
    """Resampling between two levels."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    @override
    def forward(self, features: Image) -> Image:
        resampled: Tensor = self.body(features)
        return resampled.contiguous(memory_format=torch.channels_last)


def downsample(channels: int) -> Resample:
    """Halve the resolution and double the channels."""
    return Resample(nn.Conv2d(channels, channels // 2, 3, padding=1, bias=False), nn.PixelUnshuffle(2))


def upsample(channels: int) -> Resample:
    """Double the resolution, bilinear with aligned corners, and halve the channels."""
    half = channels // 2
    return Resample(
        nn.Conv2d(channels, half, 3, padding=1, bias=False),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
        nn.Conv2d(half, half, 3, padding=1),
    )


def next_level(tokens: int, channels: int) -> nn.Sequential:
    """Derives the next level's prior: its tokens are mixed into GROUP new ones, then its channels."""
    return nn.Sequential(
        Rearrange("b n c -> b c n"),
        nn.Linear(tokens, GROUP),
        Rearrange("b c n -> b n c"),
        nn.Linear(channels, channels),
    )


class Level(nn.Module):
    """Guidance by the priors, then transformer blocks.

    An encoder level uses both priors (DPGM), a decoder level only the semantic one. If a prior is left out, its module
    is left out too: without the degradation prior the output of semantic integration is used directly, without the
    semantic prior that of degradation modulation.
    """

    def __init__(self, channels: int, heads: int, blocks: int, tokens: int, guides: PriorWidths) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(RestormerBlock(channels, heads) for _ in range(blocks))
        self.spmm = SemanticIntegration(channels, guides.semantic, heads) if guides.semantic else None
        self.dpmm = DegradationModulation(channels, guides.degradation, tokens) if guides.degradation else None
        self.cross_att = CrossMDTA(channels, heads) if guides.degradation else None

    @override
    def forward(self, features: Image, semantic: Prior | None, degradation: Prior | None = None) -> Image:
        guided = features
        if self.spmm is not None and semantic is not None:
            guided = self.spmm(features, semantic)
        if self.dpmm is not None and self.cross_att is not None and degradation is not None:
            guided = self.cross_att(guided, self.dpmm(features, degradation))
        for block in self.blocks:
            guided = block(guided)
        return guided


class FusionTransformer(nn.Module):
    """Two degraded images and their priors in, one restored and fused image out.

    Args:
        sizes: widths and depths.
        guides: channels of the priors; those of the architecture if None.
    """

    def __init__(self, sizes: Architecture, guides: PriorWidths | None = None) -> None:
        super().__init__()
        guides = PriorWidths(sizes.semantic_prior, sizes.degradation_prior) if guides is None else guides
        only_semantic = PriorWidths(guides.semantic, 0)
        c1, c2, c3, c4 = (sizes.width * 2**level for level in range(4))
        h1, h2, h3, h4 = sizes.heads
        b1, b2, b3, b4 = sizes.blocks
        if guides.semantic:
            self.down_1, self.down_2 = next_level(TOKENS, guides.semantic), next_level(GROUP, guides.semantic)
        if guides.degradation:
            self.type_down_1 = next_level(TOKENS, guides.degradation)
            self.type_down_2 = next_level(GROUP, guides.degradation)
        self.patch_embed = PatchEmbed(c1)
        self.encoder_level1 = Level(c1, h1, b1, TOKENS, guides)
        self.fusion_level1 = GuidedFusion(c1, guides.semantic, TOKENS)
        self.down1_2 = downsample(c1)
        self.encoder_level2 = Level(c2, h2, b2, GROUP, guides)
        self.fusion_level2 = GuidedFusion(c2, guides.semantic, GROUP)
        self.down2_3 = downsample(c2)
        self.encoder_level3 = Level(c3, h3, b3, GROUP, guides)
        self.fusion_level3 = GuidedFusion(c3, guides.semantic, GROUP)
        self.down3_4 = downsample(c3)
        self.latent = Level(c4, h4, b4, GROUP, guides)
        self.fusion_latent = GuidedFusion(c4, guides.semantic, GROUP)
        self.up4_3 = upsample(c4)
        self.reduce_chan_level3 = nn.Conv2d(2 * c3, c3, 1, bias=False)
        self.decoder_level3 = Level(c3, h3, b3, GROUP, only_semantic)
        self.up3_2 = upsample(c3)
        self.reduce_chan_level2 = nn.Conv2d(2 * c2, c2, 1, bias=False)
        self.decoder_level2 = Level(c2, h2, b2, GROUP, only_semantic)
        self.up2_1 = upsample(c2)
        self.decoder_level1 = Level(c2, h1, b1, TOKENS, only_semantic)
        self.refinement = Level(c2, h1, sizes.refinement, TOKENS, only_semantic)
        self.output = nn.Conv2d(c2, 3, 3, padding=1, bias=False)

    @override
    def forward(self, ir: Color, vi: Color, semantic: Prior | None, degradation: Prior | None) -> Color:
        """Restore and fuse.

        Args:
            ir: the infrared image as three equal channels; sides divisible by 8.
            vi: the visible image.
            semantic: one prior per pair.
            degradation: the priors of all infrared images, then of all visible ones.

        Returns:
            The fused image in (0, 1): the visible image plus the network's residual, through tanh.
        """
        semantics = self._scales(semantic, "down")
        fused = self._encode(ir, vi, semantics, self._scales(degradation, "type_down"))
        return ((self.output(self._decode(fused, semantics)) + vi).tanh() + 1) / 2

    def _scales(self, prior: Prior | None, layers: str) -> list[Prior | None]:
        """A prior for every level; the two coarsest levels share one."""
        if prior is None:
            return [None] * 4
        second = getattr(self, f"{layers}_1")(prior)
        third = getattr(self, f"{layers}_2")(second)
        return [prior, second, third, third]

    def _encode(
        self, ir: Color, vi: Color, semantic: Sequence[Prior | None], degradation: Sequence[Prior | None]
    ) -> list[Image]:
        """The fused features of all levels, finest first."""
        features = self.patch_embed(torch.cat([ir, vi]).contiguous(memory_format=torch.channels_last))
        fused = []
        for i, (halving, level, fusing) in enumerate(
            (
                (None, self.encoder_level1, self.fusion_level1),
                (self.down1_2, self.encoder_level2, self.fusion_level2),
                (self.down2_3, self.encoder_level3, self.fusion_level3),
                (self.down3_4, self.latent, self.fusion_latent),
            )
        ):
            features = features if halving is None else halving(features)
            shared = semantic[i]
            features = level(features, None if shared is None else shared.repeat(2, 1, 1), degradation[i])
            fused.append(fusing(*features.chunk(2), shared))
        return fused

    def _decode(self, fused: Sequence[Image], semantic: Sequence[Prior | None]) -> Image:
        features = torch.cat([self.up4_3(fused[3]), fused[2]], dim=1)
        features = self.decoder_level3(self.reduce_chan_level3(features), semantic[2])
        features = torch.cat([self.up3_2(features), fused[1]], dim=1)
        features = self.decoder_level2(self.reduce_chan_level2(features), semantic[1])
        features = self.decoder_level1(torch.cat([self.up2_1(features), fused[0]], dim=1), semantic[0])
        return self.refinement(features, semantic[0])
