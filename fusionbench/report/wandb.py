"""Runs and trainings mirrored to Weights and Biases: one W&B run per method, grouped by benchmark.

The files on disk are authoritative. Errors of W&B are reported in one sentence and have no other effect.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from fusionbench.benchmark.results import INPUTS
from fusionbench.benchmark.score_file import one_line
from fusionbench.data.table import modality_labels
from fusionbench.extras import install_command
from fusionbench.files import path_name
from fusionbench.report.html import write_html
from fusionbench.report.tables import CHANGED, LABELS, Key, Results

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

log = logging.getLogger(__name__)

Mode = Literal["offline", "online"]

PROJECT = "fusionbench"
SOURCES = "sources"
"""Name of the W&B run for what all methods share: the source images and the report page."""


class SuppressWandbErrors:
    """Ends the block early if W&B is missing or fails; errors of this package are propagated.

    Attributes:
        reason: why nothing, or not everything, was sent; empty if all was sent.
    """

    reason = ""

    def __enter__(self) -> SuppressWandbErrors:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        # W&B raises dozens of classes without a common base, so the origin of an error decides.
        missing = isinstance(error, ImportError) and str(error.name).partition(".")[0] == "wandb"
        if not isinstance(error, Exception) or not (missing or _passes_wandb(trace)):
            return False
        way = install_command("wandb") if missing else "the files on disk are complete"
        self.reason = f"Weights and Biases failed ({one_line(str(error)) or type(error).__name__}); {way}"
        return True


def _passes_wandb(trace: TracebackType | None) -> bool:
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0] == "wandb":
            return True
        trace = trace.tb_next
    return False


def _wandb() -> Any:
    # Read when the module is imported: reports of W&B's own crashes would go to a third party.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    return importlib.import_module("wandb")


def _settings(wandb: Any, mode: Mode) -> Any:
    """Only what is logged here leaves the machine: no source code, repository, console or machine's load."""
    return wandb.Settings(
        mode=mode,
        console="off",
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        reinit="create_new",
        save_code=False,
        silent=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )


@dataclass(frozen=True)
class _Target:
    """Where the runs of one benchmark go."""

    wandb: Any
    results: Results
    mode: Mode
    project: str
    group: str

    @contextmanager
    def run(self, name: str, config: dict[str, Any]) -> Iterator[Any]:
        # The same folder gives the same runs, so that sending it again renews them.
        identity = f"{platform.node()}\n{self.results.out.resolve()}\n{self.group}\n{name}"
        run = self.wandb.init(
            project=self.project,
            group=self.group,
            name=name,
            job_type=SOURCES if name == SOURCES else "method",
            id=hashlib.sha256(identity.encode()).hexdigest()[:16],
            resume="allow" if self.mode == "online" else None,
            dir=str(self.results.out),
            config=config,
            settings=_settings(self.wandb, self.mode),
        )
        try:
            yield run
        finally:
            run.finish()


def publish(results: Results, mode: Mode, *, project: str = PROJECT, group: str | None = None) -> str:
    """Send a finished or interrupted run, each method as one W&B run.

    Args:
        results: of the run, in whose folder offline files go to `wandb`.
        group: the benchmark that the methods are compared in; the folder's name by default.

    Returns:
        A sentence that says what went wrong with W&B; empty if nothing did.
    """
    page = write_html(results)
    with SuppressWandbErrors() as outcome:
        target = _Target(_wandb(), results, mode, project, group or results.out.resolve().name)
        for method, rows in results.scores.groupby("method", sort=False):
            _send_method(target, str(method), rows.dropna(axis="columns", how="all"))
        _send_shared(target, page)
    return outcome.reason


def _send_method(target: _Target, method: str, rows: pd.DataFrame) -> None:
    with target.run(method, _config(target.results, rows)) as run:
        table = target.wandb.Table(dataframe=rows)
        run.log({**_means(rows), **_samples(target, method, rows), "per image/scores": table})


def _config(results: Results, rows: pd.DataFrame) -> dict[str, Any]:
    """Settings and environment of a method's cells; what differs between them is a list."""
    found: dict[str, list[Any]] = {}
    for key in _keys(rows):
        meta = results.cells[key].meta()
        for name, value in {**meta["settings"], **meta["environment"]}.items():
            if value not in found.setdefault(name, []):
                found[name].append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _means(rows: pd.DataFrame) -> dict[str, float]:
    """Means as '<dataset> <degradation>/<score>': W&B makes a section of what stands before the slash."""
    metrics = [column for column in rows.columns if column not in LABELS]
    means = rows.groupby(["dataset", "degradation"], sort=False)[metrics].mean()
    return {
        f"{_section(*keys)}/{metric}": float(value)
        for keys, values in means.iterrows()
        for metric, value in values.dropna().items()
    }


def _section(dataset: str, degradation: str) -> str:
    return f"{dataset} {degradation.replace('/', '_')}"


def _samples(target: _Target, method: str, rows: pd.DataFrame) -> dict[str, Any]:
    """The fused images of pairs whose sources were kept."""
    found = {}
    stale = rows[rows["status"] == CHANGED]
    hidden = set(zip(stale["dataset"], stale["degradation"], stale["image"], strict=True))
    for dataset, degradation, _ in _keys(rows):
        for image in target.results.pictured(dataset):
            path = target.results.cells[dataset, degradation, method].image(image)
            if path.exists() and (dataset, degradation, image) not in hidden:
                caption = f"{method}, {degradation}"
                found[f"samples/{_section(dataset, degradation)} {image}"] = target.wandb.Image(
                    str(path), caption=caption
                )
    return found


def _send_shared(target: _Target, page: Path) -> None:
    samples, scores = {}, target.results.scores
    for dataset, degradation, _ in _keys(scores):
        inputs = target.results.out / path_name(dataset) / path_name(degradation) / INPUTS
        for image in target.results.pictured(dataset):
            paths = {label: inputs / part / f"{image}.png" for part, label in modality_labels(dataset).items()}
            samples[f"samples/{_section(dataset, degradation)} {image}"] = [
                target.wandb.Image(str(path), caption=f"{label}, {degradation}", mode="RGB")
                for label, path in paths.items()
                if path.exists()
            ]
    with target.run(SOURCES, {"methods": [str(name) for name in scores["method"].unique()]}) as run:
        # One step, the same as for the methods, so that a panel shows them side by side.
        run.log(samples)
        artifact = target.wandb.Artifact(f"report-{path_name(target.group)}", type="report")
        artifact.add_dir(str(page.parent))
        run.log_artifact(artifact)


def _keys(rows: pd.DataFrame) -> list[Key]:
    keys = rows[["dataset", "degradation", "method"]].drop_duplicates()
    return [(str(dataset), str(degradation), str(method)) for dataset, degradation, method in keys.to_numpy()]


class TrainingMirror:
    """The mirror of one training phase in W&B.

    Attributes:
        loggers: loggers for the Trainer; none if nothing is mirrored.
        reason: why images were not sent; empty if they were.
    """

    def __init__(self) -> None:
        self.loggers: list[Logger] = []
        self.reason = ""

    def picture(self, path: Path, step: int) -> None:
        """Send a figure of sample images."""
        with SuppressWandbErrors() as outcome:
            for logger in self.loggers:
                logger.log_image("samples", [str(path)], step=step)  # type: ignore[attr-defined]
        self.reason = self.reason or outcome.reason


@contextmanager
def training_mirror(
    mode: Mode | None, folder: Path, *, method: str, phase: str, recipe: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[TrainingMirror]:
    """Mirror one phase of a training; nothing if W&B is missing or fails.

    Args:
        mode: None mirrors nothing.
        folder: folder of the phase; offline files go to its `wandb`.
        recipe: the training's recipe, a file of the W&B run.
        settings: settings of the phase and its environment, the W&B run's config.
    """
    from lightning.pytorch.utilities import rank_zero_only

    mirror = TrainingMirror()
    if mode is None or getattr(rank_zero_only, "rank", 0) != 0:
        yield mirror
        return
    with SuppressWandbErrors() as start:
        wandb = _wandb()
        folder.mkdir(parents=True, exist_ok=True)
        from lightning.pytorch.loggers import WandbLogger

        run = wandb.init(
            project=PROJECT,
            group=f"train {method}",
            name=f"{method} {phase}",
            job_type="training",
            dir=str(folder),
            config={"method": method, "phase": phase, **settings},
            settings=_settings(wandb, mode),
        )
        mirror.loggers.append(WandbLogger(experiment=run))
        artifact = wandb.Artifact(f"recipe-{path_name(method)}", type="recipe")
        with artifact.new_file("recipe.json") as file:
            json.dump(recipe, file, indent=2, default=str)
        run.log_artifact(artifact)
    try:
        yield mirror
    finally:
        with SuppressWandbErrors() as end:
            if mirror.loggers:
                run.finish()
        for reason in filter(None, (start.reason, mirror.reason, end.reason)):
            log.warning(reason)
