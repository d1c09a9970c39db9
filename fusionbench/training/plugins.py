"""Lightning callbacks and loggers in recipes, given by class, checked at once and created for each phase."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser
from lightning import Callback
from lightning.pytorch.loggers import Logger

from fusionbench.registry import check_known

KINDS: dict[str, type] = {"callbacks": Callback, "loggers": Logger}
"""Entries of a recipe that list classes, and their base classes."""


def check_plugins(kind: str, entries: object) -> None:
    """Refuse entries that are not such classes, or have arguments that these do not take.

    Args:
        kind: a key of KINDS.
        entries: classes by their path, or Lightning's by their name, alone or as `class_path` with arguments in
            `init_args`.

    Raises:
        ValueError: unknown class, or it does not take its arguments.

    Example:
        >>> check_plugins("callbacks", [{"class_path": "EarlyStopping", "init_args": {"monitor": "val/loss"}}])
    """
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        raise ValueError(f"{kind} is {entries!r}; give a list of classes, such as [EarlyStopping]")
    for entry in entries:
        _parsed(kind, entry, Path())


def make_plugins(kind: str, entries: Sequence[Any], folder: Path) -> list[Any]:
    """Create the callbacks or loggers of a phase; loggers write to its folder unless they have another one."""
    parsed = [_parsed(kind, entry, folder) for entry in entries]
    # jsonargparse 4.49 renamed the method.
    names = "instantiate", "instantiate_classes"
    makers = [next(getattr(parser, name) for name in names if hasattr(parser, name)) for parser, _ in parsed]
    return [make(config)["value"] for make, (_, config) in zip(makers, parsed, strict=True)]


def _parsed(kind: str, entry: object, folder: Path) -> tuple[ArgumentParser, Any]:
    table: dict[str, Any] = dict(entry) if isinstance(entry, Mapping) else {"class_path": str(entry)}
    name = str(table.get("class_path", ""))
    if not name:
        raise ValueError(f"{kind} cannot have {entry!r}: it names no class_path; in YAML, a space follows each colon")
    if "." not in name:
        check_known(f"class of {kind}", name, importlib.import_module(f"lightning.pytorch.{kind}").__all__)
        table["class_path"] = f"lightning.pytorch.{kind}.{name}"
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=KINDS[kind])
    try:
        if kind == "loggers":
            init_args = {"save_dir": str(folder), **table.get("init_args", {})}
            with suppress(ArgumentError):  # Not every logger has a folder.
                return parser, parser.parse_object({"value": {**table, "init_args": init_args}})
        return parser, parser.parse_object({"value": table})
    except ArgumentError as error:
        reasons = [line.strip(" -") for line in str(error).splitlines() if line.strip()]
        reason = next((line for line in reasons if "not accepted" in line or "required" in line), reasons[-1])
        raise ValueError(f"{kind} cannot have {entry!r}: {reason}") from error
