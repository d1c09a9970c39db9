"""The sizes of the four networks."""

from __future__ import annotations

from dataclasses import dataclass

GROUP = 4
"""Priors have GROUP x GROUP tokens at full resolution and GROUP at the coarser levels; the paper's N = 16."""


@dataclass(frozen=True)
class Architecture:
    """Widths and depths; the defaults are the paper's, which has 14,012,189 parameters.

    Attributes:
        width: channels of the fusion network at full resolution; each of the three coarser levels doubles them.
        blocks: transformer blocks per level.
        heads: attention heads per level.
        refinement: transformer blocks before the output.
        semantic: channels inside the semantic encoder; its prior has four times as many.
        semantic_blocks: residual blocks of the semantic encoder.
        degradation: channels inside the degradation encoder; its prior has four times as many.
        degradation_blocks: residual blocks of the degradation encoder.
        denoiser: channels inside the denoiser.
        denoiser_blocks: mixer blocks of the denoiser.
        denoiser_expansion: expansion factor inside its channel mixers.
    """

    width: int = 32
    blocks: tuple[int, int, int, int] = (2, 2, 4, 4)
    heads: tuple[int, int, int, int] = (1, 1, 2, 2)
    refinement: int = 1
    semantic: int = 64
    semantic_blocks: int = 6
    degradation: int = 32
    degradation_blocks: int = 4
    denoiser: int = 512
    denoiser_blocks: int = 4
    denoiser_expansion: int = 2

    @property
    def semantic_prior(self) -> int:
        """Channels of the semantic prior."""
        return 4 * self.semantic

    @property
    def degradation_prior(self) -> int:
        """Channels of the degradation prior."""
        return 4 * self.degradation


SMALL = Architecture(
    width=12,
    blocks=(1, 1, 2, 2),
    semantic=16,
    semantic_blocks=3,
    degradation=8,
    degradation_blocks=2,
    denoiser=96,
    denoiser_blocks=3,
)
"""1,017,935 parameters: trains on a CPU."""

SIZES = {"paper": Architecture(), "s": SMALL, "small": SMALL}
"""The small one has two names: 's' is how the names of methods end."""
