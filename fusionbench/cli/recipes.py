"""What `--config` names: a recipe that comes with the package, or a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fusionbench.files import resources
from fusionbench.registry import lookup


def recipes() -> dict[str, Path]:
    """The files of the recipes by name."""
    return {path.stem: path for path in sorted(resources("experiments").glob("*.yaml"))}


def recipe_file(given: str) -> str:
    """What `--config` names: a recipe of the package by its name, or a file.

    Raises:
        ValueError: a bare name that no recipe and no file has.

    Example:
        >>> recipe_file("mine.yaml")
        'mine.yaml'
    """
    if Path(given).name != given or Path(given).suffix or Path(given).is_file():
        return given
    known = recipes()
    return str(known[lookup("recipe", given, known)])


def with_recipe_files(words: Sequence[str]) -> Iterator[str]:
    """The words of a command line in which `--config NAME` or `--config=NAME` names the recipe's file."""
    before = ""
    for word in words:
        option, equals, value = word.partition("=")
        if before == "--config":
            yield recipe_file(word)
        elif option == "--config" and equals:
            yield f"--config={recipe_file(value)}"
        else:
            yield word
        before = word
