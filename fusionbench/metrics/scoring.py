"""Several scores of the same images at once, with shared intermediates."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from fusionbench.lazy import resolve
from fusionbench.metrics.images import check, gray, levels, reads_sources, singles
from fusionbench.metrics.protocol import Variant, choose
from fusionbench.metrics.sharing import sharing
from fusionbench.types import Image, Scores


def evaluate(
    fused: Image,
    ir: Image | None,
    vi: Image | None,
    names: Iterable[str],
    protocol: str = "exact",
    dtype: torch.dtype = torch.float64,
) -> dict[str, Scores]:
    """Scores of a batch, (B,) float64 each, NaN where a score is undefined.

    Args:
        fused: (B, 1 or 3, H, W) in [0, 1].
        ir: infrared source, or None if only scores of the fused image are asked for.
        vi: visible source, or None likewise.
        names: scores as in METRICS; 'MI@tang' takes that one from another protocol.
        protocol: which paper's or toolkit's definitions the others follow.
        dtype: what to compute in; float32 is faster and differs as docs/metrics.md states.

    Raises:
        ValueError: a name is unknown, a shape is wrong, or an image holds NaN or leaves [0, 1].
    """
    variants = {name: choose(name, protocol) for name in names}
    check(fused, ir, vi)
    named = zip(("fused", "ir", "vi"), (fused, ir, vi), strict=True)
    given = [levels(image, what, dtype) for what, image in named if image is not None]
    parts: dict[str, list[Tensor]] = {name: [] for name in variants}
    for one in singles(*given):
        with sharing():
            for name, variant in variants.items():
                parts[name].append(_compute(variant, one).double())
    return {name: torch.cat(part) for name, part in parts.items()}


def _compute(variant: Variant, images: tuple[Image, ...]) -> Scores:
    definition: Callable[..., Tensor] = inspect.unwrap(resolve(variant.target))
    planes = [gray(image) for image in images]
    return definition(*(planes if reads_sources(definition) else planes[:1]), **variant.options)
