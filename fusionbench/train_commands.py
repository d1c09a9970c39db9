"""`fusionbench train`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from fusionbench.outcomes import DONE


def train(
    method: str = "dspfusion-s",
    data: str | None = None,
    dataset: str | None = None,
    out: Path = Path("runs/train"),
    resume: bool = False,
    seed: int = 0,
    save_every: int = 500,
    start: str = "",
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
    options: dict[str, Any] | None = None,
    loader: dict[str, Any] | None = None,
    trainer: dict[str, Any] | None = None,
    phases: dict[str, dict[str, dict[str, Any] | float]] | None = None,
    wandb: Literal["offline", "online"] | None = None,
) -> int:
    """Train a method through all its phases.

    --config takes a recipe that comes with fusionbench by its name, or a file.

    Args:
        method: one method with training phases; see `fusionbench list methods`.
        data: a data set's name, its folder or that of its shards (`fusionbench data shard`), or the folder that holds
            all data sets which the recipe names; without it the recipe's data sets are looked for in
            $FUSIONBENCH_DATA, and generated scenes are taken where it names none.
        dataset: which data set the folder holds, where its name does not say so.
        out: folder of checkpoints, logs, curves, samples and the trained weights.
        resume: go on where an interrupted run of the same recipe stopped.
        seed: of everything that is drawn.
        save_every: optimiser steps between two checkpoints.
        start: weights to begin with, a file or the folder of an exported method; the method's name takes those that it
            fuses with; without it, random numbers.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image by itself. The range of the file's own depth without it.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma for colours as gray.
        options: constructor arguments of the method, such as --options.learning_rate 1e-4.
        loader: arguments of the data module, such as --loader.batch_size 8.
        trainer: arguments of Lightning's Trainer, such as --trainer.devices 4.
        phases: what differs in a phase, such as --phases '{fusion: {trainer: {max_epochs: 10}}}'.
        wandb: mirror the logs to Weights and Biases.
    """
    from fusionbench.processes import leads
    from fusionbench.progress import plain_console
    from fusionbench.train import Recipe
    from fusionbench.train import train as train_method

    # What is not said is no part of the recipe, so that one of an earlier version stays the same.
    reading = {key: value for key, value in (("ir_range", ir_range), ("ir_channel", ir_channel)) if value is not None}
    recipe = Recipe(
        method,
        options=options or {},
        loader=_loader(data, dataset, {**(loader or {}), **reading}),
        trainer=trainer or {},
        phases=phases or {},
        seed=seed,
        save_every=save_every,
        start=start,
    )
    path = train_method(recipe, out, resume=resume, wandb=wandb)
    if leads():
        plain_console().print(f"written: {path}", highlight=False, soft_wrap=True)
    return DONE


def _loader(data: str | None, dataset: str | None, loader: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the data module, with what `--data` and `--dataset` say of the data."""
    from fusionbench.data import DATASETS
    from fusionbench.data.shards import has_shards, read_index
    from fusionbench.lazy import lookup

    dataset = dataset and lookup("dataset", dataset, DATASETS)
    if data is None:
        return {"datasets": dataset or "synthetic", **loader}
    if data in DATASETS and dataset is None:
        return {**loader, "datasets": data}
    if dataset is None and has_shards(data):
        dataset = read_index(Path(data).expanduser())["dataset"]
    name = dataset or Path(data).expanduser().resolve().name.lower()
    if name in DATASETS:
        return {**loader, "datasets": name, "root": data}
    if "datasets" not in loader:
        raise ValueError(f"--data {data!r} names no data set; say which one the folder holds with --dataset")
    return {**loader, "root": data}
