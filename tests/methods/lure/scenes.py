"""Training LURE for a test: on generated scenes, degraded one image at a time."""

from __future__ import annotations

import numpy as np
import torch

from fusionbench.data.pairs import collate, degrade, to_tensors
from fusionbench.data.sources.base import RawPair
from fusionbench.degradations import parse

SINGLE = ("ll(0.7)", "oe(0.7)", "haze(0.6)", "lc(0.7)", "sr4")


def scene(index, side=32):
    """Coloured rectangles of which some are warm."""
    rng = np.random.default_rng(index)
    vi = np.full((side, side, 3), rng.integers(60, 120, 3), np.uint8)
    ir = np.full((side, side), rng.integers(40, 90), np.uint8)
    for _ in range(8):
        top, left = rng.integers(0, side - 6, 2)
        height, width = rng.integers(4, side // 2, 2)
        vi[top : top + height, left : left + width] = rng.integers(20, 230, 3)
        if rng.random() < 0.5:
            ir[top : top + height, left : left + width] = rng.integers(30, 240)
    return RawPair(f"scene{index}", ir, vi)


def pair(index, spec, side=32, seed=0):
    raw = scene(index, side)
    return to_tensors(raw, degrade(raw, parse(spec), seed))


def batch(indices, specs, side=32, seed=0):
    return collate([pair(index, spec, side, seed) for index, spec in zip(indices, specs, strict=True)])


def train(method, phase, steps, rate, size=6, specs=SINGLE, side=32):
    """Steps of AdamW without a Trainer, which would take longer than they do."""
    method.train().requires_grad_(True)
    method.begin_phase(phase)
    trained = [parameter for parameter in method.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    rng = np.random.default_rng(0)
    for step in range(steps):
        drawn = batch(rng.integers(1000, 100_000, size), rng.choice(specs, size), side, step)
        loss = torch.stack(list(method.terms(drawn, step).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
    return method.eval()
