"""DRFusion's inference as its layers are described, one operation after another.

It reads the parameters of the package's networks, so that both compute the same. The mode is that of noisy pairs, which
is the one the authors have released.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.methods.drfusion.data_consistency import SIGMA
from fusionbench.methods.drfusion.diffusion import Diffusion, strength
from fusionbench.methods.drfusion.network import AttentionGate, NoisePredictor, ResBlock, time_embedding


def block(layer: nn.Module, x: Tensor, time: Tensor) -> Tensor:
    if not isinstance(layer, ResBlock):
        return layer.op(x)
    hidden = layer.conv1(x)
    hidden = hidden + layer.time_emb(time)[:, :, None, None]
    return layer.conv2(hidden) + layer.shortcut(x)


def gate(layer: AttentionGate, x: Tensor) -> Tensor:
    mean, peak = F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)
    channel = torch.sigmoid(layer.fc2(F.relu(layer.fc1(mean))) + layer.fc2(F.relu(layer.fc1(peak))))
    return x * channel * torch.sigmoid(layer.conv(x))


def decoder(layers: nn.ModuleList, gates: nn.ModuleList, x: Tensor, skips: list[Tensor], time: Tensor) -> Tensor:
    x = x + gate(gates[3], skips[3])
    for index, sequence in enumerate(layers):
        x = block(sequence[0], x, time)
        if index in (1, 4, 7):
            level = {1: 2, 4: 1, 7: 0}[index]
            height, width = skips[level].shape[-2:]
            x = x[..., :height, :width] + gate(gates[level], skips[level])
    return x


def unet(network: NoisePredictor, x: Tensor, step: int) -> tuple[Tensor, Tensor]:
    time = network.time_embed(time_embedding(step, network.sizes.base, x)).expand(len(x), -1)
    x, skips = network.inBlock(x), []
    for index, sequence in enumerate(network.downBlock):
        x = block(sequence[0], x, time)
        if index in (2, 5, 8, 10):
            skips.append(x)
    for sequence in network.middleBlock:
        x = block(sequence[0], x, time)
    noise = network.outBlock(decoder(network.upBlock, network.attention_block, x, skips, time))
    hidden = decoder(network.fusionBlock, network.attention_block_1, x, skips, time)
    return noise, network.fusion_outBlock(hidden)


def restored(diffusion: Diffusion, ir: Tensor, vi: Tensor) -> Tensor:
    """Both restored sources and their fusion, of noisy sources with even sides."""
    kept = torch.cat([torch.ones(1, device=ir.device), diffusion.alpha.cumprod(0)])
    state = kept[-1].sqrt() * torch.cat([ir, vi, (ir + vi) / 2], dim=1)
    for step in range(diffusion.steps, 0, -1):
        noise, weights = unet(diffusion.unet, state, step)
        estimate = (state - (1 - kept[step]).sqrt() * noise) / kept[step].sqrt()
        x1, x2, fused = estimate.chunk(3, dim=1)
        factor = strength(kept[step], kept[step - 1], torch.tensor(SIGMA, device=ir.device))
        x1 = x1 - factor * (x1 - ir)
        x2 = x2 - factor * (x2 - vi)
        residual = weights * (x1 - ir) + (1 - weights) * (x2 - vi) - weights * ir - (1 - weights) * vi + fused
        corrected = torch.cat([x1, x2, fused - factor * residual], dim=1)
        state = kept[step - 1].sqrt() * corrected + (1 - kept[step - 1]).sqrt() * noise
    return state
