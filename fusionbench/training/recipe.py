"""Recipes: how a method is trained, checked before anything runs, and how a command line changes them."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, get_type_hints

import yaml
from jsonargparse import ArgumentError, ArgumentParser, get_loader
from lightning import Trainer

from fusionbench import methods
from fusionbench.benchmark.options import split_commas
from fusionbench.data.datamodule import FusionDataModule
from fusionbench.registry import check_known, current_names, import_object
from fusionbench.training.plugins import KINDS, check_plugins

OURS = {
    "barebones": "a training without logs and checkpoints cannot go on; leave it out",
    "callbacks": "give classes as --callbacks",
    "default_root_dir": "name the folder with --out",
    "enable_checkpointing": "a training without checkpoints cannot go on; choose how often with --save-every",
    "logger": "give classes as --loggers",
}
"""Arguments of the Trainer that training sets itself, and what to do instead."""

TABLES = ("trainer", "loader")
"""Entries of a recipe that a phase may have too."""

ENTRIES = (*TABLES, *KINDS, "average_with_initial")
"""Entries of a phase in a recipe."""

RENAMED, RENAMED_IN_PHASES = {"start": "init_from"}, {"keep": "average_with_initial"}
"""Entries of recipes by the names that they had in version 0.1.0."""

LISTS = ("datasets", "degradations", "eval_degradations")
"""Arguments of the data module that a command line may write as 'a,b'."""

LENGTHS = ("max_steps", "max_epochs")
"""Arguments of the Trainer for the length of a phase; 0 skips it."""


@dataclass(frozen=True)
class Recipe:
    """How a method is trained; the content of `experiments/*.yaml`.

    Attributes:
        method: a name in METHODS.
        options: constructor arguments of the method.
        loader: arguments of `FusionDataModule`.
        trainer: arguments of the Lightning Trainer.
        phases: by phase, what differs there: `loader` and `trainer`; and `average_with_initial`, which averages the
            weights at the end of the phase with those at its start. It is the share of the initial weights: 0.5 is the
            mean of both. Such weight averaging retains what fine-tuning would forget (WiSE-FT: Wortsman et al., Robust
            fine-tuning of zero-shot models, CVPR 2022).
        callbacks: Lightning's or your own callbacks, as classes alone or as `class_path` with `init_args`; those of a
            phase replace the recipe's.
        loggers: loggers in addition to the one that writes metrics.csv; likewise.
        seed: seed of every random choice.
        save_every: optimiser steps between two checkpoints.
        init_from: initial weights, a file or the folder of an exported method; the method's own name takes the weights
            that it fuses with. Empty: random initialisation.

    Raises:
        ValueError: a name is unknown, a value is of another type than its argument, or a share is outside [0, 1).
    """

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    loader: Mapping[str, Any] = field(default_factory=dict)
    trainer: Mapping[str, Any] = field(default_factory=dict)
    phases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    callbacks: Sequence[Any] = ()
    loggers: Sequence[Any] = ()
    seed: int = 0
    save_every: int = 500
    init_from: str = ""

    def __post_init__(self) -> None:
        # Normalised fields; in a frozen dataclass they are set this way.
        object.__setattr__(self, "method", methods.spelled(self.method))
        card = methods.card_of(self.method)
        options = current_names(f"option of {self.method}", self.options, card.renamed)
        object.__setattr__(self, "options", options)
        phases = {name: _current_phase(part) for name, part in self.phases.items()}
        object.__setattr__(self, "phases", phases)
        target = import_object(card.target)
        _check("method", self.options, target, set(self.options))  # Unknown names are reported when it is built.
        if "phase" in self.options:
            raise ValueError(
                "a recipe has every phase of its method; leave out the option 'phase', and skip a phase with "
                "--phases.NAME.trainer.max_epochs 0"
            )
        for part in ({what: getattr(self, what) for what in (*TABLES, *KINDS)}, *self.phases.values()):
            if not isinstance(part, Mapping):
                raise ValueError(f"a phase is {part!r}; give a table of its entries {', '.join(ENTRIES)}")
            own = part.get("trainer", {})
            if isinstance(own, Mapping) and (taken := sorted(OURS.keys() & own.keys())):
                raise ValueError(f"trainer option {taken[0]!r} is set by the training itself; {OURS[taken[0]]}")
            for kind in KINDS:
                check_plugins(kind, part.get(kind, ()))
            _check("trainer", own, Trainer, _arguments(Trainer) - OURS.keys())
            _check("loader", part.get("loader", {}), FusionDataModule, _arguments(FusionDataModule))
            for name in part:
                check_known("entry of a phase", name, ENTRIES)
        for phase, part in self.phases.items():
            share = part.get("average_with_initial", 0)
            if not isinstance(share, int | float) or not 0 <= share < 1:
                raise ValueError(
                    f"average_with_initial of phase {phase!r} is {share!r}; give the share of the initial weights, at "
                    "least 0 and below 1"
                )

    def entries(self, **changes: Any) -> dict[str, Any]:
        """The recipe as a table with changes, without callbacks, loggers and `init_from` if they are empty."""
        table = {**asdict(self), **changes}
        return {name: value for name, value in table.items() if name not in ("init_from", *KINDS) or value}

    def of(self, phase: str, what: str) -> dict[str, Any]:
        """The 'loader' or 'trainer' arguments of a phase."""
        own: Mapping[str, Any] = getattr(self, what)
        return {**own, **self.phases.get(phase, {}).get(what, {})}

    def plugins(self, phase: str, kind: str) -> Sequence[Any]:
        """The 'callbacks' or 'loggers' of a phase."""
        return self.phases.get(phase, {}).get(kind, getattr(self, kind))

    def initial_share(self, phase: str) -> float:
        """The share of the initial weights of a phase in its final ones."""
        return float(self.phases.get(phase, {}).get("average_with_initial", 0))


def current_recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a recipe written by an earlier version, with today's names.

    Example:
        >>> current_recipe({"method": "lure-s", "start": "a@b", "phases": {"fusion": {"keep": 0.5}}})
        {'method': 'lure-s', 'init_from': 'a@b', 'phases': {'fusion': {'average_with_initial': 0.5}}}
    """
    table = current_names("recipe entry", recipe, RENAMED, warn=False)
    if "phases" in table:
        table["phases"] = {name: _current_phase(part, warn=False) for name, part in table["phases"].items()}
    if table.get("method") in methods.METHODS and "options" in table:
        table["options"] = current_names(
            "option", table["options"], methods.METHODS[table["method"]].renamed, warn=False
        )
    return table


def _current_phase(part: Any, *, warn: bool = True) -> Any:
    known = isinstance(part, Mapping)
    return current_names("entry of a phase", part, RENAMED_IN_PHASES, warn=warn) if known else part


def _arguments(target: type) -> set[str]:
    return set(inspect.signature(target).parameters)


def _check(what: str, options: object, target: type, known: set[str]) -> None:
    """Refuse options that the target does not have, or values of the wrong type."""
    if not isinstance(options, Mapping):
        raise ValueError(f"{what} is {options!r}; give a table of its options")
    hints = get_type_hints(target.__init__) if options else {}
    for name, value in options.items():
        check_known(f"{what} option", name, known)
        if name not in hints:
            continue
        parser = ArgumentParser(exit_on_error=False)
        parser.add_argument("--value", type=hints[name])
        try:
            parser.parse_object({"value": value})
        except ArgumentError as error:
            raise ValueError(f"{what} option {name!r} is {value!r}; it takes {_readable(hints[name])}") from error


def _readable(hint: Any) -> str:
    """A readable name of a type for messages."""
    text = hint.__name__ if isinstance(hint, type) else str(hint)
    return re.sub(r"(\w+\.)+", "", text)


def parsed(overrides: Sequence[str]) -> dict[str, Any]:
    """Parse entries such as 'trainer.max_steps=6' to values by name.

    Raises:
        ValueError: one has no value, or is not an entry of a recipe's tables.

    Example:
        >>> parsed(["trainer.max_steps=6", "phases.fusion={loader: {crop: 32}}"])
        {'trainer.max_steps': 6, 'phases.fusion': {'loader': {'crop': 32}}}
    """
    found = {}
    for text in overrides:
        name, equals, value = text.partition("=")
        if not equals or name.partition(".")[0] not in ("options", "phases", *TABLES):
            raise ValueError(f"{text!r} sets no entry of a recipe; write for example --overrides trainer.max_steps=6")
        try:
            found[name] = get_loader("yaml")(value)
        except yaml.YAMLError:
            found[name] = value
        if isinstance(found[name], str) and name.rpartition(".")[2] in LISTS:
            found[name] = split_commas(value)
    return found


def overridden(tables: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a recipe with some entries overridden, for every phase.

    Overridden entries of `trainer` or `loader` are removed from the phases' own tables, and a length in steps replaces
    one in epochs and vice versa. Phases of zero length are still skipped.

    Args:
        tables: `options`, `loader`, `trainer` and `phases`.
        changes: values by names such as 'trainer.max_steps' or, for one phase, 'phases.fusion.trainer.max_steps', which
            take precedence; a table changes each of its entries.

    Raises:
        ValueError: a table would be replaced by something else.

    Example:
        >>> overridden({"phases": {"fusion": {"trainer": {"max_steps": 9000}}}}, {"trainer.max_epochs": 2})
        {'phases': {'fusion': {'trainer': {}}}, 'trainer': {'max_epochs': 2}}
    """
    changed = copy.deepcopy(dict(tables))
    leaves = [leaf for name, value in changes.items() for leaf in _spread(tuple(name.split(".")), value)]
    for path, value in sorted(leaves, key=lambda leaf: leaf[0][0] == "phases"):
        if path[0] in TABLES and len(path) > 1:
            _clear(changed, path[0], path[1])
        _set(changed, path, value)
    return changed


def _spread(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The single entries of a change; a table changes each of its entries."""
    depth = 2 if path[0] != "phases" else 3 if len(path) > 2 and path[2] not in TABLES else 4
    if len(path) >= depth:
        yield path, value
        return
    if not isinstance(value, Mapping):
        raise ValueError(f"{'.'.join(path)} is {value!r}; give a table of its entries")
    for name, inner in value.items():
        yield from _spread((*path, str(name)), inner)


def _clear(tables: dict[str, Any], what: str, name: str) -> None:
    """Remove an entry, and the same length in another unit, from the table and from each phase's own."""
    names = LENGTHS if name in LENGTHS else (name,)
    phases = tables.get("phases")
    for part in (tables, *(phases.values() if isinstance(phases, Mapping) else ())):
        own = part.get(what) if isinstance(part, Mapping) else None
        if isinstance(own, dict) and not any(own.get(length) == 0 for length in names if length in LENGTHS):
            for each in names:
                own.pop(each, None)


def _set(tables: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    table = tables
    for name in path[:-1]:
        if not isinstance(table.get(name), dict):
            table[name] = {}
        table = table[name]
    table[path[-1]] = value


def strip_paths(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe without data folders, so that equal trainings have equal metadata and nothing private is published.

    Example:
        >>> strip_paths({"loader": {"root": "/me", "crop": 64}, "phases": {"fusion": {"loader": {"root": "/data"}}}})
        {'loader': {'crop': 64}, 'phases': {'fusion': {'loader': {}}}}
    """
    rest = {key: strip_paths(value) if isinstance(value, Mapping) else value for key, value in recipe.items()}
    if "loader" in rest:
        rest["loader"] = {key: value for key, value in rest["loader"].items() if key != "root"}
    return rest
