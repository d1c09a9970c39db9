"""Options that sentences name: each exists, under its own name and not under an alias."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fusionbench.cli.commands import COMMANDS
from fusionbench.cli.main import EVERYWHERE, main
from fusionbench.cli.parsing import ABOUT, Command, own_name
from fusionbench.cli.wording import WAYS
from fusionbench.images.files import write_image

PACKAGE = Path(__file__).parents[2] / "fusionbench"
OPTION = re.compile(r"(?<![\w-])--([a-zA-Z][\w-]*)")
PARSERS_OWN = {"config", "print_config"}
NAMED_IN_PYTHON = {"from": "source"}
"""`from` is a word of Python, so that the parameter has another name."""


def commands(group=COMMANDS, before=()) -> Iterator[Command]:
    for name, command in group.items():
        if isinstance(command, dict):
            yield from commands(command, (*before, name))
        elif name != ABOUT:
            yield Command(" ".join((*before, name)), command)


def sentences() -> Iterator[tuple[str, str]]:
    """Every text in the package's code with the place where it stands; docstrings of commands are their help."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name in ("cli.py", "parsing.py"):
            continue  # They speak of options as such.
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node.value


ALL = {option for command in commands() for option in command.options} | PARSERS_OWN
TEXTS = [
    pytest.param(place, text, id=place)
    for place, text in sentences()
    if OPTION.search(text) and " " in text and ">>>" not in text
]


@pytest.mark.parametrize(("place", "text"), TEXTS)
def test_an_option_in_a_sentence_exists_under_this_name(place, text):
    shown = {words.split()[0].removeprefix("--") for words in EVERYWHERE}
    for typed in OPTION.findall(text):
        name = NAMED_IN_PYTHON.get(typed, typed.replace("-", "_"))
        assert name in ALL or typed in shown or re.search(rf"(pip|make|hf|python|torchrun)[^`;]*--{typed}", text), (
            f"{place} names --{typed}; did you mean --{own_name(typed, ALL)}?"
        )


@pytest.mark.parametrize("command", list(commands()), ids=lambda command: command.name)
def test_the_help_of_a_command_names_its_own_options(command):
    text = command.function.__doc__
    others = {"train": {"options", "loader", "trainer", "phases", "overrides"}}
    for typed in OPTION.findall(text):
        name = NAMED_IN_PYTHON.get(typed, typed.replace("-", "_")).partition(".")[0]
        known = command.options | PARSERS_OWN | others.get(command.name, set()) | {"all"}
        assert name in known or f"--{typed} OUT" in text or re.search(rf"passed as --{typed}", text)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("run --method average", True),
        ("score --fused fused", True),
        ("fuse --method average", True),
        ("degrade --degradation ll", True),
        ("embed", False),
    ],
)
def test_a_way_out_is_offered_where_the_command_has_it(words, offered, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for path in ("ir/a", "ir/b", "vi/a", "vi/c", "fused/a"):
        write_image(tmp_path / f"{path}.png", np.zeros((48, 64), np.uint8))
    sources = "--data . --dataset folder --limit 2" if words == "embed" else "--ir ir --vi vi"
    assert main([*words.split(), *sources.split(), "--out", "o"]) == 2
    error = capsys.readouterr().err
    assert ("--unmatched skip" in error) == offered
    assert "unmatched=" not in error
    if offered:
        assert main([*words.split(), *sources.split(), "--out", "p", "--unmatched", "skip"]) in (0, 3)


ENTRY = re.compile(r"(?<![\w.-])(?<!--overrides )(?:loader|options|phases|trainer)\.[a-zA-Z_]+")
ARGUMENT = re.compile(rf"(?<![\w.])(?!(?:{'|'.join(WAYS)})=)[a-z_]+='")
"""Of Python; `in_options` makes options of those that commands have."""


def errors() -> Iterator[tuple[str, str]]:
    """What the package raises, with the place where it does."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and node.exc is not None:
                texts = [part.value for part in ast.walk(node.exc) if isinstance(part, ast.Constant)]
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", "".join(map(str, texts))


@pytest.mark.parametrize(("place", "text"), [pytest.param(*found, id=found[0]) for found in errors()])
def test_what_a_recipe_and_a_method_take_is_advised_as_it_is_typed(place, text):
    for wrong in (ENTRY, ARGUMENT):
        assert not wrong.search(text), f"{place} names {wrong.search(text)[0]}; write it as an option"
