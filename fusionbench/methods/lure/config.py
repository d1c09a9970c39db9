"""The sizes of the networks and the options of the ablations; importing this imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Levels = tuple[int, int, int, int]
Guidance = Literal["attention", "gate", "queries"]
GUIDANCES = ("attention", "gate", "queries")
Rule = Literal["l1", "mean", "sum", "none"]
RULES = ("l1", "mean", "none", "sum")


@dataclass(frozen=True)
class Size:
    """Widths and depths, per level from fine to coarse.

    Attributes:
        channels: channels of the encoder and the decoder.
        latents: channels of the latents; divisible by `heads`, like the channels.
        base_blocks: (text-guided, base) pairs on the main path of an encoder layer; K_tb in the paper.
        bottleneck_blocks: (text-guided, bottleneck) pairs on the degradation path; K_bt in the paper.
        fusion_blocks: cross-attention blocks of the fusion module.
        text: length of the text vector.
        heads: attention heads.
    """

    channels: Levels
    latents: Levels
    base_blocks: Levels
    bottleneck_blocks: Levels
    fusion_blocks: Levels
    text: int
    heads: int = 4


SMALL = Size(
    channels=(16, 32, 48, 96),
    latents=(16, 24, 32, 48),
    base_blocks=(1, 1, 2, 2),
    bottleneck_blocks=(1, 1, 1, 1),
    fusion_blocks=(1, 1, 1, 1),
    text=64,
)
"""About a million parameters: trains on a CPU."""

SIZES = {
    # Section 4.1. The paper prints "K_tb and K_tb" for the two depths and never says which is which; the deeper one on
    # the main path is as in NAFNet and its text-guided successor.
    "full": Size(
        channels=(48, 96, 192, 384),
        latents=(16, 32, 64, 128),
        base_blocks=(2, 2, 4, 8),
        bottleneck_blocks=(1, 1, 2, 2),
        fusion_blocks=(1, 1, 2, 2),
        text=256,
    ),
    "s": SMALL,  # as the names of methods end
    "small": SMALL,
    # Latents half to three quarters as wide, which carry less of an image's degradation: for the paper's claim.
    "narrow": replace(SMALL, latents=(8, 16, 24, 32)),
    # For tests only; its images are useless.
    "tiny": Size(
        channels=(4, 8, 8, 8),
        latents=(4, 4, 4, 4),
        base_blocks=(1, 1, 1, 1),
        bottleneck_blocks=(1, 1, 1, 1),
        fusion_blocks=(1, 1, 1, 1),
        text=8,
        heads=2,
    ),
}
