"""Options that name things one by one: NAME=VALUE lists for methods and data sets, commands for programs of others."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from fusionbench.benchmark import MethodChoice, split_choices, split_commas
from fusionbench.data import DATASETS
from fusionbench.lazy import lookup
from fusionbench.methods import METHODS
from fusionbench.metrics import PROTOCOLS

Names = list[str] | str
"""'a,b' on the command line or a list in YAML."""

WEIGHTS = "--weights {name}=FILE"
"""How the command line spells the option that names a method's weight file."""


COMMON_METRICS = ("EN", "SD", "SF", "AG", "MI", "CC", "SCD", "PSNR", "SSIM", "VIF", "Qabf")
"""What is computed where nothing is named."""


def split_names(value: Names | Sequence[str]) -> list[str]:
    """The entries of a comma-separated list, or of a list in YAML."""
    return split_commas(value) if isinstance(value, str) else list(value)


def split_methods(value: Names | Sequence[str]) -> list[str]:
    """The methods of a list, as METHODS spells them.

    Raises:
        ValueError: one is unknown.
    """
    return [lookup("method", name, METHODS) for name in split_names(value)]


def split_datasets(value: Names | Sequence[str]) -> list[str]:
    """The data sets of a list, as DATASETS spells them.

    Raises:
        ValueError: one is unknown.
    """
    return [lookup("dataset", name, DATASETS) for name in split_names(value)]


def split_restorers(value: Names) -> tuple[str, ...]:
    """The entries of 'vi:COMMAND,ir:COMMAND', whose commands may hold commas.

    Example:
        >>> split_restorers("vi:clean --levels 1,2 {in} {out}, ir:flat {in} {out}")
        ('vi:clean --levels 1,2 {in} {out}', 'ir:flat {in} {out}')
    """
    entries = re.split(r",\s*(?=(?:ir|vi):)", value) if isinstance(value, str) else value
    return tuple(entry.strip() for entry in entries if entry.strip())


def split_commands(value: Names, names: Sequence[str]) -> dict[str, str]:
    """The command by method that 'NAME=COMMAND,NAME=COMMAND' says; a bare COMMAND is that of the only external method.

    Args:
        value: as above, or a list of such entries; commands may hold commas and equals signs.
        names: the methods that are run.

    Raises:
        ValueError: it is not clear whose command it is.

    Example:
        >>> split_commands("external=fuse --a=1,2 {ir} {vi} {out}", ["lap", "external"])
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
            f"--cmd {command!r} could be of {' or '.join(external) or 'no method that runs elsewhere'}; "
            "write NAME=COMMAND,NAME=COMMAND"
        )
    return external[0]


def choose_methods(
    names: Sequence[str], weights: str = "", fused: str = "", cmd: Names = ""
) -> tuple[MethodChoice, ...]:
    """Methods with their weights, folders and commands.

    Raises:
        ValueError: an option speaks of a method that is not among them, or is not of its form.
    """
    names = split_methods(names)
    files, folders = split_choices(weights, "--weights"), split_choices(fused, "--fused")
    commands = split_commands(cmd, names)
    for option, choices in (("--weights", files), ("--fused", folders), ("--cmd", commands)):
        refuse_strays(option, choices, names)
    return tuple(
        MethodChoice(name, weights=files.get(name), folder=folders.get(name), command=commands.get(name))
        for name in names
    )


def choose_metrics(names: Names | Sequence[str], protocol: str) -> list[str]:
    """The metrics that are named, or the common ones that the protocol has.

    Raises:
        ValueError: there is no such protocol.
    """
    has = PROTOCOLS[lookup("protocol", protocol, PROTOCOLS)].scores()
    return split_names(names) or [name for name in COMMON_METRICS if name in has]


def refuse_strays(option: str, choices: Collection[str], names: Sequence[str]) -> None:
    """Check that an option speaks only of methods that are run.

    Raises:
        ValueError: it speaks of another one.
    """
    if stray := sorted(set(choices) - set(names)):
        raise ValueError(f"{option} speaks of {stray[0]!r}, which is not among --method {','.join(names)}")


def split_roots(root: str | None, datasets: Sequence[str]) -> dict[str, Path]:
    """The folder of each data set that '--root' says: one folder for one data set, or NAME=DIR,NAME=DIR.

    Raises:
        ValueError: one folder is given for several data sets.
    """
    if root is None:
        return {}
    if "=" in root:
        return split_choices(root, "--root", "dataset")
    if len(datasets) > 1:
        raise ValueError(f"--root {root!r} names one folder for {len(datasets)} data sets; write NAME=DIR,NAME=DIR")
    return {datasets[0]: Path(root).expanduser()}


def split_homes(root: str) -> tuple[Path | None, dict[str, Path]]:
    """A folder that holds data sets, each in a folder of its name, and the folders of those that lie elsewhere.

    Args:
        root: 'DIR', 'NAME=DIR,NAME=DIR', or both.

    Raises:
        ValueError: two folders without a name, or a name that is no data set's.
    """
    bare: list[Path] = []
    named: dict[str, Path] = {}
    for part in split_commas(root):
        name, equals, place = part.partition("=")
        if not equals:
            bare.append(Path(part).expanduser())
        else:
            named[lookup("dataset", name, DATASETS)] = Path(place).expanduser()
    if len(bare) > 1:
        raise ValueError(
            f"--root names the folders {bare[0]} and {bare[1]}; give one, and NAME=DIR for data sets elsewhere"
        )
    return (bare[0] if bare else None), named
