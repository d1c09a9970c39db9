"""Several metrics of the same images at once, with shared intermediate results."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from fusionbench.images.tensors import ImageLike
from fusionbench.metrics.functional.images import as_images, iter_images, reads_sources, select_view
from fusionbench.metrics.functional.memo import cache_scope
from fusionbench.metrics.protocol import Variant, canonical, choose
from fusionbench.metrics.table import row
from fusionbench.metrics.undefined import holding
from fusionbench.nn.cpu.threads import one_thread
from fusionbench.registry import import_object
from fusionbench.types import Scores


@torch.no_grad()
@one_thread()
def evaluate(
    fused: ImageLike,
    ir: ImageLike | None,
    vi: ImageLike | None,
    names: Iterable[str],
    protocol: str = "exact",
    dtype: torch.dtype = torch.float64,
) -> dict[str, Scores]:
    """Metrics of an image or a batch: (B,) float64 values each, NaN where undefined (METRICS says when).

    Images are files, or arrays and tensors of bytes from 0 to 255 or floats from 0 to 1: (H, W), (H, W, 3),
    (1 or 3, H, W), or batches of these.

    Args:
        fused: the fused image or images.
        ir: infrared source; may be None if all metrics read only the fused image.
        vi: visible source; may be None likewise.
        names: metrics as in METRICS, in any case; 'MI@tang' takes one from another protocol. The result has them as
            METRICS spells them.
        protocol: the paper or toolkit whose definitions the other metrics follow.
        dtype: floating-point type of the computation; float32 is faster, docs/metrics.md states its error.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a name is unknown, a shape is wrong, or an image is too small, contains NaN or values outside [0,
            1].

    Example:
        >>> half = torch.tensor([[0, 255]], dtype=torch.uint8)
        >>> evaluate(half, None, None, ["EN"])
        {'EN': tensor([1.], dtype=torch.float64)}
    """
    variants = {canonical(name): choose(name, protocol) for name in names}
    if (ir is None or vi is None) and (needy := [name for name in variants if row(name).reads == "sources"]):
        raise ValueError(f"{', '.join(needy)} compare with the sources; pass ir and vi too")
    given = as_images(fused, ir, vi)
    _check_size(variants, given[0])
    parts: dict[str, list[Tensor]] = {name: [] for name in variants}
    for one in iter_images(*given):
        with cache_scope():
            for name, variant in variants.items():
                parts[name].append(compute(variant, one, dtype).double())
    return {name: torch.cat(part) for name, part in parts.items()}


def compute(variant: Variant, images: Sequence[Tensor], dtype: torch.dtype = torch.float64) -> Scores:
    """One metric of (fused, ir, vi), or of (fused,) if it reads only that; the images have been checked."""
    definition: Callable[..., Tensor] = inspect.unwrap(import_object(variant.target))
    read = images if reads_sources(definition) else images[:1]
    value = definition(
        *(select_view(variant.view, image, images[0].shape[1], dtype) for image in read), **variant.options
    )
    # A view may give several planes per image; toolkits that read images this way report their mean.
    return value.view(images[0].shape[0], -1).mean(1) * variant.scale + variant.offset


@torch.no_grad()
@one_thread()
def why_undefined(name: str, protocol: str, fused: ImageLike, ir: ImageLike | None, vi: ImageLike | None) -> str:
    """Why a metric is undefined for one image.

    Example:
        >>> half, black = torch.tensor([[0, 255]], dtype=torch.uint8), torch.zeros(1, 2)
        >>> why_undefined("CC", "exact", black, half, half)
        'the fused image is constant'
    """
    variant, given = choose(name, protocol), as_images(fused, ir, vi)
    read = [select_view(variant.view, image, given[0].shape[1], torch.float64) for image in given]
    return ", ".join(holding(row(name).undefined, read)) or "its value is not finite"


def _check_size(names: Iterable[str], fused: Tensor) -> None:
    side = min(fused.shape[-2:])
    for name in names:
        if side < row(name).smallest:
            size = "x".join(str(extent) for extent in fused.shape[-2:])
            raise ValueError(f"{name} needs images of at least {row(name).smallest} pixels per side, not {size}")
