"""The public names of the package: light to import, documented, and plain values that come back."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

import fusionbench
from fusionbench.images.files import write_image


@pytest.fixture
def folders(tmp_path):
    """Two pairs in ir/ and vi/, and their fused images in fused/."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        for kind in ("ir", "vi", "fused"):
            shape = (48, 64) if kind == "ir" else (48, 64, 3)
            write_image(tmp_path / kind / f"{name}.png", rng.integers(0, 256, shape, dtype=np.uint8))
    return tmp_path


@pytest.mark.parametrize("name", fusionbench.__all__)
def test_every_public_name_is_there_and_documented(name):
    value = getattr(fusionbench, name)
    if name != "__version__":
        assert inspect.getdoc(value), f"{name} has no docstring"


@pytest.mark.parametrize(
    "name",
    ["run", "score", "fuse", "read_image", "evaluate", *(n for n in fusionbench.__all__ if n.startswith("list_"))],
)
def test_public_functions_show_an_example(name):
    assert ">>> " in inspect.getdoc(getattr(fusionbench, name))


def test_names_are_in_order_and_nothing_else_is_found():
    _, *names = fusionbench.__all__
    assert names == sorted(names, key=lambda name: (name[0].islower(), name))
    assert set(fusionbench.__all__) <= set(dir(fusionbench))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        fusionbench.nothing  # noqa: B018


@pytest.mark.parametrize(
    "program",
    ["import fusionbench", "import fusionbench; fusionbench.list_methods(ready=True); fusionbench.list_metrics()"],
)
def test_importing_and_listing_need_nothing_heavy(program):
    heavy = "print([name for name in ('torch', 'pandas', 'lightning', 'cv2', 'scipy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", f"import sys; {program}; {heavy}"], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_a_module_does_not_hide_the_function_of_its_name():
    from fusionbench.benchmark.inputs import load_method

    assert callable(load_method)
    assert inspect.isfunction(fusionbench.run)


def test_run_takes_what_of_a_trainer_it_has_a_use_for(folders):
    asked = {"dataset": "folder", "ir": folders / "ir", "vi": folders / "vi", "metrics": "EN", "out": None}
    table = fusionbench.run("average", trainer={"accelerator": "cpu", "devices": 1, "precision": 32}, **asked)
    assert set(table["status"]) == {"ok"}
    with pytest.raises(ValueError, match="trainer takes no 'max_epochs'; it takes accelerator, devices, precision"):
        fusionbench.run("average", trainer={"max_epochs": 2}, **asked)


def test_run_gives_a_row_for_each_image_and_goes_on(folders):
    table = fusionbench.run(
        ["Average", "max"],
        dataset="folder",
        ir=folders / "ir",
        vi=str(folders / "vi"),
        degradation="clean,ir:noise",
        metrics=["en", "CC"],
        out=folders / "out",
    )
    assert list(table.columns) == ["dataset", "degradation", "method", "weights", "image", "status", "EN", "CC"]
    assert len(table) == 8
    assert set(table["status"]) == {"ok"}
    again = fusionbench.run(
        "max", dataset="folder", ir=folders / "ir", vi=folders / "vi", metrics="EN", out=folders / "out"
    )
    assert set(again["method"]) == {"max"}
    assert set(again["degradation"]) == {"clean"}
    assert (folders / "out/folder/clean/max/images/a.png").exists()


def test_run_leaves_nothing_behind_without_a_folder(folders, monkeypatch):
    monkeypatch.chdir(folders)
    before = sorted(folders.iterdir())
    fusionbench.run("average", metrics="EN", limit=1, out=None)
    assert sorted(folders.iterdir()) == before


def test_run_warns_of_what_runs_instead(folders, monkeypatch):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(folders / "home"))
    with pytest.warns(UserWarning, match="'drfusion-s' runs"):
        table = fusionbench.run(
            "drfusion", dataset="folder", ir=folders / "ir", vi=folders / "vi", metrics="EN", limit=1, out=None
        )
    assert set(table["method"]) == {"drfusion-s"}


def test_score_gives_a_row_for_each_image(folders):
    table = fusionbench.score(folders / "fused", folders / "ir", folders / "vi", metrics="en,mi@TANG")
    assert list(table.columns) == ["image", "status", "EN", "MI@tang"]
    assert list(table["image"]) == ["a", "b"]
    (folders / "fused" / "b.png").unlink()
    with pytest.raises(ValueError, match="1 pairs have no fused image"):
        fusionbench.score(folders / "fused", folders / "ir", folders / "vi")
    with pytest.warns(UserWarning, match="1 pairs have no fused image"):
        kept = fusionbench.score(folders / "fused", folders / "ir", folders / "vi", unmatched="skip", metrics="EN")
    assert list(kept["image"]) == ["a"]


def test_lists_are_plain_names():
    assert "lure-s" in fusionbench.list_methods()
    assert "lure-s-gate" not in fusionbench.list_methods()
    assert "lure-s-gate" in fusionbench.list_methods(every=True)
    assert fusionbench.list_methods("LAP") == ["lap"]
    assert fusionbench.list_methods("nothing*") == []
    assert fusionbench.list_degradations().count("noise") == 1
    assert {"msrs", "synthetic"} <= set(fusionbench.list_datasets())
    assert "Qabf" in fusionbench.list_metrics()
    assert "tang" in fusionbench.list_protocols()
