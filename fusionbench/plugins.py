"""Methods, metrics, datasets and degradations of others: installed packages and included files add rows to the tables.

A plugin has its rows in dictionaries, METHODS, METRICS, DATASETS or DEGRADATIONS. An installed package names them in
entry points of the groups `fusionbench.methods` and so on; a file or the folder of a package is included by its path.
Either is imported when a table is first read and never while fusionbench is imported, so that a plugin may import
whatever it needs of fusionbench.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from functools import cache
from importlib import import_module, invalidate_caches
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

INCLUDE = "FUSIONBENCH_INCLUDE"
"""Environment variable with the included paths. Processes inherit it from the one that starts them, however it does."""

GROUPS = ("methods", "metrics", "datasets", "degradations")

Row = TypeVar("Row")
T = TypeVar("T")

_importing: list[object] = []
"""Plugins whose import is under way. Until it ends, tables that they read have the rows that were there before."""


class Table(MutableMapping[str, Row]):
    """Rows by name: the package's own, then those of plugins.

    Args:
        group: one of GROUPS.
        row: the class of the rows.
        own: the package's rows.
        reserved: further names that no plugin may take.

    Example:
        >>> table = Table("methods", str, {"average": "a row"})
        >>> table["average"], table.origin("average"), len(table)
        ('a row', '', 1)
    """

    def __init__(self, group: str, row: type[Row], own: dict[str, Row], reserved: Collection[str] = ()) -> None:
        self.group, self.row, self.own, self.reserved = group, row, own, reserved
        self._added: dict[str, Row] = {}
        self._origins: dict[str, str] = {}
        self._read: str | None = None

    def origin(self, name: str) -> str:
        """Where a plugin's row comes from: 'DISTRIBUTION VERSION', or 'FILE@' and 8 digits of a hash of its bytes."""
        self._rows()
        return self._origins.get(name, "")

    def __getitem__(self, name: str) -> Row:
        return self._rows()[name]

    def __setitem__(self, name: str, row: Row) -> None:
        self.own[name] = row

    def __delitem__(self, name: str) -> None:
        del self.own[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows())

    def __len__(self) -> int:
        return len(self._rows())

    def _rows(self) -> Mapping[str, Row]:
        included = os.environ.get(INCLUDE, "")
        if self._read != included and not _importing:
            added: dict[str, Row] = {}
            origins: dict[str, str] = {}
            for origin, rows in (*_installed(self.group), *_included(self.group)):
                self._check(origin, rows, origins)
                added |= rows
                origins |= dict.fromkeys(rows, origin)
            self._added, self._origins, self._read = added, origins, included
        return ChainMap(self._added, self.own)

    def _check(self, origin: str, rows: Any, others: Mapping[str, str]) -> None:
        """Refuse rows of a plugin that are none, or whose names are of another form or taken."""
        if not isinstance(rows, Mapping) or not all(isinstance(row, self.row) for row in rows.values()):
            raise ValueError(f"{self.group.upper()} of plugin {origin} is no dictionary of {self.row.__name__} by name")
        what, lower = self.group.removesuffix("s"), self.group != "metrics"
        known = {name.casefold(): name for name in (*self.own, *self.reserved, *others)}
        for name in rows:
            if not re.fullmatch(r"\w[\w-]*", name) or (lower and name != name.lower()):
                case = "lower-case " if lower else ""
                raise ValueError(
                    f"plugin {origin} calls a {what} {name!r}; a name is {case}letters, digits, '_' and '-'"
                )
            if taken := known.get(name.casefold()):
                owner = others.get(taken, "fusionbench")
                raise ValueError(f"plugin {origin} adds the {what} {name!r}, a name that {owner} has taken; rename it")


def include(path: str | Path) -> None:
    """Add a plugin's methods, metrics, datasets and degradations, here and in processes that are started from here.

    Args:
        path: a Python file, or the folder of a package.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: it is no plugin, or has the name of another module.
        ImportError: it cannot be imported.
    """
    place = Path(path).expanduser().resolve()
    _plugin(place)
    if place not in _paths():
        os.environ[INCLUDE] = os.pathsep.join(map(str, [*_paths(), place]))


def include_all(paths: str | Iterable[str]) -> None:
    """Include plugins that are listed, as 'PATH,PATH' or one by one; for the errors see `include`."""
    for path in paths.split(",") if isinstance(paths, str) else paths:
        include(path.strip())


class _Plugin(NamedTuple):
    origin: str
    module: ModuleType


def _paths() -> list[Path]:
    return [Path(text) for text in os.environ.get(INCLUDE, "").split(os.pathsep) if text]


def _included(group: str) -> Iterator[tuple[str, Any]]:
    for path in _paths():
        plugin = _plugin(path)
        yield plugin.origin, getattr(plugin.module, group.upper(), {})


def _installed(group: str) -> Iterator[tuple[str, Any]]:
    for entry in entry_points(group=f"fusionbench.{group}"):
        origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
        yield origin, _imported(entry.load, f"{entry.value} of {origin}", "uninstall it")


@cache
def _plugin(path: Path) -> _Plugin:
    """A plugin, imported under the name of its file or folder."""
    if not path.exists():
        raise FileNotFoundError(f"plugin {path}: there is no such file or folder")
    folder = path.is_dir()
    file = path / "__init__.py" if folder else path
    if not file.is_file() or not path.stem.isidentifier() or path.suffix != ("" if folder else ".py"):
        raise ValueError(f"plugin {path} is neither a Python file, NAME.py, nor a package, NAME/__init__.py")
    # At the end, so that it hides nothing that is installed. Processes that Python starts get this path, too.
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    invalidate_caches()
    spec = find_spec(path.stem)
    if spec is None or spec.origin is None or Path(spec.origin).resolve() != file:
        raise ValueError(f"plugin {path} has the name of {(spec and spec.origin) or 'another module'}; rename it")
    digest = hashlib.sha256()
    for part in sorted(path.rglob("*.py")) if folder else [path]:
        digest.update(part.relative_to(path).as_posix().encode() if folder else b"")
        digest.update(part.read_bytes())
    module = _imported(lambda: import_module(path.stem), path, "leave --include out")
    if not any(hasattr(module, group.upper()) for group in GROUPS):
        raise ValueError(f"plugin {path} has none of {', '.join(map(str.upper, GROUPS))}")
    return _Plugin(f"{path.name}@{digest.hexdigest()[:8]}", module)


def _imported(load: Callable[[], T], plugin: object, way_out: str) -> T:
    _importing.append(plugin)
    try:
        return load()
    except Exception as error:  # Nobody knows what a plugin does while it is imported.
        what = f"{type(error).__name__}: {error}"
        raise ImportError(f"plugin {plugin} cannot be imported ({what}); mend it, or {way_out}") from error
    finally:
        _importing.pop()
