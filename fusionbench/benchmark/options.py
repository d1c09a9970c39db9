"""Options with lists: names, NAME=VALUE for methods and datasets, commands of external programs."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fusionbench.benchmark.spec import DatasetChoice, MethodChoice
from fusionbench.console import note, warn
from fusionbench.data import DATASETS
from fusionbench.data.discovery import discover
from fusionbench.data.layouts import folder_of, folders_in
from fusionbench.data.table import ANY, DRAWN, data_root
from fusionbench.methods import METHODS
from fusionbench.metrics import PROTOCOLS
from fusionbench.metrics.table import COMMON_METRICS
from fusionbench.registry import lookup

if TYPE_CHECKING:
    from rich.console import Console

Names = list[str] | str
"""'a,b' on the command line or a list in YAML."""

WEIGHTS = "--weights {name}=FILE"
"""The command-line option for a method's weight file."""


Data = str | Path | Mapping[str, str | Path]
"""Where datasets are; see `parse_data_roots`."""


def parse_names(value: Names | Sequence[str] | None) -> list[str]:
    """The entries of a comma-separated list or a YAML list; none for null."""
    return split_commas(value) if isinstance(value, str) else list(value or ())


def parse_methods(value: Names | Sequence[str]) -> list[str]:
    """The methods of a list, as METHODS spells them.

    Raises:
        ValueError: one is unknown.
    """
    return [lookup("method", name, METHODS) for name in parse_names(value)]


def parse_datasets(value: Names | Sequence[str]) -> list[str]:
    """The datasets of a list, as DATASETS spells them.

    Raises:
        ValueError: one is unknown.
    """
    return [lookup("dataset", name, DATASETS) for name in parse_names(value)]


def parse_restorers(value: Names) -> tuple[str, ...]:
    """The entries of 'vi:COMMAND,ir:COMMAND', whose commands may contain commas.

    Example:
        >>> parse_restorers("vi:clean --levels 1,2 {in} {out}, ir:flat {in} {out}")
        ('vi:clean --levels 1,2 {in} {out}', 'ir:flat {in} {out}')
    """
    entries = re.split(r",\s*(?=(?:ir|vi):)", value) if isinstance(value, str) else value
    return tuple(entry.strip() for entry in entries if entry.strip())


def parse_commands(value: Names, names: Sequence[str]) -> dict[str, str]:
    """Commands by method from 'NAME=COMMAND,NAME=COMMAND'; a bare COMMAND is that of the only external method.

    Args:
        value: as above, or a list of such entries; commands may contain commas and equals signs.
        names: the methods to run.

    Raises:
        ValueError: it is not clear to which method a command belongs.

    Example:
        >>> parse_commands("external=fuse --a=1,2 {ir} {vi} {out}", ["lap", "external"])
        {'external': 'fuse --a=1,2 {ir} {vi} {out}'}
    """
    known = "|".join(re.escape(name) for name in sorted(METHODS, key=len, reverse=True))
    entries = re.split(rf",\s*(?=(?:{known})=)", value, flags=re.IGNORECASE) if isinstance(value, str) else value
    commands: dict[str, str] = {}
    for entry in filter(str.strip, entries):
        match = re.match(rf"\s*({known})=(.*)", entry, re.DOTALL | re.IGNORECASE)
        name, command = (match[1].lower(), match[2]) if match else (_only_external(entry, names), entry)
        if name in commands:
            raise ValueError(f"--cmd gives two commands for {name!r}")
        commands[name] = command.strip()
    return commands


def _only_external(command: str, names: Sequence[str]) -> str:
    external = [name for name in names if name in METHODS and METHODS[name].family == "external"]
    if len(external) != 1:
        raise ValueError(
            f"--cmd {command!r} could belong to {' or '.join(external) or 'no external method'}; "
            "write NAME=COMMAND,NAME=COMMAND"
        )
    return external[0]


def choose_methods(
    names: Sequence[str], weights: str = "", fused: str = "", cmd: Names = ""
) -> tuple[MethodChoice, ...]:
    """Methods with their weights, folders and commands.

    Raises:
        ValueError: an option names a method that is not run, or has the wrong form.
    """
    names = parse_methods(names)
    files, folders = parse_paths(weights, "--weights"), parse_paths(fused, "--fused")
    commands = parse_commands(cmd, names)
    for option, choices in (("--weights", files), ("--fused", folders), ("--cmd", commands)):
        check_known(option, choices, names)
    return tuple(
        MethodChoice(name, weights=files.get(name), folder=folders.get(name), command=commands.get(name))
        for name in names
    )


def choose_metrics(names: Names | Sequence[str], protocol: str) -> list[str]:
    """The given metrics, or the common ones that the protocol has.

    Raises:
        ValueError: unknown protocol.
    """
    has = PROTOCOLS[lookup("protocol", protocol, PROTOCOLS)].scores()
    return parse_names(names) or [name for name in COMMON_METRICS if name in has]


def check_known(option: str, choices: Collection[str], names: Sequence[str], among: str = "--method") -> None:
    """Check that an option names only what is run.

    Raises:
        ValueError: it names something else.
    """
    if stray := sorted(set(choices) - set(names)):
        raise ValueError(f"{option} names {stray[0]!r}, which is not in {among} {','.join(names)}")


@dataclass(frozen=True)
class ChosenData:
    """The datasets of a command.

    Attributes:
        datasets: the folder and reading options of each.
        taken: a sentence on which datasets were chosen if none was given; else empty.
        left_out: one sentence for each that was found but cannot be opened.
    """

    datasets: tuple[DatasetChoice, ...]
    taken: str = ""
    left_out: tuple[str, ...] = ()

    def announce(self, console: Console) -> DatasetChoice:
        """Announce what was chosen by default, and return the first dataset, the only one for many commands."""
        note(console, filter(None, [self.taken]))
        warn(console, *self.left_out)
        return self.datasets[0]


def choose_datasets(
    datasets: Names | Sequence[str] = "",
    data: Data = "",
    *,
    split: str = "test",
    ir: Path | None = None,
    vi: Path | None = None,
    names: str | Path | Mapping[str, str | Path] | None = None,
    **details: Any,
) -> ChosenData:
    """The given datasets, or else those that are available.

    Without names these are the two folders `ir` and `vi`, or the datasets in `data`, or those in the default data
    folder, or the generated scenes that come with the package.

    Args:
        data: as for `parse_data_roots`; the folder is a dataset's, or holds datasets under their names.
        names: file with a list of pairs, for all datasets, or one for each: 'NAME=FILE,NAME=FILE'.
        details: other fields of DatasetChoice.

    Raises:
        FileNotFoundError: `data` holds no dataset.
        ValueError: a name is unknown, or `data` or `names` is not of its form.
    """
    home, homes = parse_data_roots(data)
    chosen = parse_datasets(datasets) or ([ANY] if ir is not None or vi is not None else list(homes))
    taken, left_out = "", list[str]()
    if chosen:
        roots = _roots(chosen, home, homes)
    else:
        roots, taken, left_out = _discovered(home, split=split, **details)
    lists = parse_lists(names, list(roots))
    made = (
        DatasetChoice(name, root, split=split, ir_dir=ir, vi_dir=vi, names=lists.get(name), **details)
        for name, root in roots.items()
    )
    return ChosenData(tuple(made), taken, tuple(left_out))


def parse_lists(names: str | Path | Mapping[str, str | Path] | None, datasets: Sequence[str]) -> dict[str, Path]:
    """The list of pairs of each dataset that 'FILE' or 'NAME=FILE,NAME=FILE' says.

    Raises:
        ValueError: it speaks of a dataset that is not among these.
    """
    if not names:
        return {}
    if isinstance(names, Mapping):
        given = {lookup("dataset", name, DATASETS): Path(path).expanduser() for name, path in names.items()}
    elif isinstance(names, Path) or Path(names).expanduser().is_file() or "=" not in names:
        given = dict.fromkeys(datasets, Path(names).expanduser())
    else:
        given = parse_paths(names, "--names", "dataset")
    check_known("--names", given, datasets, "--dataset")
    return given


def _roots(names: Sequence[str], home: Path | None, homes: Mapping[str, Path]) -> dict[str, Path | None]:
    """The folder of each dataset according to `data`; a common folder contains each under its name."""
    check_known("--data", homes, names, "--dataset")
    alone = len(names) == 1
    for name in names:
        if DATASETS[name].target and (name in homes or (home is not None and alone)):
            raise ValueError(f"{name!r} is generated and needs no folder; omit --data, or choose another dataset")
    return {name: homes.get(name, home if home is None or alone else folder_of(name, home)) for name in names}


def choose_dataset(name: str, data: Data, default: str, **details: Any) -> ChosenData:
    """The dataset of a command that takes a single one; as `choose_datasets`.

    Args:
        default: the dataset if neither a name nor folders are given.

    Raises:
        FileNotFoundError: `data` contains no dataset.
        ValueError: it contains several.
    """
    given = name or data or details.get("ir") is not None or details.get("vi") is not None
    chosen = choose_datasets(name if given else default, data, **details)
    if len(chosen.datasets) > 1:
        there = " and ".join(one.name for one in chosen.datasets)
        raise ValueError(f"{data} holds {there}; choose one of them with --dataset")
    return chosen


def _discovered(home: Path | None, split: str, **opening: Any) -> tuple[dict[str, Path | None], str, list[str]]:
    """The folders of the available datasets, a sentence that lists them, and why others are left out."""
    folder = data_root() if home is None else home
    found, left_out = discover(folder, split, **opening) if folder.is_dir() else ({}, [])
    if found:
        return {**found}, f"no dataset is given: using {' and '.join(found)} in {folder}", left_out
    if home is not None:
        raise FileNotFoundError(
            f"no dataset with a split {split!r} in {home}{folders_in([home])}; expected a dataset's folder, one that "
            "contains some under their names, or one with folders of infrared and visible images: name it with "
            f"--dataset, or give the two folders with ir='DIR' and vi='DIR'{''.join('; ' + why for why in left_out)}"
        )
    taken = "no dataset is given: using the generated scenes that come with the package; give real ones with --data DIR"
    return {DRAWN: None}, taken, left_out


def parse_data_roots(data: Data) -> tuple[Path | None, dict[str, Path]]:
    """A folder with datasets, each in a folder of its name, and the folders of datasets elsewhere.

    Args:
        data: 'DIR', 'NAME=DIR,NAME=DIR', or both; in Python also a path, or paths by name.

    Raises:
        ValueError: two folders without a name, or an unknown name.
    """
    if isinstance(data, Mapping):
        return None, {lookup("dataset", name, DATASETS): Path(place).expanduser() for name, place in data.items()}
    if isinstance(data, Path) or (data and Path(data).expanduser().is_dir()):
        return Path(data).expanduser(), {}
    bare: list[Path] = []
    named: dict[str, Path] = {}
    for part in split_commas(data):
        name, equals, place = part.partition("=")
        if not equals or Path(part).expanduser().is_dir():
            bare.append(Path(part).expanduser())
        else:
            named[lookup("dataset", name, DATASETS)] = Path(place).expanduser()
    if len(bare) > 1:
        raise ValueError(
            f"--data gives the folders {bare[0]} and {bare[1]}; give one, and NAME=DIR for datasets elsewhere"
        )
    return (bare[0] if bare else None), named


def split_commas(text: str) -> list[str]:
    """The parts of 'a,b(1,2),c'; commas inside parentheses do not separate."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def _entries(text: str) -> list[str]:
    """The parts of 'name=path,name=path', in which a path that is there may hold commas."""
    entries: list[str] = []
    for part in split_commas(text):
        if entries and Path(f"{entries[-1]},{part}".partition("=")[2]).expanduser().exists():
            entries[-1] += f",{part}"
        else:
            entries.append(part)
    return entries


def parse_paths(text: str, what: str, kind: Literal["method", "dataset"] = "method") -> dict[str, Path]:
    """Parse 'name=path,name=path', with names as their table spells them.

    Args:
        what: the option's name, for the error message.
        kind: what the names are.

    Raises:
        ValueError: a part has the wrong form, or a name is unknown.
    """
    known = METHODS if kind == "method" else DATASETS
    choices = {}
    for part in _entries(text):
        name, equals, path = part.partition("=")
        if not (name and equals and path):
            raise ValueError(f"{what} {part!r} is not of the form NAME=PATH")
        choices[lookup(kind, name.strip(), known)] = Path(path.strip()).expanduser()
    return choices
