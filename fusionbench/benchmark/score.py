"""Scoring one cell: PNGs and sources in, rows of scores.csv out. No method and no GPU is needed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.benchmark.results import CellFolder
from fusionbench.benchmark.score_file import OK, ImageScores
from fusionbench.benchmark.spec import Selection
from fusionbench.data.pairs import Pairs
from fusionbench.files import sha256_of
from fusionbench.images.files import read_image
from fusionbench.images.tensors import to_tensor
from fusionbench.metrics import INPUT, evaluate, why_undefined

if TYPE_CHECKING:
    from torch import Tensor

    from fusionbench.data.sources.base import RawPair

log = logging.getLogger(__name__)


# Decoded sources are cached between the methods of a run, up to this many bytes per dataset.
CACHE_BYTES = 2**29


def score_cell(
    pairs: Pairs,
    folder: CellFolder,
    metrics: Sequence[str],
    selection: Selection,
    *,
    protocol: str = "exact",
    sources: Mapping[str, str],
    images: Mapping[str, Path] | None = None,
    skip: Iterable[str] = (),
    done: Callable[[int], None] = lambda count: None,
) -> None:
    """Compute the missing scores of a cell, one image at a time, and write each row immediately.

    Args:
        metrics: names as written by the user; they become the columns.
        images: fused images by pair name; by default those of the cell.
        sources: digest of every pair, by name.
        skip: metrics that cannot be computed here; their values stay empty.
        done: called with the number of images just finished.
    """
    failures = folder.failures() if images is None else {}
    names = pairs.source.names[: selection.limit]
    todo = [name for name in metrics if name not in set(skip)]
    for index, name in enumerate(names):
        path = folder.image(name) if images is None else images[name]
        if path.exists():
            row = _scored(pairs, index, path, folder, todo, protocol, sources[name])
            if row is not None and not row.digest and images is None:
                path.unlink()  # It is damaged; a pair without an image is fused again.
                row.status += "; the same command fuses it again"
        else:
            row = ImageScores(name, failures.get(name) or f"no fused image {path.name}", sources=sources[name])
        if row is not None:
            folder.scores.add(row, metrics)
            values = ", ".join(f"{metric} {value:.4g}" for metric, value in row.values.items())
            log.debug("scored %s: %s", path, values if row.status == OK else row.status)
        done(1)
    folder.scores.sort_rows(names, pairs.source.names)


def _scored(
    pairs: Pairs, index: int, path: Path, folder: CellFolder, todo: Sequence[str], protocol: str, sources: str
) -> ImageScores | None:
    """The row of one image, including existing scores; None if nothing is missing.

    The row of an image that cannot be read has no digest.
    """
    name = pairs.source.names[index]
    digest = sha256_of(path)
    row = folder.scores.rows.get(name)
    if row is not None and sources and (row.digest, row.sources, row.status) == (digest, sources, OK):
        wanted = [metric for metric in todo if metric not in row.values]
        if not wanted:
            return None
    else:
        row, wanted = ImageScores(name), list(todo)
    try:
        fused = to_tensor(read_image(path))[None]
    except (ValueError, OSError) as error:
        return ImageScores(name, str(error), sources=sources)
    try:
        values, reasons = _scores(pairs, index, fused, path, wanted, protocol)
    except (ValueError, OSError) as error:
        values, reasons = {}, [str(error)]
    return ImageScores(name, "; ".join(reasons) or OK, {**row.values, **values}, digest, sources)


def _scores(
    pairs: Pairs, index: int, fused: Tensor, path: Path, wanted: Sequence[str], protocol: str
) -> tuple[dict[str, float], list[str]]:
    """The scores that could be computed, and why others could not."""
    raw = pairs.source.read(index)
    check_size(fused, raw, path)
    clean = [metric for metric in wanted if not metric.endswith(INPUT)]
    degraded = [metric for metric in wanted if metric.endswith(INPUT)]
    values: dict[str, float] = {}
    reasons: list[str] = []
    if clean:
        ir = raw.ir if raw.ir_clean is None else raw.ir_clean
        vi = raw.vi if raw.vi_clean is None else raw.vi_clean
        values |= _evaluated((fused, to_tensor(ir)[None], to_tensor(vi)[None]), clean, protocol, reasons)
    if degraded:
        pair = pairs[index]
        values |= _evaluated((fused, pair["ir"][None], pair["vi"][None]), degraded, protocol, reasons)
    return values, reasons


def _evaluated(
    images: tuple[Tensor, Tensor, Tensor], metrics: Sequence[str], protocol: str, reasons: list[str]
) -> dict[str, float]:
    """The finite scores; reasons for others are appended to `reasons`."""
    names = {metric: metric.removesuffix(INPUT) for metric in metrics}
    try:
        scores = evaluate(*images, names.values(), protocol)
    except ValueError as error:
        if len(metrics) == 1:
            reasons.append(str(error))
            return {}
        # A metric that is impossible for these images must not affect the others.
        return {
            name: value for metric in metrics for name, value in _evaluated(images, [metric], protocol, reasons).items()
        }
    values = {metric: float(scores[name]) for metric, name in names.items()}
    for metric, value in values.items():
        if not math.isfinite(value):
            reasons.append(f"{metric} undefined: {why_undefined(names[metric], protocol, *images)}")
    return {metric: value for metric, value in values.items() if math.isfinite(value)}


def check_size(fused: Tensor, raw: RawPair, path: Path) -> None:
    """Refuse a fused image whose size differs from its sources.

    Raises:
        ValueError: the sizes differ.
    """
    height, width = raw.vi.shape[:2]
    if tuple(fused.shape[-2:]) != (height, width):
        found = f"{fused.shape[-1]}x{fused.shape[-2]}"
        raise ValueError(f"{path.name} is {found}, its sources are {width}x{height}; fuse at the size of the sources")
