"""The optional parts: messages name what pyproject.toml declares, and what is installed imports what it is for."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path

import pytest

from .lowest import PROJECT, lowest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # which pytest brings

PACKAGE = Path(__file__).parents[1] / "fusionbench"
FOR_DEVELOPERS = {"all", "dev"}

EXTRAS = {
    "embed": ["sklearn.manifold"],
    "iqa": ["pyiqa", "clip", "pkg_resources"],
    "stream": ["webdataset"],
    "text": ["transformers"],
    "wandb": ["wandb"],
}
"""What the package imports of each optional part."""


def declared() -> dict[str, list[str]]:
    """The requirements of each extra in pyproject.toml."""
    project: dict[str, dict[str, list[str]]] = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    return project["optional-dependencies"]


def test_every_extra_is_declared_and_described():
    page = (PACKAGE.parent / "docs" / "install.md").read_text(encoding="utf-8")
    assert [name for name in declared() if f"| `{name}` |" not in page] == []
    assert set(declared()) == {*EXTRAS, *FOR_DEVELOPERS}
    assert declared()["all"] == [f"fusionbench[{','.join(sorted({*EXTRAS, 'dev'}))}]"]


def test_messages_name_extras_that_exist():
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    named = [name for source in sources for name in re.findall(r"install_command\(['\"](\w+)['\"]\)", source)]
    assert set(named) == set(EXTRAS)


@pytest.mark.parametrize("name", EXTRAS)
def test_an_extra_imports_what_it_is_for(name):
    packages = [re.split("[<>=!]", requirement)[0] for requirement in declared()[name]]
    try:
        assert all(map(version, packages))
    except PackageNotFoundError as error:
        pytest.skip(f"the extra {name!r} is not installed: {error}")
    # In a process of its own: the packages warn of many things that are not ours to mend.
    program = f"import {', '.join(EXTRAS[name])}"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_bound_has_its_reason():
    lines = PROJECT.read_text(encoding="utf-8").splitlines()
    of_users = lines[lines.index("dependencies = [") : lines.index("dev = [")]
    bounds = [(before, line) for before, line in pairwise(of_users) if ">=" in line]
    assert len(bounds) > 20
    assert not [line for before, line in bounds if "#" not in line and not before.lstrip().startswith("#")]


def test_lowest_versions_are_those_of_the_bounds():
    found = lowest(PROJECT.read_text(encoding="utf-8"))
    assert "torch==2.6" in found
    assert len({line.partition("==")[0] for line in found}) == len(found)
