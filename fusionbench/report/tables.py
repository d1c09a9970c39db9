"""From score files to tables of means: one table per dataset and degradation, methods by metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from fusionbench.benchmark.results import REFERENCES, UNABLE, CellFolder, cells_of, refuse_mixed
from fusionbench.benchmark.score_file import OK, SCORES
from fusionbench.benchmark.sources import Sources
from fusionbench.files import path_name
from fusionbench.metrics import row
from fusionbench.report.provenance import origins
from fusionbench.version import __version__

# Two means closer than this relative difference count as ties; both are marked.
TIE = 1e-9

CHANGED = "the sources have changed; the same command fuses and scores it again"
"""The status of an image that was made from outdated sources."""

NOT_APPLICABLE = "n/a"
"""Shown for a method that does not support a degradation."""

KEYS = ("dataset", "degradation", "method")
"""Settings that identify the cells of a run."""

LABELS = (*KEYS, "weights", "image", "status")

Key = tuple[str, str, str]
"""Dataset, degradation and method of a cell."""


@dataclass(frozen=True)
class ScoreTable:
    """The table of one dataset and degradation.

    Attributes:
        means: methods by metrics; NaN if no image has a value.
        counts: number of images of each mean.
        images: number of requested images.
        available: number of images in the split; more than `images` if a limit was set.
        settings: common settings of the cells (seed, split, protocol, ...).
        origins: sentences on the provenance of the values.
        missing: metrics that could not be computed at all; `origins` says why.
        weights: `<method>@<8 hex of sha256>` of methods with weights.
        unable: why methods do not support the degradation, by method; they have no images.
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
        """Dataset, degradation and number of images, and whether these are all."""
        partial = self.images < self.available
        count = f"{self.images} of {self.available} images, partial" if partial else f"{self.images} images"
        return f"{self.dataset}, {self.degradation} ({count})"

    def text(self, method: Any, metric: Any) -> str:
        """The text of a cell: a mean, '-' if it is missing, 'n/a' if the degradation is not supported."""
        return NOT_APPLICABLE if method in self.unable else number(self.means.loc[method, metric])


@dataclass(frozen=True)
class Results:
    """The results of a run, read once for tables, pictures and pages.

    Attributes:
        out: the folder.
        cells: in the order in which they were asked for.
        sources: what each dataset's images were made from, by its name.
        scores: all rows: dataset, degradation, method, its weights, image, status, then the metrics.
        blocks: the tables, in the order in which they were requested.
        problems: one sentence for each incomplete image and each incomplete cell.
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
    """Read the results of a run.

    Raises:
        FileNotFoundError: the folder holds no results.
        ValueError: a file is invalid, or cells of different runs are in one folder.
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
    # Cells without images have columns but no rows, so their types are unknown.
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
    """The rows of the requested images; rows of changed sources have no values."""
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
                f"{folder.folder / 'meta.json'} was written neither by this version nor by an earlier one: its "
                f"settings have no {name}; delete the folder {folder.folder} and run again"
            )
    return str(folder.meta()["settings"][key])


def _by_key(cells: Sequence[CellFolder]) -> dict[Key, CellFolder]:
    """Cells by their labels.

    Raises:
        ValueError: two of them are of different runs, or are duplicates.
    """
    keys: list[Key] = [
        (_setting(cell, "dataset"), _setting(cell, "degradation"), _setting(cell, "method")) for cell in cells
    ]
    refuse_mixed(cells)
    known: dict[Key, CellFolder] = {}
    for key, cell in zip(keys, cells, strict=True):
        twin = known.setdefault(key, cell)
        if twin is not cell:
            raise ValueError(f"{twin.folder} and {cell.folder} both hold {', '.join(key)}; move one of them elsewhere")
    return known


def _problems(label: str, cell: CellFolder) -> list[str]:
    """Sentences on missing images of a cell."""
    meta, rows = cell.meta(), len(cell.rows())
    if UNABLE in meta:
        return []
    if "images" in meta and rows < (asked := meta["images"]["scored"]):
        return [
            f"{label}: {asked - rows} of {asked} images have no scores; the command that wrote the folder adds them"
        ]
    # Earlier versions recorded neither the number of images nor their sources.
    if "images" not in meta and (cell.scores.made or not rows):
        return [f"{label}: it is incomplete; the command that wrote the folder resumes it"]
    return []


def folder_table(out: Path, name: str) -> ScoreTable:
    """The table of a scored folder of fused images.

    Args:
        name: the method's name in the table.
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
    # Methods that do not support the degradation, or whose rows are gone, have a line without values.
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
    """The direction of a metric, ignoring protocol and reference in its name; None if there is none."""
    try:
        return row(metric).higher_is_better
    except ValueError:  # a column from an older or newer version
        return None


def arrow(metric: str) -> str:
    """An arrow for the better direction, as in the papers' tables."""
    better = higher_is_better(metric)
    return "" if better is None else "↑" if better else "↓"


def ranks(block: ScoreTable) -> pd.DataFrame:
    """1 for the best method of each metric, 2 for the second, 0 for the rest; ties share a rank."""
    marks = pd.DataFrame(0, index=block.means.index, columns=block.means.columns)
    for metric in block.means.columns:
        better = higher_is_better(metric)
        if better is not None:
            marks[metric] = column_ranks(block.means[metric], better)
    return marks


def column_ranks(values: pd.Series[float], higher_is_better: bool) -> pd.Series[int]:
    """1 for the best value of a column, 2 for the second, 0 for the rest or a single value."""
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
    """A mean with at least three significant digits; '-' if it is missing."""
    if pd.isna(value):
        return "-"
    if abs(value) >= 100:
        return f"{value:.2f}"
    return f"{value:.3f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3g}"


def footnotes(tables: Sequence[ScoreTable]) -> list[str]:
    """Explanations of the values: references, protocol, seed, what is missing."""
    settings = tables[0].settings
    # Images that were made elsewhere have no seed.
    seed = f"Seed of the degradations: {settings['seed']}. " if "seed" in settings else ""
    notes = [
        "Mean over images. Bold: best, underlined: second best of a column. Source-based metrics compare with the "
        "clean sources if these are known; those with @input compare with the degraded ones.",
        f"Protocol: {settings['protocol']}. {seed}Split: {settings['split']}. fusionbench {settings['version']}.",
    ]
    if (version := settings["version"]) != __version__:
        notes.append(
            f"These values are from fusionbench {version}, and this is {__version__}: metrics may have changed, and "
            "`run` does not add to this folder."
        )
    if names := dict.fromkeys(name for block in tables for name in block.weights.values()):
        notes.append(f"Weights: {', '.join(names)}.")
    for block in tables:
        notes += [
            f"{block.degradation}: {method} is {NOT_APPLICABLE}, because {why}." for method, why in block.unable.items()
        ]
        asked = block.counts.drop(index=list(block.unable), columns=block.missing, errors="ignore")
        short = asked.lt(block.images)
        for method, metric in short.stack()[lambda cell: cell].index:
            found = int(block.counts.loc[method, metric])
            notes.append(f"{block.degradation}: {metric} of {method} is over {found} of {block.images} images.")
    notes += dict.fromkeys(note for block in tables for note in block.origins)
    return notes
