"""Rows of scores on disk to tables of means: one block per dataset and degradation, methods by metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from fusionbench.benchmark.results import REFERENCES, UNABLE, CellFolder, cells_of
from fusionbench.benchmark.score_file import OK, SCORES
from fusionbench.benchmark.settings import BLOCK, TABLE
from fusionbench.benchmark.sources import Sources
from fusionbench.files import path_name
from fusionbench.metrics import row
from fusionbench.report.provenance import origins
from fusionbench.version import __version__

# Two means closer than this fraction are the same number printed twice; both are marked.
TIE = 1e-9

CHANGED = "the sources changed since; the same command fuses and scores it again"
"""The status of an image that was made from other sources than the others of its table."""

NOT_APPLICABLE = "n/a"
"""What is shown of a method that cannot fuse images that are so degraded."""

KEYS = ("dataset", "degradation", "method")
"""Settings that tell the cells of a run apart."""

LABELS = (*KEYS, "weights", "image", "status")

Key = tuple[str, str, str]
"""Dataset, degradation and method of a cell."""


@dataclass(frozen=True)
class ScoreTable:
    """The table of one dataset under one degradation.

    Attributes:
        means: methods by metrics; NaN where no image has a score.
        counts: how many images each mean is over.
        images: how many images the block was asked for.
        available: how many the split has; more than `images` when a limit was set.
        settings: what all cells of the block share (seed, split, protocol, ...).
        origins: sentences on the files behind the numbers.
        missing: scores that could not be computed at all; `origins` says why.
        weights: `<method>@<8 hex of sha256>` of the methods that read weights.
        unable: why methods cannot fuse images that are so degraded, by method; they have no images.
    """

    dataset: str
    degradation: str
    means: pd.DataFrame
    counts: pd.DataFrame
    images: int
    available: int
    settings: dict[str, Any]
    origins: tuple[str, ...] = ()
    missing: frozenset[str] = frozenset()
    weights: Mapping[str, str] = field(default_factory=dict)
    unable: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Dataset, degradation and number of images, and whether that is all of them."""
        partial = self.images < self.available
        count = f"{self.images} of {self.available} images, partial" if partial else f"{self.images} images"
        return f"{self.dataset}, {self.degradation} ({count})"

    def text(self, method: Any, metric: Any) -> str:
        """What a cell of the table shows: a mean, '-' where it is missing, 'n/a' where there cannot be one."""
        return NOT_APPLICABLE if method in self.unable else number(self.means.loc[method, metric])


@dataclass(frozen=True)
class Results:
    """What the folder of a run holds, read once for tables, pictures and pages.

    Attributes:
        out: the folder.
        cells: in the order in which they were asked for.
        sources: what each dataset's images were made from, by its name.
        scores: all rows: dataset, degradation, method, its weights, image, status, then the metrics.
        blocks: the tables, in the order in which their cells were asked for.
        problems: one sentence for each image that lacks something, and for each cell that lacks images.
    """

    out: Path
    cells: Mapping[Key, CellFolder]
    sources: Mapping[str, Sources]
    scores: pd.DataFrame
    blocks: list[ScoreTable]
    problems: list[str]

    def pictured(self, dataset: str) -> list[str]:
        """Images of a dataset whose sources are kept and that some method has fused."""
        kept = sorted(path.stem for path in (self.out / path_name(dataset) / REFERENCES / "vi").glob("*.png"))
        cells = [cell for (name, *_), cell in self.cells.items() if name == dataset]
        return [image for image in kept if any(cell.image(image).exists() for cell in cells)]


def read_results(out: Path) -> Results:
    """Everything that a run has scored.

    Raises:
        FileNotFoundError: the folder holds no results.
        ValueError: a file is not what a run writes, or cells of different runs lie in one folder.
    """
    frames: list[pd.DataFrame] = []
    sources: dict[str, Sources] = {}
    metas: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    cells, problems = _by_key(cells_of(out)), []
    for (dataset, degradation, method), cell in cells.items():
        problems += _problems(f"{dataset}, {degradation}, {method}", cell)
        if dataset not in sources:
            sources[dataset] = Sources.read(cell.folder.parents[1])
        if not (cell.folder / SCORES).exists():
            continue
        frame = _read(cell, sources[dataset])
        labels = (dataset, degradation, method, cell.meta()["settings"].get("weights") or "")
        for position, (key, value) in enumerate(zip(LABELS, labels, strict=False)):
            frame.insert(position, key, value)
        frames.append(frame)
        metas.setdefault((dataset, degradation), {})[method] = cell.meta()
    if not frames:
        raise FileNotFoundError(f"no results in {out}; expected <dataset>/<degradation>/<method>/scores.csv below it")
    columns = list(dict.fromkeys(column for frame in frames for column in frame.columns))
    # Cells without images have columns, but no rows whose types could be told.
    scores = pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
    scores = scores.reindex(columns=columns)
    tables = [
        _score_table(
            scores[(scores["dataset"] == dataset) & (scores["degradation"] == degradation)], dataset, degradation, those
        )
        for (dataset, degradation), those in metas.items()
    ]
    lacking = scores.loc[scores["status"] != OK, [*KEYS, "image", "status"]]
    problems += [f"{', '.join(of)}: {status}" for *of, status in lacking.itertuples(index=False)]
    return Results(out, cells, sources, scores, tables, problems)


def _read(folder: CellFolder, sources: Sources) -> pd.DataFrame:
    """The rows of the images that were asked for; those of sources that have changed since have no values."""
    metrics = folder.scores.metrics
    rows = list(folder.checked_rows().values())[: folder.meta().get("images", {}).get("scored")]
    stale = {each.image for each in rows if sources.contradict(each.image, each.sources)}
    rows = [replace(each, status=CHANGED, values={}) if each.image in stale else each for each in rows]
    columns: dict[str, Any] = {"image": [each.image for each in rows], "status": [each.status for each in rows]}
    columns |= {metric: [each.values.get(metric, math.nan) for each in rows] for metric in metrics}
    return pd.DataFrame(columns).astype(dict.fromkeys(metrics, float))


def _setting(folder: CellFolder, key: str) -> str:
    for name in (key, "protocol", "split", "version"):
        if not isinstance(folder.meta()["settings"].get(name), str):
            raise ValueError(
                f"{folder.folder / 'meta.json'} is not what this version or an earlier one writes: its settings say no "
                f"{name}; delete the folder {folder.folder} and run again"
            )
    return str(folder.meta()["settings"][key])


def _by_key(cells: Sequence[CellFolder]) -> dict[Key, CellFolder]:
    """The cells of one run, whose tables name one protocol, seed and version.

    Raises:
        ValueError: two of them differ in what the cells of a run share, or hold the same.
    """
    of_dataset: dict[str, CellFolder] = {}
    known: dict[Key, CellFolder] = {}
    for cell in cells:
        own = cell.meta()["settings"]
        dataset, degradation, method = (_setting(cell, key) for key in KEYS)
        for other, shared in ((cells[0], TABLE), (of_dataset.setdefault(dataset, cell), BLOCK)):
            theirs = other.meta()["settings"]
            for key in shared:
                if key in own and key in theirs and own[key] != theirs[key]:
                    raise ValueError(
                        f"{other.folder} and {cell.folder} are not of one run, as {key} is {theirs[key]!r} and "
                        f"{own[key]!r}; move one of them elsewhere"
                    )
        twin = known.setdefault((dataset, degradation, method), cell)
        if twin is not cell:
            raise ValueError(
                f"{twin.folder} and {cell.folder} both hold {dataset}, {degradation}, {method}; move one of them "
                "elsewhere"
            )
    return known


def _problems(label: str, cell: CellFolder) -> list[str]:
    """Whether a cell lacks images that were asked for."""
    meta, rows = cell.meta(), len(cell.rows())
    if UNABLE in meta:
        return []
    if "images" in meta and rows < (asked := meta["images"]["scored"]):
        return [
            f"{label}: {asked - rows} of {asked} images have no scores; the command that wrote the folder adds them"
        ]
    # Earlier versions said neither how many images there are nor what they were made from.
    if "images" not in meta and (cell.scores.made or not rows):
        return [f"{label}: it was not finished; the command that wrote the folder goes on there"]
    return []


def folder_table(out: Path, name: str) -> ScoreTable:
    """The table of one scored folder of fused images.

    Args:
        name: what the table calls the method that made them.
    """
    folder = CellFolder(out)
    frame = _read(folder, Sources.read(out))
    frame.insert(2, "method", name)
    return _score_table(frame, _setting(folder, "dataset"), "as given", {name: folder.meta()})


def _score_table(
    scores: pd.DataFrame, dataset: str, degradation: str, by_name: Mapping[str, dict[str, Any]]
) -> ScoreTable:
    metrics = [column for column in scores.columns if column not in LABELS]
    by_method = scores.groupby("method", sort=False)[metrics]
    # Methods that cannot fuse such images, or whose rows are gone, have a line without numbers.
    means, counts = by_method.mean().reindex(list(by_name)), by_method.count().reindex(list(by_name), fill_value=0)
    metas = list(by_name.values())
    found = scores["image"].nunique()
    images = max(one.get("images", {}).get("scored", found) for one in metas)
    available = max(one.get("images", {}).get("available", found) for one in metas)
    return ScoreTable(
        dataset=dataset,
        degradation=degradation,
        means=means,
        counts=counts,
        images=images,
        available=available,
        settings=metas[-1]["settings"],
        origins=tuple(dict.fromkeys(note for one in metas for note in origins(one))),
        missing=frozenset(metas[-1].get("missing", {})),
        weights={name: weights for name, one in by_name.items() if (weights := one["settings"].get("weights"))},
        unable={name: one[UNABLE] for name, one in by_name.items() if UNABLE in one},
    )


def higher_is_better(metric: str) -> bool | None:
    """The direction of a column, whatever protocol or reference its name carries; None where there is none."""
    try:
        return row(metric).higher_is_better
    except ValueError:  # a column that an older or newer version wrote
        return None


def arrow(metric: str) -> str:
    """Which way is better, as the papers' tables show it."""
    better = higher_is_better(metric)
    return "" if better is None else "↑" if better else "↓"


def ranks(block: ScoreTable) -> pd.DataFrame:
    """1 for the best method of each metric and 2 for the second, 0 for the rest; ties share a rank."""
    marks = pd.DataFrame(0, index=block.means.index, columns=block.means.columns)
    for metric in block.means.columns:
        better = higher_is_better(metric)
        if better is not None:
            marks[metric] = places(block.means[metric], better)
    return marks


def places(values: pd.Series[float], higher_is_better: bool) -> pd.Series[int]:
    """1 for the best of a column and 2 for the second, 0 for the rest and where there is nothing to compare with."""
    found = pd.Series(0, index=values.index)
    present = values.dropna()
    for place in (1, 2) if len(present) > 1 else ():
        left = present[found[present.index] == 0]
        if len(left) == 0:
            break
        best = left.max() if higher_is_better else left.min()
        found[left.index[(left - best).abs() <= TIE * max(abs(best), TIE)]] = place
    return found


def number(value: float) -> str:
    """A mean with three significant digits at least, '-' where there is none."""
    if pd.isna(value):
        return "-"
    if abs(value) >= 100:
        return f"{value:.2f}"
    return f"{value:.3f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3g}"


def footnotes(tables: Sequence[ScoreTable]) -> list[str]:
    """What a reader must know to read the numbers: references, protocol, seed, what is missing."""
    settings = tables[0].settings
    # Images that were made elsewhere have no seed of ours.
    seed = f"Seed of the degradations: {settings['seed']}. " if "seed" in settings else ""
    notes = [
        "Mean over images. Bold: best, underlined: second best of a column. "
        "Source-based metrics compare with the clean sources where these are known; "
        "a name with @input compares with the degraded ones.",
        f"Protocol: {settings['protocol']}. {seed}Split: {settings['split']}. fusionbench {settings['version']}.",
    ]
    if (version := settings["version"]) != __version__:
        notes.append(
            f"These numbers are of fusionbench {version}, and this is {__version__}: metrics may be defined otherwise "
            "now, and `run` adds nothing to this folder."
        )
    if names := dict.fromkeys(name for block in tables for name in block.weights.values()):
        notes.append(f"Weights: {', '.join(names)}.")
    for block in tables:
        notes += [
            f"{block.degradation}: {method} is {NOT_APPLICABLE}, as {why}." for method, why in block.unable.items()
        ]
        asked = block.counts.drop(index=list(block.unable), columns=block.missing, errors="ignore")
        short = asked.lt(block.images)
        for method, metric in short.stack()[lambda cell: cell].index:
            found = int(block.counts.loc[method, metric])
            notes.append(f"{block.degradation}: {metric} of {method} is over {found} of {block.images} images.")
    notes += dict.fromkeys(note for block in tables for note in block.origins)
    return notes
