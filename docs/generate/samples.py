"""A small pair and several fused images of it, the same on every machine; docs/protocols.md evaluates them."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.types import Color, Gray

HEIGHT, WIDTH = 176, 232


def pair() -> tuple[Gray, Color]:
    """(ir, vi): a street at dusk with people who are visible only in infrared; (1, 1 or 3, H, W) in [0, 1]."""
    rng = np.random.default_rng(2012)
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    ground = down > 0.6
    house = (across > 0.15) & (across < 0.75) & (down > 0.2) & ~ground
    window = house & ((across * 12 % 1) < 0.4) & ((down * 10 % 1) < 0.5)
    lamp = np.exp(-((down - 0.3) ** 2 + (across - 1.1) ** 2) / 0.02)
    person = sum(
        np.exp(-(((down - 0.7) / 0.14) ** 4) - ((across - place) / 0.035) ** 4) for place in (0.25, 0.55, 0.95)
    )
    grain = rng.normal(size=(2, HEIGHT, WIDTH)) * 0.015
    coarse = np.kron(rng.random((HEIGHT // 8, WIDTH // 8)), np.ones((8, 8))) - 0.5
    dusk = 0.35 - 0.15 * down + 0.1 * house + 0.25 * window + ground * (0.05 + 0.12 * coarse) + 0.6 * lamp
    heat = 0.2 + 0.15 * house - 0.08 * window + ground * 0.1 + 0.65 * person + 0.1 * lamp
    tint = np.array([1.05, 1.0, 0.9])[:, None, None]
    return _image((heat + grain[0])[None]), _image((dusk - 0.03 * person + grain[1]) * tint)


def fused() -> dict[str, Color]:
    """The pair fused in five ways, by name."""
    ir, vi = pair()
    average = (ir + vi) / 2
    return {
        "average": _rounded(average),
        "maximum": _rounded(torch.maximum(ir, vi)),
        "visible": _rounded(0.85 * vi + 0.15 * ir),
        "sharpened": _rounded(average + 1.5 * (average - _smooth(average))),
        "stretched": _rounded((average - average.amin()) / (average.amax() - average.amin())),
    }


def _smooth(x: Color) -> Color:
    return F.avg_pool2d(F.pad(x, (3, 3, 3, 3), mode="replicate"), 7, stride=1)


def _image(values: np.ndarray) -> Tensor:
    return _rounded(torch.from_numpy(values)[None])


def _rounded(x: Tensor) -> Tensor:
    return x.clamp(0, 1).mul(255).round() / 255
