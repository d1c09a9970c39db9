"""How priors act on features: semantic integration, degradation modulation, guided fusion.

Paper, Sec. 3.2.1. Where the paper and the official code differ, this follows the code; docs/methods/dspfusion.md has
the list. What depends only on the priors is computed once per image, not once per pixel.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from einops.layers.torch import Rearrange
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.dspfusion.prior_encoder import Prior
from fusionbench.nn.cpu import chunked
from fusionbench.nn.norm import ChannelNorm
from fusionbench.types import Image

Pixels = Float[Tensor, "*b n c"]


class SemanticIntegration(nn.Module):
    """SPIM: cross-attention from every pixel to the tokens of the semantic prior.

    With few tokens, the products of keys with the query projection and of the output projection with values are two
    small matrices.
    """

    def __init__(self, channels: int, prior: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = ChannelNorm(channels)
        self.norm2 = ChannelNorm(prior)
        self.q = nn.Linear(channels, channels, bias=False)
        self.kv = nn.Linear(prior, 2 * channels, bias=False)
        self.proj = nn.Linear(channels, channels)

    @override
    def forward(self, features: Image, prior: Prior) -> Image:
        keys, values = self.tables(prior)
        if not chunked.apply_to(features):
            pixels = self._ask(rearrange(features, "b c h w -> b (h w) c"), keys, values)
            return rearrange(pixels, "b (h w) c -> b c h w", h=features.shape[2])
        result = chunked.empty_like(features)
        for image, output, key, value in zip(
            chunked.images(features), chunked.images(result), keys, values, strict=True
        ):
            for rows in chunked.chunks(image, image.shape[-1]):
                output[rows] = self._ask(image[rows].flatten(0, 1), key, value).view(-1, *image.shape[1:])
        return result

    def tables(self, prior: Prior) -> tuple[Float[Tensor, "b c keys"], Float[Tensor, "b keys c"]]:
        """The matrices that turn a normalised pixel into attention scores, and attention weights into the output."""
        key, value = self.kv(self.norm2.body(prior)).chunk(2, dim=-1)
        key, value = (rearrange(part, "b n (h c) -> b h n c", h=self.heads) for part in (key, value))
        asking = rearrange(self.q.weight, "(h c) i -> h c i", h=self.heads)
        telling = rearrange(self.proj.weight, "o (h c) -> h c o", h=self.heads)
        # The scale is fixed, although the paper calls it learnable. The weights of a head sum to one, so each head's
        # values can include its share of the bias.
        scores = (key @ asking) * (asking.shape[1] ** -0.5)
        answers = value @ telling + self.proj.bias / self.heads
        return rearrange(scores, "b h n i -> b i (h n)"), rearrange(answers, "b h n o -> b (h n) o")

    def _ask(self, pixels: Pixels, keys: Float[Tensor, "*b c keys"], values: Float[Tensor, "*b keys c"]) -> Pixels:
        scores = rearrange(self.norm1.body(pixels) @ keys, "... (h n) -> ... h n", h=self.heads)
        return pixels + scores.softmax(dim=-1).flatten(-2) @ values


class DegradationModulation(nn.Module):
    """DPMM: a scale and a shift per channel from the degradation prior, then a convolution; no residual."""

    def __init__(self, channels: int, prior: int, tokens: int) -> None:
        super().__init__()
        self.weight_linear = nn.Linear(channels, tokens)
        self.prior_norm = ChannelNorm(prior)
        self.prior_linear = nn.Linear(prior, 2 * channels, bias=False)
        self.conv3x3 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    @override
    def forward(self, features: Image, prior: Prior) -> Image:
        weights = self.weight_linear(features.mean(dim=(2, 3))).softmax(dim=-1)
        pooled = (weights[:, None] @ prior).squeeze(1)
        scale, shift = self.prior_linear(self.prior_norm.body(pooled)).chunk(2, dim=-1)
        if not chunked.apply_to(features):
            return self.conv3x3(features * scale[:, :, None, None] + shift[:, :, None, None])
        result = chunked.empty_like(features)
        for image, output, *each in zip(chunked.images(features), chunked.images(result), scale, shift, strict=True):
            self._modulate(image, output, *each)
        return result

    def _modulate(self, image: chunked.Rows, output: chunked.Rows, scale: Tensor, shift: Tensor) -> None:
        height, width, channels = image.shape
        window = image.new_empty(0)
        for rows in chunked.chunks(image, channels):
            count = rows.stop - rows.start
            if not rows.start:
                window = image.new_zeros(1, count + 2, width, channels)
            near = slice(max(rows.start - 1, 0), min(rows.stop + 1, height))
            first = near.start - rows.start + 1
            torch.addcmul(shift, image[near], scale, out=window[0, first : first + near.stop - near.start])
            if rows.stop == height:
                window[0, count + 1] = 0  # the convolution pads its input, which is already modulated
            seen = window[:, : count + 2].permute(0, 3, 1, 2)
            output[rows] = F.conv2d(seen, self.conv3x3.weight, padding=(0, 1)).permute(0, 2, 3, 1)[0]


class SpatialWeights(nn.Module):
    """One weight per pixel from the mean and the maximum over its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    @override
    def forward(self, features: Image) -> Image:
        return self.conv(torch.cat([features.mean(1, keepdim=True), features.amax(1, keepdim=True)], dim=1))


class GuidedFusion(nn.Module):
    """PGFM: both sources weighted per channel by the semantic prior and per pixel by their features, added, projected.

    Without a semantic prior (`prior=0`), only the weights per pixel are used.
    """

    def __init__(self, channels: int, prior: int, tokens: int) -> None:
        super().__init__()
        if prior:
            self.ca = nn.Sequential(
                Rearrange("b n c -> b c n"),
                nn.Linear(tokens, 1),
                Rearrange("b c 1 -> b c"),
                nn.Linear(prior, 2 * channels),
            )
        self.sa = SpatialWeights()
        self.project_out = nn.Conv2d(channels, channels, 1, bias=False)

    @override
    def forward(self, ir: Image, vi: Image, prior: Prior | None) -> Image:
        near_ir, near_vi = self.sa(ir), self.sa(vi)
        if prior is None:
            channel_ir = channel_vi = ir.new_ones(ir.shape[:2])
        else:
            channel_ir, channel_vi = self.ca(prior).chunk(2, dim=-1)
        if not chunked.apply_to(ir):
            weighted = [
                (near * channel[:, :, None, None]).sigmoid() * features
                for near, channel, features in ((near_ir, channel_ir, ir), (near_vi, channel_vi, vi))
            ]
            return self.project_out(weighted[0] + weighted[1])
        result = chunked.empty_like(ir)
        images = (chunked.images(part) for part in (ir, vi, near_ir, near_vi, result))
        for *both, output, by_ir, by_vi in zip(*images, channel_ir, channel_vi, strict=True):
            self._fuse(both, output, (by_ir, by_vi))
        return result

    def _fuse(self, both: list[chunked.Rows], output: chunked.Rows, channel: tuple[Tensor, Tensor]) -> None:
        ir, vi, near_ir, near_vi = both
        projection = self.project_out.weight.flatten(1).t()
        for rows in chunked.chunks(ir, ir.shape[-1]):
            weighted = (near_ir[rows] * channel[0]).sigmoid_().mul_(ir[rows])
            weighted.addcmul_((near_vi[rows] * channel[1]).sigmoid_(), vi[rows])
            torch.mm(weighted.flatten(0, 1), projection, out=output[rows].view(-1, output.shape[-1]))
