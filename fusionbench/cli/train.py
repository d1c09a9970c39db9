"""`fusionbench train`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from fusionbench.console import EXIT_OK


def train(
    method: str = "dspfusion-s",
    data: str | None = None,
    dataset: str | None = None,
    out: Path = Path("runs/train"),
    resume: bool = False,
    seed: int = 0,
    save_every: int = 500,
    init_from: str = "",
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
    options: dict[str, Any] | None = None,
    loader: dict[str, Any] | None = None,
    trainer: dict[str, Any] | None = None,
    phases: dict[str, dict[str, dict[str, Any] | list[Any] | float]] | None = None,
    callbacks: list[str | dict[str, Any]] | None = None,
    loggers: list[str | dict[str, Any]] | None = None,
    overrides: list[str] | None = None,
    wandb: Literal["offline", "online"] | None = None,
) -> int:
    """Train a method through all its phases.

    --config takes the name of a recipe that comes with fusionbench, or a file.

    Args:
        method: one method with training phases; see `fusionbench list methods`.
        data: a dataset's name, its folder or that of its shards (`fusionbench data shard`), or a folder that contains
            all datasets of the recipe; by default they are searched in $FUSIONBENCH_DATA. A recipe without datasets
            trains on generated scenes.
        dataset: the dataset in the folder, if the folder's name does not tell.
        out: output folder of checkpoints, logs, curves, samples and the trained weights.
        resume: resume an interrupted training of the same recipe.
        seed: random seed.
        save_every: optimiser steps between two checkpoints.
        init_from: initial weights: a file, the folder of an exported method, or the method's name for its default
            weights; by default random initialisation.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image separately. By default the full range of the file's bit depth.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma converts colours to
            gray.
        options: constructor arguments of the method, such as --options.learning_rate 1e-4.
        loader: arguments of the data module, such as --loader.batch_size 8.
        trainer: arguments of Lightning's Trainer, such as --trainer.devices 4.
        phases: settings of single phases, such as --phases.fusion.trainer.max_epochs 10.
        callbacks: callbacks of Lightning, such as '[{class_path: EarlyStopping, init_args: {monitor: val/loss}}]'.
        loggers: loggers of Lightning, such as '[TensorBoardLogger]'.
        overrides: entries of these four tables, such as trainer.max_steps=6, for every phase, with priority over the
            recipe; --trainer.max_steps 6 is short for --overrides trainer.max_steps=6.
        wandb: also log to Weights and Biases.
    """
    from fusionbench.console import make_console
    from fusionbench.trainer import is_rank_zero
    from fusionbench.training.fit import train as train_method
    from fusionbench.training.recipe import Recipe, overridden, parsed

    tables: dict[str, Any] = {"options": options or {}, "loader": loader or {}, "trainer": trainer or {}}
    tables["phases"] = phases or {}
    tables = overridden(tables, parsed(overrides or []))
    # Options that are not given are not part of the recipe, so that recipes of earlier versions stay the same.
    reading = {"loader.ir_range": ir_range, "loader.ir_channel": ir_channel}
    said = {name: value for name, value in reading.items() if value is not None}
    tables = overridden(tables, {**_data(data, dataset, tables), **said})
    tables["loader"] = {"datasets": "synthetic", **tables["loader"]}
    plugins: dict[str, Any] = {"callbacks": callbacks or (), "loggers": loggers or ()}
    recipe = Recipe(method, seed=seed, save_every=save_every, init_from=init_from, **tables, **plugins)
    path = train_method(recipe, out, resume=resume, wandb=wandb)
    if is_rank_zero():
        make_console().print(f"written: {path}", highlight=False, soft_wrap=True)
    return EXIT_OK


def override_words(words: Sequence[str]) -> list[str]:
    """The words of a `train` command line, with options of the recipe's tables collected in --overrides.

    Example:
        >>> override_words(["train", "--trainer.max_steps", "6", "--loader={crop: 64}", "--out", "runs/a"])
        ['train', '--out', 'runs/a', '--overrides=["trainer.max_steps=6", "loader={crop: 64}"]']
    """
    if list(words[:1]) != ["train"]:
        return list(words)
    rest, kept, overrides = list(words), [], []
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        name = name[:2] + name[2:].replace("-", "_")
        # An option without a value is left to the parser, which reports it.
        valued = bool(equals) or (len(rest) > 0 and not rest[0].startswith("--"))
        if not valued or not re.fullmatch(r"--overrides|--(options|loader|trainer|phases)(\..+)?", name):
            kept.append(word)
            continue
        value = value if equals else rest.pop(0)
        overrides.append(value if name == "--overrides" else f"{name[2:]}={value}")
    # One list, because the parser would read several values with braces as tables.
    return [*kept, *([f"--overrides={json.dumps(overrides)}"] if overrides else [])]


def _data(data: str | None, dataset: str | None, tables: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe entries that `--data` and `--dataset` set for all phases."""
    from fusionbench.data import DATASETS
    from fusionbench.data.sources.shards import has_shards, read_index
    from fusionbench.registry import lookup

    dataset = dataset and lookup("dataset", dataset, DATASETS)
    if data is None:
        return {"loader.datasets": dataset} if dataset else {}
    if data in DATASETS and dataset is None:
        return {"loader.datasets": data}
    if dataset is None and has_shards(data):
        dataset = read_index(Path(data).expanduser())["dataset"]
    name = dataset or Path(data).expanduser().resolve().name.lower()
    if name in DATASETS:
        return {"loader.datasets": name, "loader.root": data}
    if not any("datasets" in part.get("loader", {}) for part in (tables, *tables["phases"].values())):
        raise ValueError(f"--data {data!r} names no dataset; say which one the folder holds with --dataset")
    return {"loader.root": data}
