"""When metrics are undefined: conditions on (fused, ir, vi), as the metric reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusionbench.types import Gray

Condition = Callable[["Gray", "Gray", "Gray"], bool]


def _black(x: Gray) -> bool:
    return not x.any()


def _constant(x: Gray) -> bool:
    return bool(x.amin() == x.amax())


def _congruent(*images: Gray) -> bool:
    """Whether one of the images has phase congruency where QP needs it."""
    from fusionbench.metrics.functional.phase_congruency import SIGNIFICANT, congruencies

    return any(bool((found.phase > SIGNIFICANT).any()) for found in congruencies(*images))


CONDITIONS: dict[str, Condition] = {
    "the fused image is black": lambda fused, ir, vi: _black(fused),
    "the fused image is constant": lambda fused, ir, vi: _constant(fused),
    "a source is black": lambda fused, ir, vi: _black(ir) or _black(vi),
    "a source is constant": lambda fused, ir, vi: _constant(ir) or _constant(vi),
    "both sources are black": lambda fused, ir, vi: _black(ir) and _black(vi),
    "both sources are constant": lambda fused, ir, vi: _constant(ir) and _constant(vi),
    "the fused image and a source are constant": lambda fused, ir, vi: (
        _constant(fused) and (_constant(ir) or _constant(vi))
    ),
    "the fused image differs from a source by a constant": lambda fused, ir, vi: (
        _constant(fused - ir) or _constant(fused - vi)
    ),
    "the fused image equals both sources": lambda fused, ir, vi: bool((fused == ir).all() and (fused == vi).all()),
    "the fused image has no phase congruency above 0.1": lambda fused, ir, vi: not _congruent(fused),
    "no source has phase congruency above 0.1": lambda fused, ir, vi: not _congruent(ir, vi),
    # Conditions that the images do not show: they are the only remaining reason.
    "the similarity on a scale is negative": lambda fused, ir, vi: True,
    "the network returned no finite value": lambda fused, ir, vi: True,
}
"""By their description in tables and messages."""


def holding(named: Sequence[str], planes: Sequence[Gray]) -> list[str]:
    """The named conditions that hold for any plane of the images.

    Args:
        planes: (fused, ir, vi) as a metric reads them, or (fused,) alone.
    """
    several = [planes[min(place, len(planes) - 1)] for place in range(3)]
    each = [tuple(image[index : index + 1] for image in several) for index in range(len(several[0]))]
    return [name for name in named if any(CONDITIONS[name](*one) for one in each)]
