"""The wheel: what it carries, what its page says, and that it works where no checkout is."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
import yaml

from fusionbench.cli.recipes import recipe_file, recipes, with_recipe_files
from fusionbench.files import resources
from fusionbench.version import __version__

ROOT = Path(__file__).parents[1]
BUILDERS = ("hatchling", "hatch_fancy_pypi_readme")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the wheel and the source distribution."""
    if lacking := [name for name in BUILDERS if importlib.util.find_spec(name) is None]:
        pytest.skip(f"a wheel is built with {' and '.join(lacking)}; pip install 'fusionbench[dev]'")
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built) -> zipfile.ZipFile:
    return zipfile.ZipFile(built / f"fusionbench-{__version__}-py3-none-any.whl")


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """Runs `fusionbench` of the installed wheel in a folder far from the checkout."""
    target, elsewhere = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("elsewhere")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target]
    subprocess.run([*pip, *built.glob("*.whl")], check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(target), "FUSIONBENCH_HOME": str(elsewhere / "home")}

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)

    where = python("-c", "import fusionbench; print(fusionbench.__file__)").stdout.strip()
    assert Path(where).is_relative_to(target)
    return lambda *words: python("-m", "fusionbench", *words)


def metadata(wheel):
    return message_from_bytes(wheel.read(f"fusionbench-{__version__}.dist-info/METADATA"))


def test_wheel_carries_every_table_recipe_and_curve(wheel):
    wanted = [*(ROOT / "benchmarks").rglob("*.csv"), *(ROOT / "benchmarks").rglob("*.yaml")]
    wanted += [path for path in (ROOT / "experiments").rglob("*") if path.suffix in (".md", ".png", ".yaml")]
    names = {f"fusionbench/{path.relative_to(ROOT).as_posix()}" for path in wanted}
    assert len(names) > 30
    assert names <= set(wheel.namelist())


def test_wheel_holds_the_whole_package_and_nothing_beside_it(wheel):
    package = [path for path in (ROOT / "fusionbench").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.relative_to(ROOT).as_posix() for path in package} <= set(wheel.namelist())
    assert {name.split("/")[0] for name in wheel.namelist()} == {"fusionbench", f"fusionbench-{__version__}.dist-info"}


def test_source_distribution_has_what_a_checkout_has(built):
    with tarfile.open(built / f"fusionbench-{__version__}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    folders = ("benchmarks", "docs", "experiments", "fusionbench", "tests")
    wanted = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    kept = {path.relative_to(ROOT).as_posix() for path in wanted if "__pycache__" not in path.parts}
    kept |= {"CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "pyproject.toml"}
    assert kept <= names


def test_page_of_the_package_index_has_no_address_that_leads_nowhere(wheel):
    text = metadata(wheel).get_payload(decode=True).decode()
    assert "# fusionbench" in text
    assert not [target for target in re.findall(r"\]\(([^)]*)\)", text) if not target.startswith(("https://", "#"))]


def test_metadata_names_authors_keywords_and_addresses(wheel):
    found = metadata(wheel)
    assert found["Author"]
    assert found["License-Expression"] == "Apache-2.0"
    assert "image fusion" in found["Keywords"]
    assert all(" https://" in entry for entry in found.get_all("Project-URL"))


def test_citation_agrees_with_the_package(wheel):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert citation["license"] == metadata(wheel)["License-Expression"]
    assert citation["authors"] == [{"name": metadata(wheel)["Author"]}]
    assert set(citation["keywords"]) == set(metadata(wheel)["Keywords"].split(","))


def test_installed_wheel_works_in_another_folder(installed):
    listed = installed("list", "methods")
    assert "lure-s" in listed.stdout
    dry = installed("train", "--config", "lure-s", "--print_config")
    assert yaml.safe_load(dry.stdout)["phases"]["fusion"]
    bench = installed("bench", "lure", "--table", "1", "--limit", "1")
    assert "published values" in bench.stdout
    assert [listed.returncode, dry.returncode] == [0, 0]
    assert bench.returncode in (0, 3)


@pytest.mark.slow
def test_installed_wheel_fuses_scores_and_reports_in_another_folder(installed):
    demo = installed("demo", "--limit", "1", "--out", "demo")
    assert demo.returncode == 0, demo.stderr
    report = installed("report", "demo", "--html")
    assert report.returncode == 0, report.stderr
    assert "index.html" in report.stdout


def test_a_recipe_goes_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "lure-s" in recipes()
    assert Path(recipe_file("lure-s")) == resources("experiments") / "lure-s.yaml"
    given = ["train", "--config=lure-s", "--seed", "3", "--config", "mine.yaml"]
    assert list(with_recipe_files(given)) == ["train", f"--config={recipe_file('lure-s')}", *given[2:]]


def test_a_file_of_ones_own_comes_before_a_recipe_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("lure-s").write_text("method: lure-s\n")
    assert recipe_file("lure-s") == "lure-s"


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(ValueError, match="unknown recipe 'lure-z'; did you mean 'lure-s'"):
        recipe_file("lure-z")
