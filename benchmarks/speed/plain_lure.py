"""LURE's networks written down layer by layer, with the parameters of the package's: what its speed is compared to."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.methods.lure.decoder import RULE_FUNCTIONS, Decoder, FusionLevel
from fusionbench.methods.lure.encoder import Encoder, TextGuidedAttention
from fusionbench.methods.lure.network import LureNetwork
from fusionbench.nn.nafnet import NAFBlock
from fusionbench.nn.restormer import GDFN


def fuse(network: LureNetwork, ir: Tensor, vi: Tensor, text_ir: Tensor, text_vi: Tensor) -> Tensor:
    """The fused image, not clamped."""
    visible = encode(network.encoder, vi, text_vi, 0)
    infrared = encode(network.encoder, ir.expand_as(vi), text_ir, 1)
    levels = zip(network.fusion.levels, visible, infrared, strict=True)
    return decode(network.decoder, [fuse_level(level, a, b) + RULE_FUNCTIONS["l1"](a, b) for level, a, b in levels])


def encode(encoder: Encoder, image: Tensor, text: Tensor, modality: int) -> list[Tensor]:
    """One latent per level."""
    x, latents = encoder.stem(image), []
    for level, layer in enumerate(encoder.layers):
        x = encoder.downs[level - 1](x) if level else x
        for guide, base in zip(layer.guides, layer.bases, strict=True):
            x = guided(guide, x, text)
            x = naf(base.block, x + base.modality.weight[modality].view(1, -1, 1, 1))
        d = x
        for guide, bottleneck in zip(layer.filters, layer.bottlenecks, strict=True):
            d = bottleneck.reduce(naf(bottleneck.block, guided(guide, d, text)))
        latents.append(layer.linear(x) - d)
    return latents


def decode(decoder: Decoder, latents: list[Tensor]) -> Tensor:
    """Coarse to fine."""
    x = naf(decoder.blocks[-1], decoder.expand[-1](latents[-1]))
    for level in reversed(range(len(latents) - 1)):
        x = naf(decoder.blocks[level], decoder.ups[level](x) + decoder.expand[level](latents[level]))
    return decoder.to_colour(x)


def fuse_level(level: FusionLevel, vi: Tensor, ir: Tensor) -> Tensor:
    """What is learned on top of the rule."""
    for to_vi, to_ir in zip(level.to_visible, level.to_infrared, strict=True):
        vi, ir = crossed(to_vi, vi, ir), crossed(to_ir, ir, vi)
    return level.zero(level.merge(torch.cat([vi, ir], dim=1)))


def crossed(block: nn.Module, x: Tensor, source: Tensor) -> Tensor:
    """Cross-attention and feed-forward."""
    query = block.q_dwconv(block.q(norm(x, block.norm_query.body)))
    key, value = block.kv_dwconv(block.kv(norm(source, block.norm_source.body))).chunk(2, dim=1)
    x = x + attend(query, key, value, block)
    return x + gated(block.ffn, norm(x, block.norm.body))


def guided(block: nn.Module, x: Tensor, text: Tensor) -> Tensor:
    """Text-guided attention and feed-forward."""
    guide: TextGuidedAttention = block.guide
    u = norm(x, guide.norm.body)
    query = guide.q_dwconv(guide.q(u * guide.gate(text).sigmoid()[:, :, None, None]))
    key, value = guide.kv_dwconv(guide.kv(u)).chunk(2, dim=1)
    x = x + attend(query, key, value, guide)
    return x + gated(block.ffn, norm(x, block.norm.body))


def attend(query: Tensor, key: Tensor, value: Tensor, block: nn.Module) -> Tensor:
    """Between channels, and the projection behind it."""
    q, k, v = (part.flatten(2).unflatten(1, (block.heads, -1)) for part in (query, key, value))
    weights = (F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT * block.temperature).softmax(dim=-1)
    return block.project_out((weights @ v).flatten(1, 2).view_as(query))


def gated(ffn: GDFN, x: Tensor) -> Tensor:
    """Gated feed-forward."""
    gate, value = ffn.dwconv(ffn.project_in(x)).chunk(2, dim=1)
    return ffn.project_out(F.gelu(gate) * value)


def naf(block: NAFBlock, x: Tensor) -> Tensor:
    """NAFNet's block."""
    a, b = block.conv2(block.conv1(norm(x, block.norm1))).chunk(2, dim=1)
    u = a * b
    x = x + block.beta * block.conv3(u * block.sca(u))
    a, b = block.conv4(norm(x, block.norm2)).chunk(2, dim=1)
    return x + block.gamma * block.conv5(a * b)


def norm(x: Tensor, layer: nn.LayerNorm) -> Tensor:
    """Over channels, as Restormer has it: to tokens and back."""
    tokens = x.flatten(2).transpose(1, 2)
    normed = F.layer_norm(tokens, layer.normalized_shape, layer.weight, layer.bias, layer.eps)
    return normed.transpose(1, 2).reshape(x.shape)
