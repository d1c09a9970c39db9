"""The report page of a run: a static file with its images, which works from disk without network access."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from fusionbench.benchmark.score_file import OK
from fusionbench.files import write_atomically
from fusionbench.metrics import METRICS
from fusionbench.report.tables import (
    CHANGED,
    KEYS,
    LABELS,
    Results,
    ScoreTable,
    arrow,
    footnotes,
    higher_is_better,
    ranks,
)
from fusionbench.report.thumbnails import THUMB, Album, gallery

PICKS = 3
"""Number of best and worst images shown for each method and metric."""

LISTED = 100
"""Number of missing values that the page lists; all of them are in per_image.csv."""

MARKS = ("", "best", "second")
BETTER = {True: "higher", False: "lower", None: "none"}
VARYING = {"dataset", "degradation", "spec", "method", "weights", "folder", "command"}


def write_html(results: Results) -> Path:
    """Write `report/index.html` of a run, and its images below `report/assets`.

    Returns:
        The page.
    """
    tables, scores = results.blocks, results.scores
    stale = scores[scores["status"] == CHANGED]
    keys = stale[[*KEYS, "image"]].astype(str).to_numpy()
    album = Album(results, {results.cells[of, under, by].image(image) for of, under, by, image in keys})
    environment = Environment(
        loader=PackageLoader("fusionbench.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("report.html").render(
        name=results.out.resolve().name,
        summary=_summary(tables),
        blocks=[_table(block) for block in tables],
        notes=[*footnotes(tables), "Images are JPEG copies; the scored images are in the run's folder."],
        missing=_missing(scores),
        settings=_settings(results),
        data=_data(album),
    )
    album.prune()
    path = album.page / "index.html"
    write_atomically(path, page)
    return path


def _summary(tables: Sequence[ScoreTable]) -> str:
    counts = {
        "dataset": {block.dataset for block in tables},
        "degradation": {block.degradation for block in tables},
        "method": {method for block in tables for method in block.means.index},
        "metric": {metric for block in tables for metric in block.means.columns},
    }
    return ", ".join(f"{len(names)} {what}{'s' * (len(names) != 1)}" for what, names in counts.items())


def _metric(name: str) -> dict[str, str]:
    base, _, variant = name.partition("@")
    title = METRICS[base].title if base in METRICS else ""
    return {
        "name": name,
        "title": f"{title} (@{variant})" if variant and title else title,
        "arrow": arrow(name),
        "better": BETTER[higher_is_better(name)],
    }


def _table(block: ScoreTable) -> dict[str, Any]:
    marks = ranks(block)
    return {
        "title": block.title,
        "metrics": [_metric(str(metric)) for metric in block.means.columns],
        "rows": [
            {"method": method, "cells": [_cell(block, marks, method, metric) for metric in block.means.columns]}
            for method in block.means.index
        ],
    }


def _cell(block: ScoreTable, marks: pd.DataFrame, method: Any, metric: Any) -> dict[str, str]:
    value = float(block.means.loc[method, metric])
    count = int(block.counts.loc[method, metric])
    return {
        "text": block.text(method, metric),
        "value": "" if math.isnan(value) else repr(value),
        "mark": MARKS[int(marks.loc[method, metric])],
        "share": f"{count}/{block.images}" if 0 < count < block.images else "",
    }


def _missing(scores: pd.DataFrame) -> list[str]:
    failed = scores[scores["status"] != OK]
    sentences = [
        f"{row.dataset}, {row.degradation}, {row.method}, {row.image}: {row.status}"
        for row in failed.head(LISTED).itertuples()
    ]
    if len(failed) > LISTED:
        sentences.append(f"and {len(failed) - LISTED} more, which per_image.csv lists")
    return sentences


def _settings(results: Results) -> list[tuple[str, str]]:
    """The settings and the environment; values that differ between cells are all listed."""
    found: dict[str, list[str]] = {}
    for block in results.blocks:
        for method in block.means.index:
            meta = results.cells[block.dataset, block.degradation, method].meta()
            shared = {key: value for key, value in meta["settings"].items() if key not in VARYING}
            weights = {f"weights of {method}": meta["settings"].get("weights")}
            for key, value in {**shared, **meta["environment"], **weights}.items():
                text = str(value)
                if value not in (None, "", []) and text not in found.setdefault(key, []):
                    found[key].append(text)
    return [(key, "; ".join(values)) for key, values in found.items() if values]


def _data(album: Album) -> dict[str, Any]:
    """The data for the page's scripts."""
    tables, scores = album.results.blocks, album.results.scores
    metrics = dict.fromkeys(str(metric) for block in tables for metric in block.means.columns)
    methods = dict.fromkeys(str(method) for block in tables for method in block.means.index)
    cells: dict[str, dict[str, list[str]]] = {}
    images: dict[str, list[str]] = {}
    for block in tables:
        cells.setdefault(block.dataset, {})[block.degradation] = [str(method) for method in block.means.index]
        names = scores.loc[scores["dataset"] == block.dataset, "image"]
        images[block.dataset] = [str(name) for name in names.unique()]
    return {
        "metrics": [_metric(name) for name in metrics],
        "methods": list(methods),
        "blocks": [_block(album, block) for block in tables],
        "gallery": gallery(album, cells, images),
    }


def _block(album: Album, block: ScoreTable) -> dict[str, Any]:
    scores = album.results.scores
    rows = scores[(scores["dataset"] == block.dataset) & (scores["degradation"] == block.degradation)]
    images = [str(name) for name in rows["image"].unique()]
    by_method = {
        str(method): group.set_index("image").reindex(images) for method, group in rows.groupby("method", sort=False)
    }
    metrics = [str(column) for column in rows.columns if column not in LABELS and rows[column].notna().any()]
    picks, thumbs = {}, {}
    for method, frame in by_method.items():
        folder = album.results.cells[block.dataset, block.degradation, method]
        picks[method] = {metric: _picks(frame[metric], metric) for metric in metrics}
        chosen = {name for pair in picks[method].values() for names in pair for name in names}
        addresses = {image: album.copy(folder.image(image), THUMB) for image in sorted(chosen)}
        thumbs[method] = {image: address for image, address in addresses.items() if address}
        picks[method] = {
            metric: [[name for name in names if name in thumbs[method]] for names in pair]
            for metric, pair in picks[method].items()
        }
    return {
        "dataset": block.dataset,
        "degradation": block.degradation,
        "title": block.title,
        "images": images,
        "methods": list(by_method),
        "unable": list(block.unable),
        "values": {
            metric: {method: [_plain(value) for value in frame[metric]] for method, frame in by_method.items()}
            for metric in metrics
        },
        "picks": picks,
        "thumbs": thumbs,
    }


def _picks(values: pd.Series[float], metric: str) -> list[list[str]]:
    """Names of the best and the worst images; no image is in both lists."""
    ordered = values.dropna().sort_values(ascending=higher_is_better(metric) is False, kind="stable").index
    names = [str(name) for name in ordered]
    count = min(PICKS, max(len(names) // 2, 1))
    return [names[:count], names[max(count, len(names) - count) :][::-1]]


def _plain(value: float) -> float | None:
    """A value rounded to six digits; None for NaN, which JSON does not have."""
    return None if math.isnan(value) else float(f"{value:.6g}")
