"""DSPFusion's inference as its layers are described, one operation after another.

This is what a careful author writes first: channels before rows, tokens where a layer speaks of tokens, the two
sources one after the other. It reads the parameters of the package's networks, so that both compute the same.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from fusionbench.methods.dspfusion.denoiser import Denoiser, Schedule
from fusionbench.methods.dspfusion.modulation import DegradationModulation, GuidedFusion, SemanticIntegration
from fusionbench.methods.dspfusion.network import FusionTransformer, Level
from fusionbench.methods.dspfusion.prior_encoder import PriorEncoder
from fusionbench.nn.norm import ChannelNorm
from fusionbench.nn.restormer import GDFN, MDTA, CrossMDTA, RestormerBlock


def norm(layer: ChannelNorm, x: Tensor) -> Tensor:
    height = x.shape[2]
    return rearrange(layer.body(rearrange(x, "b c h w -> b (h w) c")), "b (h w) c -> b c h w", h=height).contiguous()


def channel_attention(query: Tensor, key: Tensor, value: Tensor, temperature: Tensor) -> Tensor:
    heads, height = temperature.shape[0], query.shape[2]
    q, k, v = (rearrange(part, "b (n c) h w -> b n c (h w)", n=heads) for part in (query, key, value))
    q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
    attended = (q @ k.transpose(-2, -1) * temperature).softmax(dim=-1) @ v
    return rearrange(attended, "b n c (h w) -> b (n c) h w", h=height)


def mdta(layer: MDTA, x: Tensor) -> Tensor:
    query, key, value = layer.qkv_dwconv(layer.qkv(x)).chunk(3, dim=1)
    return layer.project_out(channel_attention(query, key, value, layer.temperature))


def gdfn(layer: GDFN, x: Tensor) -> Tensor:
    gate, value = layer.dwconv(layer.project_in(x)).chunk(2, dim=1)
    return layer.project_out(F.gelu(gate) * value)


def block(layer: RestormerBlock, x: Tensor) -> Tensor:
    x = x + mdta(layer.attn, norm(layer.norm1, x))
    return x + gdfn(layer.ffn, norm(layer.norm2, x))


def cross_attention(layer: CrossMDTA, x: Tensor, source: Tensor) -> Tensor:
    query = layer.q_dwconv(layer.q(norm(layer.norm, x)))
    key, value = layer.kv_dwconv(layer.kv(norm(layer.norm, source))).chunk(2, dim=1)
    return x + layer.project_out(channel_attention(query, key, value, layer.temperature))


def integrate(layer: SemanticIntegration, x: Tensor, prior: Tensor) -> Tensor:
    height = x.shape[2]
    tokens = rearrange(x, "b c h w -> b (h w) c")
    query = rearrange(layer.q(layer.norm1.body(tokens)), "b n (h c) -> b h n c", h=layer.heads)
    key, value = layer.kv(layer.norm2.body(prior)).chunk(2, dim=-1)
    key, value = (rearrange(part, "b n (h c) -> b h n c", h=layer.heads) for part in (key, value))
    weights = (query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(dim=-1)
    tokens = tokens + layer.proj(rearrange(weights @ value, "b h n c -> b n (h c)"))
    return rearrange(tokens, "b (h w) c -> b c h w", h=height).contiguous()


def modulate(layer: DegradationModulation, x: Tensor, prior: Tensor) -> Tensor:
    weights = layer.weight_linear(x.mean(dim=(2, 3))).softmax(dim=-1)
    pooled = (weights[..., None] * prior).sum(dim=1)
    scale, shift = layer.prior_linear(layer.prior_norm.body(pooled)).chunk(2, dim=-1)
    return layer.conv3x3(x * scale[:, :, None, None] + shift[:, :, None, None])


def merge(layer: GuidedFusion, ir: Tensor, vi: Tensor, prior: Tensor) -> Tensor:
    channel_ir, channel_vi = layer.ca(prior)[:, :, None, None].chunk(2, dim=1)
    weight_ir = torch.sigmoid(channel_ir * layer.sa(ir))
    weight_vi = torch.sigmoid(channel_vi * layer.sa(vi))
    return layer.project_out(weight_ir * ir + weight_vi * vi)


def level(layer: Level, x: Tensor, semantic: Tensor, degradation: Tensor | None = None) -> Tensor:
    guided = integrate(layer.spmm, x, semantic)
    if degradation is not None:
        guided = cross_attention(layer.cross_att, guided, modulate(layer.dpmm, x, degradation))
    for each in layer.blocks:
        guided = block(each, guided)
    return guided


def fuse(
    net: FusionTransformer, ir: Tensor, vi: Tensor, semantic: Tensor, degradation_ir: Tensor, degradation_vi: Tensor
) -> Tensor:
    """The restoration and fusion network."""
    second = net.down_1(semantic)
    third = net.down_2(second)
    semantics = [semantic, second, third, third]
    degradations = []
    for prior in (degradation_ir, degradation_vi):
        second = net.type_down_1(prior)
        third = net.type_down_2(second)
        degradations.append([prior, second, third, third])
    levels = [net.encoder_level1, net.encoder_level2, net.encoder_level3, net.latent]
    fusing = [net.fusion_level1, net.fusion_level2, net.fusion_level3, net.fusion_latent]
    halving = [net.patch_embed.proj, net.down1_2.body, net.down2_3.body, net.down3_4.body]
    features = [ir, vi]
    fused = []
    for i in range(4):
        features = [
            level(levels[i], halving[i](x), semantics[i], degradations[modality][i])
            for modality, x in enumerate(features)
        ]
        fused.append(merge(fusing[i], features[0], features[1], semantics[i]))
    x = net.reduce_chan_level3(torch.cat([net.up4_3.body(fused[3]), fused[2]], dim=1))
    x = level(net.decoder_level3, x, semantics[2])
    x = net.reduce_chan_level2(torch.cat([net.up3_2.body(x), fused[1]], dim=1))
    x = level(net.decoder_level2, x, semantics[1])
    x = level(net.decoder_level1, torch.cat([net.up2_1.body(x), fused[0]], dim=1), semantics[0])
    x = level(net.refinement, x, semantics[0])
    return (torch.tanh(net.output(x) + vi) + 1) / 2


def encode(net: PriorEncoder, image: Tensor) -> Tensor:
    x = net.conv1(image)
    for each in net.blocks:
        x = x + each(x)
    tokens = rearrange(F.adaptive_avg_pool2d(net.conv2(x), 4), "b c h w -> b (h w) c")
    return net.end(net.mlp(tokens))


def sample(net: Denoiser, schedule: Schedule, start: Tensor, condition: Tensor) -> Tensor:
    state = start
    for step in reversed(range(len(schedule))):
        prediction = net(state, condition, step)
        state = schedule.from_prediction[step] * prediction + schedule.from_state[step] * state
    return state


def infer(networks: dict[str, torch.nn.Module], ir: Tensor, vi: Tensor, start: Tensor) -> Tensor:
    """A degraded pair (infrared as three channels, sides divisible by 8) to the fused image."""
    semantic = encode(networks["sp"], torch.cat([ir, vi], dim=1))
    by_ir, by_vi = encode(networks["dp"], ir), encode(networks["dp"], vi)
    prior = sample(networks["dm"], Schedule(10), start, torch.cat([semantic, by_ir, by_vi], dim=-1))
    return fuse(networks["g"], ir, vi, prior, by_ir, by_vi)
