"""Restormer's transformer block: attention between channels, gated feed-forward.

Zamir et al., "Restormer: Efficient Transformer for High-Resolution Image Restoration", CVPR 2022. Parameter names and
numbers are the original's; the order of operations is not. Inputs of attention are normalised over the pixels, and here
the small channel x channel matrix is scaled instead of the two images; the projection after the attention is multiplied
into that matrix, which is then applied to the values once. If no gradient is needed on a CPU, images are processed in
chunks of rows (`nn/cpu/chunked`). Channels-last images are fastest.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.nn.cpu import chunked
from fusionbench.nn.cpu.chunked import Branch
from fusionbench.nn.norm import ChannelNorm
from fusionbench.types import Image


def depthwise(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)


def pointwise(channels: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 1, bias=False)


def branch(project: nn.Conv2d, convolve: nn.Conv2d) -> Branch:
    """A 1 x 1 and a depthwise convolution, in the form that `chunked` needs."""
    return Branch(project.weight.flatten(1), convolve.weight)


def cosines(query: Image, key: Image, heads: int) -> Float[Tensor, "b heads c c"]:
    """Between the channels of two images, over all pixels; channels belong to heads in contiguous groups."""
    q, k = (rearrange(part, "b (heads c) h w -> b heads c (h w)", heads=heads) for part in (query, key))
    if q.dtype in (torch.float16, torch.bfloat16):
        # Sums over all pixels overflow in half precision, except those of unit vectors.
        return F.normalize(q.float(), dim=-1).to(q) @ F.normalize(k.float(), dim=-1).to(k).mT
    norms = [part.norm(dim=-1).clamp_min(chunked.EPSILON) for part in (q, k)]
    return q @ k.mT / (norms[0][..., :, None] * norms[1][..., None, :])


def mixing(
    cosine: Float[Tensor, "*b heads c c"], temperature: Float[Tensor, "heads 1 1"], project_out: nn.Conv2d
) -> Float[Tensor, "*b dim dim"]:
    """Attention times the projection that follows it: the matrix that acts on the values of a pixel."""
    attention = (cosine * temperature).softmax(dim=-1)
    columns = rearrange(project_out.weight, "dim (heads c) 1 1 -> heads dim c", heads=attention.shape[-3])
    return rearrange(columns @ attention, "... heads dim c -> ... dim (heads c)")


def mix(matrix: Float[Tensor, "b c c"], values: Image) -> Image:
    """Apply one matrix per image to the channels of every pixel."""
    pixels = rearrange(values, "b c h w -> b (h w) c") @ matrix.mT
    return rearrange(pixels, "b (h w) c -> b c h w", h=values.shape[2])


class MDTA(nn.Module):
    """Multi-Dconv-head transposed attention: channels attend to channels of the same image."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = pointwise(channels, 3 * channels)
        self.qkv_dwconv = depthwise(3 * channels)
        self.project_out = pointwise(channels, channels)

    @override
    def forward(self, features: Image) -> Image:
        query, key, value = self.qkv_dwconv(self.qkv(features)).chunk(3, dim=1)
        return mix(self._mixing(cosines(query, key, self.heads)), value)

    def normed_residual(self, features: Image, norm: ChannelNorm) -> Image:
        """`features + self(norm(features))`."""
        if not chunked.apply_to(features):
            return features + self(norm(features))
        source = (features, branch(self.qkv, self.qkv_dwconv))
        return chunked.attend(features, [source], norm.body, self.heads, self._mixing)

    def _mixing(self, cosine: Float[Tensor, "*b heads c c"]) -> Float[Tensor, "*b dim dim"]:
        return mixing(cosine, self.temperature, self.project_out)


class CrossMDTA(nn.Module):
    """Transposed attention from one image to another, with one normalisation for both and the residual of the first."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.norm = ChannelNorm(channels)
        self.q = pointwise(channels, channels)
        self.kv = pointwise(channels, 2 * channels)
        self.q_dwconv = depthwise(channels)
        self.kv_dwconv = depthwise(2 * channels)
        self.project_out = pointwise(channels, channels)

    @override
    def forward(self, features: Image, source: Image) -> Image:
        """Add the result of the attention to the features."""
        if chunked.apply_to(features):
            sources = [(features, branch(self.q, self.q_dwconv)), (source, branch(self.kv, self.kv_dwconv))]
            return chunked.attend(features, sources, self.norm.body, self.heads, self._mixing)
        query = self.q_dwconv(self.q(self.norm(features)))
        key, value = self.kv_dwconv(self.kv(self.norm(source))).chunk(2, dim=1)
        return features + mix(self._mixing(cosines(query, key, self.heads)), value)

    def _mixing(self, cosine: Float[Tensor, "*b heads c c"]) -> Float[Tensor, "*b dim dim"]:
        return mixing(cosine, self.temperature, self.project_out)


class GDFN(nn.Module):
    """Gated-Dconv feed-forward network; its hidden width is the expansion rounded down."""

    def __init__(self, channels: int, expansion: float = 2.66) -> None:
        super().__init__()
        hidden = int(channels * expansion)
        self.project_in = pointwise(channels, 2 * hidden)
        self.dwconv = depthwise(2 * hidden)
        self.project_out = pointwise(hidden, channels)

    @override
    def forward(self, features: Image) -> Image:
        gate, value = self.dwconv(self.project_in(features)).chunk(2, dim=1)
        return self.project_out(F.gelu(gate) * value)

    def add_to(self, features: Image, norm: ChannelNorm) -> Image:
        """`features + self(norm(features))`; may overwrite the features, which must not be used afterwards."""
        if not chunked.apply_to(features):
            return features + self(norm(features))
        both = branch(self.project_in, self.dwconv)
        return chunked.feed_forward_(features, norm.body, both, self.project_out.weight.flatten(1))


class RestormerBlock(nn.Module):
    """Normalisation and transposed attention, normalisation and feed-forward, each with a residual."""

    def __init__(self, channels: int, heads: int, expansion: float = 2.66) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.attn = MDTA(channels, heads)
        self.norm2 = ChannelNorm(channels)
        self.ffn = GDFN(channels, expansion)

    @override
    def forward(self, features: Image) -> Image:
        return self.ffn.add_to(self.attn.normed_residual(features, self.norm1), self.norm2)
