"""The commands `run` and `score` in Python, with the same folders on disk; they return a table with a row per image."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pandas as pd

from fusionbench.benchmark.options import choose_dataset, choose_datasets, choose_metrics, parse_methods, parse_names
from fusionbench.benchmark.preflight import check
from fusionbench.benchmark.run import run_checked
from fusionbench.benchmark.score_folder import score_folder
from fusionbench.benchmark.spec import Benchmark, Execution, MethodChoice, Selection
from fusionbench.data.table import ANY
from fusionbench.images.options import read_options
from fusionbench.report.tables import read_results

Names = str | Sequence[str]
"""'a,b' or ['a', 'b']."""

Place = str | Path

WEIGHTS = "weights={{'{name}': FILE}}"
"""How weight files are given to `run`."""


def run(
    method: Names = "average,lap",
    *,
    dataset: Names = "",
    data: Place | Mapping[str, Place] | None = None,
    split: str = "test",
    degradation: Names = "clean",
    metrics: Names = "",
    protocol: str = "exact",
    out: Place | None = "runs/run",
    seed: int = 0,
    limit: int | None = None,
    ir: Place | None = None,
    vi: Place | None = None,
    resize: bool = False,
    unmatched: Literal["refuse", "skip"] = "refuse",
    names: Place | None = None,
    ir_suffix: str = "",
    vi_suffix: str = "",
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
    weights: Mapping[str, Place] | None = None,
    prompt: str | None = None,
    tile: int = 0,
    strict: bool = False,
    workers: int = 0,
    trainer: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Degrade, fuse and score images, like `fusionbench run`; what is already in `out` is not computed again.

    Args:
        method: methods by name; see `list_methods`.
        dataset: datasets by name; see `list_datasets`. By default those in `data` or $FUSIONBENCH_DATA, or else the
            generated scenes that come with the package.
        data: a dataset's folder, a folder that contains datasets under their names, or folders by name.
        split: the split of the datasets.
        degradation: specs, such as 'll+lc'; see `list_degradations`.
        metrics: metrics by name; see `list_metrics`. By default eleven common ones.
        protocol: decides the variant of metrics without one; see `list_protocols`.
        out: the run's folder for images, scores and settings; None keeps nothing.
        seed: random seed; degradations and methods derive their random numbers from it and each image's name.
        limit: use only the first N pairs.
        ir: folder of your own infrared images.
        vi: folder of your own visible images.
        resize: resize infrared images to the size of the visible ones if they differ.
        unmatched: 'refuse' raises an error for images without a partner, 'skip' leaves them out.
        names: text file with the names of the pairs to use, one per line.
        ir_suffix: what follows the name of the pair in infrared file names, such as '_ir'; or a pattern such as 'IR*'.
        vi_suffix: the same for visible file names.
        ir_range: the values 'LOW,HIGH' of infrared files that become black and white, or 'auto'.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0, or 'luma'.
        weights: weight files by method, to use instead of the default ones.
        prompt: description of the degradation in words, for methods that read text.
        tile: tile size in pixels, to fuse large images in tiles; 0 fuses whole images.
        strict: raise an error if a metric cannot be computed or a method's own weights are missing.
        workers: processes that read and degrade images.
        trainer: arguments of the Lightning Trainer: accelerator, devices, precision.

    Returns:
        One row per image of each dataset, degradation and method: these names, the weights, the status ('ok' or why
        something is missing) and a column for each metric, NaN if it is missing.

    Raises:
        FileNotFoundError: a dataset or a weight file is missing.
        ValueError: a name is unknown, or the folder has results of other settings.

    Example:
        >>> table = run("average,max", metrics="EN,VIF", limit=2, out=None)
        >>> table.groupby("method")["EN"].mean().round(1).to_dict()
        {'average': 6.3, 'max': 6.6}
    """
    details: dict[str, Any] = {"resize": resize, "unmatched": unmatched, "reading": read_options(ir_range, ir_channel)}
    details |= {"names": _path(names), "ir_suffix": ir_suffix, "vi_suffix": vi_suffix}
    chosen = choose_datasets(dataset, data or "", split=split, ir=_path(ir), vi=_path(vi), **details)
    _warn(chosen.left_out)
    files = {parse_methods([name])[0]: Path(path) for name, path in (weights or {}).items()}
    benchmark = Benchmark(
        datasets=chosen.datasets,
        degradations=tuple(parse_names(degradation)),
        methods=tuple(MethodChoice(name, files.get(name)) for name in parse_methods(method)),
        metrics=tuple(choose_metrics(metrics, protocol)),
        protocol=protocol,
        seed=seed,
        limit=limit,
        tile=tile,
        prompt=prompt,
    )
    execution = _execution(workers, trainer or {})
    benchmark, checked = check(benchmark, strict=strict, option=WEIGHTS)
    _warn(checked.notices)
    with _folder(out) as place:
        outcome = run_checked(benchmark, checked, Path(place), execution=execution)
        table = read_results(Path(place)).scores
    _warn([*outcome.exceptions, *outcome.problems])
    cells = {(cell.dataset.name, cell.degradation, cell.method.name) for cell in benchmark.cells()}
    asked = [key in cells for key in zip(table["dataset"], table["degradation"], table["method"], strict=True)]
    return table[asked].reset_index(drop=True)


def score(
    fused: Place,
    ir: Place | None = None,
    vi: Place | None = None,
    *,
    dataset: str = "",
    data: Place | None = None,
    split: str = "test",
    metrics: Names = "",
    protocol: str = "exact",
    resize: bool = False,
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
    unmatched: Literal["refuse", "skip"] = "refuse",
    suffix: str = "",
    names: Place | None = None,
    ir_suffix: str = "",
    vi_suffix: str = "",
    limit: int | None = None,
    out: Place | None = None,
) -> pd.DataFrame:
    """Score a folder of images fused anywhere, against its sources, like `fusionbench score`.

    Args:
        fused: folder of fused images, named as the sources.
        ir: folder of infrared images.
        vi: folder of visible images.
        dataset: a known dataset instead of `ir` and `vi`.
        data: the dataset's folder, or a folder that contains it under its name.
        split: the split of the dataset.
        metrics: metrics by name; see `list_metrics`. By default eleven common ones.
        protocol: decides the variant of metrics without one; see `list_protocols`.
        resize: resize infrared images to the size of the visible ones if they differ.
        ir_range: the values 'LOW,HIGH' of infrared files that become black and white, or 'auto'.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0, or 'luma'.
        unmatched: 'refuse' raises an error for files without a partner, 'skip' leaves them out.
        suffix: what follows the name of the pair in fused file names, such as '_CBF'; or a pattern such as 'CBF_*'.
        names: text file with the names of the pairs to use, one per line.
        ir_suffix: what follows the name of the pair in infrared file names, such as '_ir'; or a pattern such as 'IR*'.
        vi_suffix: the same for visible file names.
        limit: use only the first N pairs.
        out: folder that keeps the scores, so that an interrupted call can be resumed.

    Returns:
        One row per image: its name, the status ('ok' or why something is missing) and a column for each metric, NaN if
        it is missing.

    Raises:
        FileNotFoundError: a folder is missing or empty.
        ValueError: files do not pair, sizes differ, or a name is unknown.

    Example:
        >>> from tempfile import mkdtemp
        >>> import numpy as np
        >>> from fusionbench import write_image
        >>> folder = Path(mkdtemp())
        >>> for name, level in {"ir": 50, "vi": 150, "fused": 100}.items():
        ...     image = np.full((48, 64), level, np.uint8)
        ...     image[:, :32] += 50
        ...     write_image(folder / name / "street.png", image)
        >>> score(folder / "fused", folder / "ir", folder / "vi", metrics="EN,CC")
            image status   EN   CC
        0  street     ok  1.0  1.0
    """
    details: dict[str, Any] = {"resize": resize, "unmatched": unmatched, "reading": read_options(ir_range, ir_channel)}
    details |= {"names": _path(names), "ir_suffix": ir_suffix, "vi_suffix": vi_suffix}
    chosen = choose_dataset(dataset, data or "", ANY, split=split, ir=_path(ir), vi=_path(vi), **details)
    _warn(chosen.left_out)
    (choice,) = chosen.datasets
    chosen_metrics = choose_metrics(metrics, protocol)
    with _folder(out) as place:
        problems = score_folder(
            Path(fused), choice, chosen_metrics, protocol, Path(place), Selection(limit), suffix=suffix
        )
        table = pd.read_csv(Path(place) / "scores.csv", dtype={"image": str, "status": str})
    _warn(problems)
    return table


def _execution(workers: int, trainer: Mapping[str, Any]) -> Execution:
    """The execution settings from arguments of a Lightning Trainer.

    Raises:
        ValueError: there are other arguments.
    """
    takes = ("accelerator", "devices", "precision")
    if surplus := sorted(set(trainer) - set(takes)):
        raise ValueError(f"trainer takes no {surplus[0]!r}; it takes {', '.join(takes)}")
    return Execution(workers=workers, **trainer)


def _path(place: Place | None) -> Path | None:
    return None if place is None else Path(place).expanduser()


def _folder(out: Place | None) -> AbstractContextManager[Place]:
    return TemporaryDirectory() if out is None else nullcontext(Path(out).expanduser())


def _warn(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        warnings.warn(sentence, stacklevel=3)
