"""Every command that README and the pages show is one that the program takes; README's Python runs as it stands."""

from __future__ import annotations

import functools
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from fusionbench.cli.commands import COMMANDS
from fusionbench.cli.parsing import call
from fusionbench.cli.recipes import with_recipe_files
from fusionbench.cli.train import override_words
from fusionbench.images.files import write_image

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md"), *ROOT.glob("experiments/*.md")}
)
PROGRAM = re.compile(r"(?:^|-m |/)fusionbench +(?=[a-z])")
TARGETS = set(re.findall(r"^([a-z][\w-]*(?: [a-z][\w-]*)*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
FILES = ("mine.yaml", "run.yaml")
PLACEHOLDERS = {"PAPER": "lure", "<recipe>": "run.yaml", "RECIPE": "run.yaml"}
"""Words of the pages that stand for others, where not every word would do."""


def blocks(text: str) -> str:
    """The lines of fenced and indented blocks, continued lines joined."""
    kept, fenced = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            kept.append(line.strip())
    return "\n".join(kept).replace("\\\n", " ")


def spans(text: str) -> list[str]:
    """What stands between backticks in running text."""
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]


def shown(program: str) -> list[pytest.param]:
    """Each line that calls a program, once for each page."""
    found: dict[str, str] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for line in [*blocks(text).splitlines(), *spans(text)]:
            line = re.sub(r"\s+#.*", "", line)
            if line.startswith("make ") if program == "make" else PROGRAM.search(line):
                found[f"{page.relative_to(ROOT)}: {line[:70]}"] = line
    return [pytest.param(line, id=place) for place, line in found.items()]


def inert(command):
    """The command itself for the parser, which does nothing."""
    if isinstance(command, dict):
        return {name: inert(one) for name, one in command.items()}
    return functools.wraps(command)(lambda **arguments: 0) if callable(command) else command


def words_of(line: str) -> list[str]:
    words = shlex.split(PROGRAM.split(line, maxsplit=1)[1])
    return words[: next((index for index, word in enumerate(words) if word in ("&&", "||", "|", ";", ">", "&")), None)]


@pytest.mark.parametrize("line", shown("fusionbench"))
def test_a_command_of_a_page_is_one_that_the_program_takes(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        Path(name).write_text("seed: 1\n")
    words = [PLACEHOLDERS.get(word, word) for word in words_of(line)]
    while "--include" in words:  # Every command takes it, and main takes it out.
        place = words.index("--include")
        del words[place : place + 2]
    found = COMMANDS
    for count, word in enumerate(words, 1):
        if isinstance(found, dict) and word in found:
            found = found[word]
            if count == len(words):
                return  # Only the command's name.
    if "..." in words or "COMMAND" in words:
        return
    assert call(list(override_words(list(with_recipe_files(words)))), inert(COMMANDS)) == 0


@pytest.mark.parametrize("line", shown("make"))
def test_a_target_of_a_page_exists(line):
    target = line.split()[1]
    names = {name for names in TARGETS for name in names.split()}
    assert target in names, f"make has no target {target}"


def test_the_python_of_readme_runs_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for folder in ("ir", "vi", "fused", "."):
        for name in ("ir", "vi") if folder == "." else ("a", "b"):
            gray = "ir" in (folder, name)
            write_image(Path(folder) / f"{name}.png", rng.integers(0, 256, (64, 80) if gray else (64, 80, 3), np.uint8))
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(code) == 1
    exec(compile(code[0], "README.md", "exec"), {})
