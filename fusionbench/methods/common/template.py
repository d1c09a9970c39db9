"""Command templates: the command line of an external program with placeholders in braces for files."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

_FIELD = re.compile(r"\{(\w*)\}")


def placeholders(template: str) -> set[str]:
    """The placeholders in a template.

    Example:
        >>> sorted(placeholders("python test.py --ir {ir} --out {out}"))
        ['ir', 'out']
    """
    return set(_FIELD.findall(template))


def check_template(template: str, names: Collection[str]) -> list[str]:
    """The words of a template, split like in a shell, which must contain exactly the given placeholders.

    Raises:
        ValueError: a quote is not closed, the command is empty, or a placeholder is missing or unknown.

    Example:
        >>> check_template("python 'my test.py' {out}", ["out"])
        ['python', 'my test.py', '{out}']
    """
    try:
        words = shlex.split(template)
    except ValueError as error:
        raise ValueError(
            f"the command {template!r} cannot be split into words ({str(error).lower()}); close its quotes"
        ) from error
    if not words:
        raise ValueError("the command is empty; give a program and its arguments")
    fields = placeholders(template)
    if unknown := sorted(fields - set(names)):
        known = ", ".join(f"{{{name}}}" for name in names)
        raise ValueError(
            f"the command {template!r} has the unknown placeholder {{{unknown[0]}}}; known placeholders: {known}"
        )
    for name in names:
        if name not in fields:
            raise ValueError(f"the command {template!r} lacks {{{name}}}")
    return words


def check_program(template: str) -> None:
    """Refuse a command whose program is not installed.

    Raises:
        FileNotFoundError: it is not installed.
    """
    program = shlex.split(template)[0]
    if not _FIELD.search(program) and shutil.which(program) is None:
        raise FileNotFoundError(f"no program {program!r}; give its full path")


def split_command(template: str, paths: Mapping[str, Path]) -> list[str]:
    """The command's words, with placeholders replaced after splitting, so that file names are never split.

    Raises:
        ValueError: as in `check_template`.
    """
    return [_FIELD.sub(lambda match: str(paths[match[1]]), word) for word in check_template(template, list(paths))]
