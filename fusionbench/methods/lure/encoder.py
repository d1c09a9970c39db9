"""The image encoder: four levels, each guided by the text, each with one latent.

A level's latent is its features minus the degradation according to the text (the inner residual, figure 4a).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.lure.config import Guidance, Size
from fusionbench.nn.cpu import chunked
from fusionbench.nn.cpu.chunked import Branch
from fusionbench.nn.nafnet import NAFBlock
from fusionbench.nn.norm import ChannelNorm
from fusionbench.nn.restormer import GDFN, branch, cosines, depthwise, mix, mixing, pointwise
from fusionbench.types import Color, Image

Text = Float[Tensor, "b d"]
Modality = Int[Tensor, " b"]
Latents = list[Image]
"""One latent per level, from fine to coarse."""

VISIBLE, INFRARED = 0, 1
"""The paper's m."""

EMBEDDING_SCALE = 0.02


class TextGuidedAttention(nn.Module):
    """Transposed attention whose queries see channels weighted by the text (figure 4b).

    The paper says "channel-weighted text information as the query"; here one weight in (0, 1) per channel, computed
    from the text, multiplies the features before they are projected to queries. Keys and values see all channels.
    """

    def __init__(self, channels: int, heads: int, text: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.gate = nn.Linear(text, channels)
        self.norm = ChannelNorm(channels)
        self.q = pointwise(channels, channels)
        self.kv = pointwise(channels, 2 * channels)
        self.q_dwconv = depthwise(channels)
        self.kv_dwconv = depthwise(2 * channels)
        self.project_out = pointwise(channels, channels)

    @override
    def forward(self, features: Image, text: Text) -> Image:
        """Add the text-guided attention to the features."""
        gate = self.gate(text).sigmoid()
        if chunked.apply_to(features):
            return torch.cat(
                [self._attended(image[None], weights) for image, weights in zip(features, gate, strict=True)]
            )
        normed = self.norm(features)
        query = self.q_dwconv(self.q(normed * gate[:, :, None, None]))
        key, value = self.kv_dwconv(self.kv(normed)).chunk(2, dim=1)
        return features + mix(self._mixing(cosines(query, key, self.heads)), value)

    def _attended(self, features: Image, gate: Float[Tensor, " c"]) -> Image:
        query, rest = branch(self.q, self.q_dwconv), branch(self.kv, self.kv_dwconv)
        every = Branch(torch.cat([query.project * gate, rest.project]), torch.cat([query.kernel, rest.kernel]))
        return chunked.attend(features, [(features, every)], self.norm.body, self.heads, self._mixing)

    def _mixing(self, cosine: Float[Tensor, "*b heads c c"]) -> Float[Tensor, "*b dim dim"]:
        return mixing(cosine, self.temperature, self.project_out)


class TextQueries(nn.Module):
    """Another interpretation of "text as the query": one query per head, applied at every pixel.

    Each head computes a query from the text and a key from every pixel; the sigmoid of their product is a map of where
    the text applies, which multiplies the head's values.
    """

    def __init__(self, channels: int, heads: int, text: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(text, channels)
        self.norm = ChannelNorm(channels)
        self.kv = pointwise(channels, 2 * channels)
        self.kv_dwconv = depthwise(2 * channels)
        self.project_out = pointwise(channels, channels)

    @override
    def forward(self, features: Image, text: Text) -> Image:
        key, value = (
            part.unflatten(1, (self.heads, -1)) for part in self.kv_dwconv(self.kv(self.norm(features))).chunk(2, dim=1)
        )
        query = self.query(text).unflatten(1, (self.heads, -1))[..., None, None]
        places = ((query * key).sum(dim=2, keepdim=True) * key.shape[2] ** -0.5).sigmoid()
        return features + self.project_out((places * value).flatten(1, 2))


class ChannelGate(nn.Module):
    """The ablation "TGA -> Gate": channels weighted by the text instead of attention."""

    def __init__(self, channels: int, text: int) -> None:
        super().__init__()
        self.gate = nn.Linear(text, channels)
        self.norm = ChannelNorm(channels)

    @override
    def forward(self, features: Image, text: Text) -> Image:
        return features + self.norm(features) * self.gate(text).sigmoid()[:, :, None, None]


class TextGuidedBlock(nn.Module):
    """Text-guided attention, then Restormer's gated feed-forward network."""

    def __init__(self, channels: int, size: Size, guidance: Guidance) -> None:
        super().__init__()
        self.guide: nn.Module
        if guidance == "gate":
            self.guide = ChannelGate(channels, size.text)
        else:
            reading = TextGuidedAttention if guidance == "attention" else TextQueries
            self.guide = reading(channels, size.heads, size.text)
        self.norm = ChannelNorm(channels)
        self.ffn = GDFN(channels)

    @override
    def forward(self, features: Image, text: Text) -> Image:
        return self.ffn.add_to(self.guide(features, text), self.norm)


class BaseBlock(nn.Module):
    """A NAFNet block with modality embedding: one learned value per channel and modality is added first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.modality = nn.Embedding(2, channels)
        nn.init.normal_(self.modality.weight, std=EMBEDDING_SCALE)
        self.block = NAFBlock(channels)

    @override
    def forward(self, features: Image, modality: Modality) -> Image:
        return self.block(features + self.modality(modality)[:, :, None, None])


class BottleNeck(nn.Module):
    """A NAFNet block and a 1 x 1 convolution."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.block = NAFBlock(channels)
        self.reduce = nn.Conv2d(channels, out, 1)

    @override
    def forward(self, features: Image) -> Image:
        return self.reduce(self.block(features))


class EncoderLayer(nn.Module):
    """One level: features for the next one, and the latent.

    Args:
        inner_residual: if False, the latent is the degradation path alone, without a shortcut around it.
    """

    def __init__(self, level: int, size: Size, guidance: Guidance, *, inner_residual: bool) -> None:
        super().__init__()
        channels, latent = size.channels[level], size.latents[level]
        depth, reductions = size.base_blocks[level], size.bottleneck_blocks[level]
        self.guides = nn.ModuleList(TextGuidedBlock(channels, size, guidance) for _ in range(depth))
        self.bases = nn.ModuleList(BaseBlock(channels) for _ in range(depth))
        self.filters = nn.ModuleList(TextGuidedBlock(channels, size, guidance) for _ in range(reductions))
        # Only the last one narrows to the latent's width.
        widths = [channels] * (reductions - 1) + [latent]
        self.bottlenecks = nn.ModuleList(BottleNeck(channels, width) for width in widths)
        self.linear = nn.Conv2d(channels, latent, 1) if inner_residual else None

    @override
    def forward(self, features: Image, text: Text, modality: Modality) -> tuple[Image, Image]:
        for guide, base in zip(self.guides, self.bases, strict=True):
            features = base(guide(features, text), modality)
        degradation = features
        for guide, bottleneck in zip(self.filters, self.bottlenecks, strict=True):
            degradation = bottleneck(guide(degradation, text))
        return features, degradation if self.linear is None else self.linear(features) - degradation


class Encoder(nn.Module):
    """One encoder for both modalities; height and width must be multiples of 8."""

    def __init__(self, size: Size, guidance: Guidance = "attention", *, inner_residual: bool = True) -> None:
        super().__init__()
        channels = size.channels
        self.stem = nn.Conv2d(3, channels[0], 3, padding=1)
        self.layers = nn.ModuleList(
            EncoderLayer(level, size, guidance, inner_residual=inner_residual) for level in range(len(channels))
        )
        self.downs = nn.ModuleList(
            nn.Conv2d(channels[level], channels[level + 1], 2, stride=2) for level in range(len(channels) - 1)
        )

    @override
    def forward(self, image: Color, text: Text, modality: Modality) -> Latents:
        features = self.stem(image.contiguous(memory_format=torch.channels_last))
        latents = []
        for level, layer in enumerate(self.layers):
            if level:
                features = self.downs[level - 1](features)
            features, latent = layer(features, text, modality)
            latents.append(latent)
        return latents
