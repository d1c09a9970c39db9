"""Whether a training may be resumed in its folder: settings that affect its result must not have changed."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning import Trainer

from fusionbench.data.datamodule import FusionDataModule
from fusionbench.training.recipe import LENGTHS, LISTS, Recipe, current_recipe

FREE = {
    "loader": {"cache_dir", "cache_gib", "workers"},
    "trainer": {
        *("accelerator", "benchmark", "detect_anomaly", "deterministic", "devices", "enable_model_summary"),
        *("enable_progress_bar", "inference_mode", "limit_predict_batches", "limit_test_batches", "limit_val_batches"),
        *("log_every_n_steps", "max_time", "num_nodes", "num_sanity_val_steps", "profiler", "strategy"),
        *("check_val_every_n_epoch", "use_distributed_sampler", "val_check_interval"),
    },
}
"""Settings that may change: where and how a training runs, how often it is logged, and how long it is."""

TARGETS: dict[str, type] = {"loader": FusionDataModule, "trainer": Trainer}


def differing_entry(path: Path, recipe: Recipe, phases: Sequence[str]) -> str:
    """A clause on how the recipe of a training in a folder differs; empty if it may be resumed.

    A phase may become longer.

    Args:
        path: the folder's recipe.json.
        recipe: the current recipe.
        phases: the method's phases.
    """
    try:
        held = Recipe(**current_recipe(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError, AttributeError):
        return f"{path} is missing, damaged or of another version"
    before, now = dict(_entries(held, phases)), dict(_entries(recipe, phases))
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if old != new and not (name.rpartition(".")[2] in LENGTHS and _longer(old, new)):
            return f"its {name} is {old!r} and not {new!r}"
    return ""


def lengths(options: Mapping[str, Any]) -> dict[str, Any]:
    """How long the Trainer of a phase trains: its limits, None where there is none."""
    return {name: options.get(name) for name in LENGTHS}


def became_longer(before: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Whether a phase that ended at its limits has others now; False where it is not known what they were.

    Args:
        before: the limits that it ended at, by name; of earlier versions there are none.
        options: of the Trainer now.

    Example:
        >>> became_longer({"max_steps": 100, "max_epochs": None}, {"max_steps": 200})
        True
    """
    now = lengths(options)
    return any(name in before and before[name] != now[name] and _longer(before[name], now[name]) for name in LENGTHS)


def _entries(recipe: Recipe, phases: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """All settings that the result depends on, by name, including defaults."""
    yield "method", recipe.method
    yield "seed", recipe.seed
    yield "init_from", _place(recipe.init_from)
    for name, value in recipe.options.items():
        yield f"options.{name}", _plain(value)
    for phase in phases:
        yield f"phases.{phase}.average_with_initial", recipe.initial_share(phase)
        for what, target in TARGETS.items():
            defaults = {name: each.default for name, each in inspect.signature(target).parameters.items()}
            for name, value in {**defaults, **recipe.of(phase, what)}.items():
                if name not in FREE[what]:
                    listed = [value] if name in LISTS and isinstance(value, str) else value
                    yield f"phases.{phase}.{what}.{name}", _place(value) if name == "root" else _plain(listed)


def _longer(old: Any, new: Any) -> bool:
    """Whether a length has grown; -1 and None mean unlimited."""
    return new in (-1, None) or (old not in (-1, None) and isinstance(new, int) and new > old)


def _place(path: Any) -> str:
    """A canonical text of a folder or file."""
    return str(Path(path).expanduser().resolve()) if path and Path(path).expanduser().exists() else str(path or "")


def _plain(value: Any) -> Any:
    """A value as read back from recipe.json."""
    return json.loads(json.dumps(value, default=str))


def settled(table: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's table with absolute folders.

    Example:
        >>> settled({"loader": {"root": "/", "crop": 64}, "seed": 0})
        {'loader': {'root': '/', 'crop': 64}, 'seed': 0}
    """
    found = {key: settled(value) if isinstance(value, Mapping) else value for key, value in table.items()}
    return {key: _place(value) if key in ("root", "init_from") and value else value for key, value in found.items()}
