"""Imports run one way: what each part may import, and that nothing goes in circles."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fusionbench"

GROUND = {"types", "lazy", "version", "progress", "download", "results", "processes", "trainers"}
TABLES = {"degradations", "data", "methods", "metrics"}
ALLOWED = {
    "types": set(),
    "lazy": set(),
    "version": set(),
    "progress": set(),
    "download": {"lazy", "progress"},
    "results": set(),
    "processes": set(),
    "trainers": set(),
    "tensorfile": set(),
    "weights": {"lazy", "download", "results"},
    "degradations": {"types", "lazy"},
    "data": GROUND | {"degradations"},
    "nn": {"types", "lazy"},
    "methods": {"types", "lazy", "nn", "tensorfile", "weights", "degradations", "version"},
    "metrics": {"types", "lazy", "weights", "version"},
    "published": {"lazy"} | TABLES,
    "benchmark": GROUND | TABLES,
    "scoring": GROUND | {"benchmark", "data", "metrics"},
    "preflight": GROUND | {"benchmark", "methods", "metrics", "weights"},
    "standalone": GROUND | {"benchmark", "data", "metrics", "preflight", "scoring"},
    "fusing": GROUND | {"data", "methods"},
    "report": GROUND | {"benchmark", "data", "metrics", "published"},
}
"""Parts that are not named here (run, train, commands, cli, ...) stand on top and may import any of these."""

# Weights and downloads are ground that needs the cards' vocabulary only.
TOP = {path.stem for path in PACKAGE.glob("*.py")} - set(ALLOWED) - {"__init__", "__main__"}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    parts = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "fusionbench" else [module]
        else:
            continue
        parts |= {name.split(".")[1] for name in names if name.startswith("fusionbench.")}
    return parts - {"__version__"}


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_part_imports_only_what_lies_below_it(part):
    paths = [path for path in PACKAGE.rglob("*.py") if part_of(path) == part]
    for path in paths:
        surplus = imported(path) - ALLOWED[part] - {part}
        assert not surplus, f"{path.relative_to(PACKAGE)} imports {sorted(surplus)}"


def test_nothing_below_imports_the_top():
    for path in PACKAGE.rglob("*.py"):
        if part_of(path) in ALLOWED:
            assert not imported(path) & TOP


def test_importing_the_tables_imports_nothing_heavy():
    import subprocess
    import sys

    program = (
        "import sys, fusionbench, fusionbench.benchmark, fusionbench.commands; "
        "print([name for name in ('torch', 'lightning', 'pandas', 'cv2', 'scipy', 'albumentations', 'matplotlib')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
