"""The sizes of the noise predictor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """Widths and depth; the defaults are the released network's, which has 31,773,116 parameters.

    Attributes:
        base: channels at full size.
        multipliers: channels of each level as multiples of `base`; each level but the last halves the size.
        blocks: residual blocks per level.
        groups: groups of the group normalisations; must divide every level's channels.
        dropout: dropout rate in training.
    """

    base: int = 64
    multipliers: tuple[int, ...] = (1, 2, 4, 8)
    blocks: int = 2
    groups: int = 32
    dropout: float = 0.1


# Noise is separated from detail at half size, before any skip connection, so that is where the channels are; no
# dropout, because a million parameters underfit pairs that are degraded anew in every epoch.
SMALL = Architecture(base=32, multipliers=(1, 2, 2, 2), blocks=1, groups=8, dropout=0.0)
"""About a million parameters: trains on a CPU."""

SIZES = {"paper": Architecture(), "s": SMALL, "small": SMALL}
"""The small one has two names: 's' is the suffix in names of methods."""
