"""The values of `--config`: recipes that come with the package, or files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fusionbench.files import resources
from fusionbench.registry import lookup


def recipes() -> dict[str, Path]:
    """The recipe files of the package by name."""
    return {path.stem: path for path in sorted(resources("experiments").glob("*.yaml"))}


def recipe_file(given: str) -> str:
    """The file of a recipe of the package by its name; file paths are returned unchanged.

    Raises:
        ValueError: a bare name of neither a recipe nor a file.

    Example:
        >>> recipe_file("mine.yaml")
        'mine.yaml'
    """
    if Path(given).name != given or Path(given).suffix or Path(given).is_file():
        return given
    known = recipes()
    return str(known[lookup("recipe", given, known)])


def with_recipe_files(words: Sequence[str]) -> Iterator[str]:
    """The words of a command line, with recipe names after `--config` replaced by their files."""
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
