"""Plugins: they work as what the package has does, and what is wrong with one is said in a sentence."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import fusionbench
from fusionbench import plugins
from fusionbench.cli.main import main
from fusionbench.data import DATASETS
from fusionbench.degradations import DEGRADATIONS, parse
from fusionbench.degradations.linear import linear_model
from fusionbench.images.files import write_image
from fusionbench.methods import METHODS
from fusionbench.metrics import METRICS
from fusionbench.plugins import INCLUDE, include

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")

LAB = {
    "__init__": '''
        """One of each: a file and a row."""

        from fusionbench.data import DatasetCard
        from fusionbench.data.table import Mirror
        from fusionbench.degradations import DegradationCard, Parameter
        from fusionbench.methods import MethodCard
        from fusionbench.metrics import MetricRow

        METHODS = {"mymethod": MethodCard("mylab.method:Screen", "classical", paper="textbook")}
        METRICS = {"MYM": MetricRow("middle level", "mylab.metric:median", None, (0, 255), "fused", "textbook")}
        DATASETS = {
            "mydata": DatasetCard(
                "Ramps", "ours", "https://example.org", "ours", ("test",), target="mylab.data:Ramps",
                mirrors=(Mirror(page="https://example.org", manual_steps="nothing"),),
            )
        }
        DEGRADATIONS = {
            "mydeg": DegradationCard(
                "mylab.degradation:shake", on=("ir", "vi"), about="a shaken camera", origin="textbook",
                parameters=(Parameter("size", 5, 1, 31, "pixels", "ours", odd=True),),
                operator="mylab.degradation:operator", radius="size",
            )
        }
    ''',
    "method": '''
        """Both images on one screen."""

        from fusionbench import Method
        from fusionbench.methods.common.color import fuse_luma


        class Screen(Method):
            """What neither image lacks."""

            def fuse(self, batch):
                return fuse_luma(batch, lambda ir, vi: 1 - (1 - ir) * (1 - vi))
    ''',
    "metric": '''
        """The middle of all levels."""

        from fusionbench.metrics.functional.images import metric_on_levels


        @metric_on_levels
        def median(fused):
            return fused.flatten(1).median(1).values
    ''',
    "degradation": '''
        """Motion along the rows."""

        import cv2
        import torch

        from fusionbench.degradations.operators import Blur


        def shake(image, rng, size):
            return cv2.blur(image, (int(size), 1))


        def operator(term, gamma):
            size = int(term.number("size"))
            return Blur(torch.full((1, size), 1 / size), gamma, "mirror")
    ''',
    "data": '''
        """Ramps."""

        import numpy as np

        from fusionbench.data.sources.base import RawPair
        from fusionbench.files import digest_of


        class Ramps:
            dataset, names = "mydata", ["a", "b", "c"]

            def __init__(self, split):
                self.split = split

            def __len__(self):
                return len(self.names)

            def size(self, index):
                return (40, 48)

            def read(self, index):
                down, across = np.indices(self.size(index))
                ir, other = (4 * across + index).astype(np.uint8), (5 * down + index).astype(np.uint8)
                return RawPair(self.names[index], ir, np.dstack([other, ir // 2, other]))

            def digest(self, index):
                return digest_of([self.split, self.names[index]])
    ''',
}


def write_module(path: Path, code: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(code).strip() + "\n", encoding="utf-8")
    return path


def forget_plugins() -> None:
    """Import plugins anew, as another process would."""
    os.environ[INCLUDE] = ""
    for table in (METHODS, METRICS, DATASETS, DEGRADATIONS):
        assert not any(map(table.origin, table))  # Reading them empties them.
    plugins._plugin.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] in ("mylab", "my_lab", "other")]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch):
    """An empty folder in which nothing is included before or after."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(INCLUDE, "")
    monkeypatch.setattr(sys, "path", list(sys.path))
    forget_plugins()
    yield
    forget_plugins()


@pytest.fixture
def lab(tmp_path) -> Path:
    """A package with one of each."""
    for name, code in LAB.items():
        write_module(tmp_path / "mylab" / f"{name}.py", code)
    return tmp_path / "mylab"


def scores(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_one_of_each_takes_a_file_and_a_row_and_the_tests_over_the_tables_pass(lab):
    asked = "mymethod or mydeg or mydata or MYM or stay_within_their_range or bit_for_bit or input_may_be_a_view"
    folders = ["methods/test_conformance.py", "methods/test_table.py", "degradations", "data/test_loading.py"]
    folders += ["data/test_crops.py", "metrics/test_invariants.py", "metrics/test_inputs.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", asked]
    done = subprocess.run(
        [*command, *(f"tests/{folder}" for folder in folders)],
        cwd=ROOT,
        env={**os.environ, INCLUDE: str(lab)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 35, done.stdout


RUN = "run --method mymethod,lap --degradation clean,vi:mydeg(7) --metrics MYM,EN --dataset mydata"


def test_a_benchmark_of_plugins_in_one_process_and_in_two(lab, capsys):
    for devices in (1, 2):
        words = f"{RUN} --include {lab} --out {devices} --accelerator cpu --devices {devices}".split()
        assert main(words) == 0, capsys.readouterr().err
    for cell in ("clean/mymethod", "clean/lap", "vi-mydeg(7)/mymethod", "vi-mydeg(7)/lap"):
        one, two = (Path(out, "mydata", cell) for out in "12")
        assert scores(one) == scores(two)
        assert [(line["image"], line["status"]) for line in scores(one)] == [(name, "ok") for name in "abc"]
        assert all(0 < float(line["MYM"]) < 255 for line in scores(one))
        meta = json.loads((one / "meta.json").read_text())
        origin = meta["metrics"]["MYM"]["plugin"]
        assert re.fullmatch(r"mylab@[0-9a-f]{8}", origin)
        kinds = {"dataset mydata", *(["method mymethod"] * cell.endswith("mymethod"))}
        assert meta["plugins"] == dict.fromkeys([*kinds, *(["degradation mydeg"] * ("mydeg" in cell))], origin)
    assert f"MYM: plugin {origin}." in Path("1/report/table.md").read_text()


def test_results_of_another_state_of_a_plugin_are_refused(lab, capsys):
    words = [*RUN.split(), "--include", str(lab), "--limit", "1", "--out", "out"]
    assert main(words) == 0
    (lab / "method.py").write_text((lab / "method.py").read_text().replace("1 - (1 - ir) * (1 - vi)", "ir * vi"))
    forget_plugins()
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "holds results of other settings" in error
    assert "method mymethod was 'mylab@" in error


def test_degraded_sets_and_folders_of_scores_say_which_plugins_made_them(lab, capsys):
    data = ["--include", str(lab), "--dataset", "mydata"]
    assert main(["degrade", *data, "--degradation", "vi:mydeg", "--out", "set"]) == 0
    assert main(["degrade", *data, "--degradation", "ll", "--out", "set"]) == 0  # One that is added needs no plugin.
    made = json.loads(Path("set/meta.json").read_text())["plugins"]
    assert set(made) == {"dataset mydata", "degradation mydeg"}
    assert main(["score", *data, "--fused", "set/vi-mydeg/vi", "--metrics", "MYM", "--out", "scored"]) == 0
    meta = json.loads(Path("scored/meta.json").read_text())
    assert meta["plugins"] == {"dataset mydata": made["dataset mydata"]}
    assert meta["metrics"]["MYM"] == {"plugin": made["dataset mydata"]}


def test_methods_that_invert_take_the_operator_of_a_plugin(lab):
    include(lab)
    assert METHODS["drfusion-s"].unable(parse("vi:mydeg")) == ""
    rng = np.random.default_rng(0)
    ir, vi = rng.integers(256, size=(24, 32), dtype=np.uint8), rng.integers(256, size=(24, 32, 3), dtype=np.uint8)
    done = parse("ir:mydeg(9)").apply(ir, vi, name="a", seed=0)
    found = linear_model(done.degradation).ir.apply(torch.from_numpy(ir / 255.0)[None])
    assert (255 * found - torch.from_numpy(done.ir)).abs().max() <= 0.51


def test_the_example_of_the_page_runs_as_it_stands(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    Path("my_lab.py").write_text(code, encoding="utf-8")
    rng = np.random.default_rng(0)
    for name in "ab":
        write_image(Path(f"my_data/test/thermal/{name}.png"), rng.integers(256, size=(48, 64), dtype=np.uint8))
        write_image(Path(f"my_data/test/color/{name}.png"), rng.integers(256, size=(48, 64, 3), dtype=np.uint8))
    lines = re.findall(r"^    fusionbench (.*)$", PAGE.replace("\\\n", " "), re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        assert main([word.strip("'") for word in line.split()]) == 0, capsys.readouterr().err
    origin = f"my_lab.py@{hashlib.sha256(code.encode()).hexdigest()[:8]}"
    assert re.search(rf"local-contrast +{origin} +ready", capsys.readouterr().out)
    for cell in ("clean", "vi-vignette"):
        table = scores(Path("runs/my_lab/my_data", cell, "local-contrast"))
        assert all(0.3 < float(line["LU"]) <= 1 for line in table)
        assert (
            json.loads(Path("runs/my_lab/my_data", cell, "local-contrast/meta.json").read_text())["plugins"][
                "method local-contrast"
            ]
            == origin
        )


def test_what_is_installed_needs_no_option(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (project,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    site = tmp_path / "site"
    write_module(site / "my_lab.py", code)
    groups = re.sub(r'\[project\.entry-points\."(.*?)"\]', r"[\1]", project[project.index("[project.entry") :])
    entries = write_module(site / "my_lab-1.0.dist-info" / "entry_points.txt", groups.replace('"', ""))
    entries.with_name("METADATA").write_text("Metadata-Version: 2.1\nName: my-lab\nVersion: 1.0\n")

    def python(*words: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(site), str(ROOT)])
        environment = {**os.environ, "PYTHONPATH": path, INCLUDE: ""}
        return subprocess.run(
            [sys.executable, *words], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    # The plugin first: it imports fusionbench, whose tables must not import it in turn.
    program = (
        "import my_lab, fusionbench; print(fusionbench.list_methods('local*'), fusionbench.list_metrics('lu'))\n"
        "from fusionbench.cli.main import main\n"
        "for table in ('methods', 'metrics', 'datasets', 'degradations'): main(['list', table, '--format', 'csv'])"
    )
    done = python("-c", program)
    assert done.stdout.startswith("['local-contrast'] ['LU']\n"), done.stderr
    rows = re.findall(r"^([\w-]+),my-lab 1\.0,", done.stdout, re.MULTILINE)
    assert rows == ["local-contrast", "LU", "my_data", "vignette"]
    write_module(site / "my_lab.py", "import nothing_of_this_name")
    broken = python("-m", "fusionbench", "list", "methods")
    assert broken.returncode == 2
    assert broken.stderr.startswith(
        "fusionbench: plugin my_lab:METHODS of my-lab 1.0 cannot be imported (ModuleNotFound"
    )
    assert broken.stderr.count("\n") == 1
    assert python("-m", "fusionbench", "--help").returncode == 0


ROW = 'from fusionbench.methods import MethodCard as Card\nMETHODS = {{{!r}: Card("a:B", "classical", "")}}\n'
SPEC = (
    "from fusionbench.degradations import DegradationCard as Card\n"
    'DEGRADATIONS = {{{!r}: Card("a:b", ("ir",), "x", "y")}}\n'
)


@pytest.mark.parametrize(
    ("path", "code", "table", "sentence"),
    [
        ("nowhere.py", None, "methods", "nowhere.py: there is no such file or folder"),
        (".", None, "methods", "is neither a Python file, NAME.py, nor a package, NAME/__init__.py"),
        ("my-lab.py", "METHODS = {}", "methods", "is neither a Python file"),
        ("yaml.py", "METHODS = {}", "methods", "yaml.py has the name of "),
        (
            "other.py",
            "import nothere",
            "methods",
            "cannot be imported (ModuleNotFoundError: No module named 'nothere')",
        ),
        ("other.py", "METHODS = {", "methods", "cannot be imported (SyntaxError"),
        ("other.py", "x = 1", "methods", "has none of METHODS, METRICS, DATASETS, DEGRADATIONS"),
        ("other.py", "METHODS = [1]", "methods", "METHODS of plugin other.py@"),
        ("other.py", "METHODS = {'a': 1}", "methods", "is no dictionary of MethodCard by name"),
        (
            "other.py",
            ROW.format("lap"),
            "methods",
            "adds the method 'lap', a name that fusionbench has taken; rename it",
        ),
        ("other.py", ROW.format("My Method"), "methods", "a name is lower-case letters, digits, '_' and '-'"),
        ("other.py", SPEC.format("composite"), "degradations", "adds the degradation 'composite', a name that fusion"),
        ("other.py", SPEC.format("clean"), "degradations", "adds the degradation 'clean', a name that fusionbench has"),
    ],
)
def test_what_is_wrong_with_a_plugin_is_one_sentence(path, code, table, sentence, capsys):
    if code is not None:
        Path(path).write_text(code)
    assert main(["list", table, "--include", path]) == 2
    error = capsys.readouterr().err
    assert error.startswith("fusionbench: ")
    assert error.count("\n") == 1
    assert sentence in error


def test_a_name_that_another_plugin_has_taken_is_refused(lab, capsys):
    Path("other.py").write_text(ROW.format("mymethod"))
    assert main(["list", "methods", f"--include={lab},other.py"]) == 2
    assert re.search(
        r"plugin other.py@\w+ adds the method 'mymethod', a name that mylab@\w+ has", capsys.readouterr().err
    )


@pytest.mark.parametrize("words", [["list", "--include"], ["list", "--include="], ["list", "--include", "--debug"]])
def test_the_option_needs_a_path(words, capsys):
    if "--debug" in words:
        with pytest.raises(ValueError, match="--include needs the path"):
            main(words)
    else:
        assert main(words) == 2
        assert "--include needs the path" in capsys.readouterr().err


def test_a_plugin_may_read_the_tables_while_it_is_imported(lab):
    before = (lab / "__init__.py").read_text()
    reading = "from dataclasses import replace\nfrom fusionbench.methods import METHODS as OWN\n"
    more = 'METHODS["mylap"] = replace(OWN["lap"], note=f"one of {len(OWN)}")\n'
    (lab / "__init__.py").write_text(reading + before + more)
    os.environ[INCLUDE] = str(lab)  # As a process finds it that was started from another.
    assert DEGRADATIONS.origin("mydeg")
    assert METHODS["mylap"].note == f"one of {len(METHODS.own)}"
    assert METHODS["mymethod"].target == "mylab.method:Screen"


def test_a_file_of_options_includes_too(lab, capsys):
    asked = {"include": str(lab), "method": "mymethod", "dataset": "mydata", "metrics": "MYM", "out": "out"}
    Path("options.yaml").write_text(yaml.safe_dump(asked))
    assert main(["run", "--config", "options.yaml"]) == 0, capsys.readouterr().err
    assert len(scores(Path("out/mydata/clean/mymethod"))) == 3
    Path("options.yaml").write_text(yaml.safe_dump({**asked, "include": ["gone.py"]}))
    assert main(["run", "--config", "options.yaml"]) == 2
    assert "gone.py: there is no such file or folder" in capsys.readouterr().err


def test_python_includes_too(lab):
    fusionbench.include(lab)
    table = fusionbench.run("mymethod", dataset="mydata", metrics="MYM", out=None)
    assert table["MYM"].between(1, 254).all()
    assert fusionbench.list_degradations("my*") == ["mydeg"]
