"""The tables of pyiqa's scores: complete, in agreement with the installed pyiqa, and reached by clean names."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import fusionbench
from fusionbench.metrics import choose, row
from fusionbench.metrics.pyiqa.preflight import find_files
from fusionbench.metrics.pyiqa.rows import NO_REFERENCE, pyiqa_name
from fusionbench.metrics.pyiqa.sandbox import quietly
from fusionbench.metrics.pyiqa.table import LEFT_OUT, NETWORKS, card_of


@pytest.fixture(scope="module")
def configurations():
    with quietly():
        from pyiqa.default_model_configs import DEFAULT_CONFIGS
    return DEFAULT_CONFIGS


def test_every_score_without_reference_is_offered_or_left_out_with_a_reason(configurations):
    without = {name for name, entry in configurations.items() if entry["metric_mode"] == "NR"}
    assert set(NETWORKS) | set(LEFT_OUT) == without
    assert not set(NETWORKS) & set(LEFT_OUT)
    assert all(LEFT_OUT.values())


@pytest.mark.parametrize("metric", NETWORKS)
def test_direction_is_that_of_pyiqa(metric, configurations):
    assert NETWORKS[metric].higher_is_better is not configurations[metric].get("lower_better", False)


def test_every_file_is_one_that_pyiqa_asks_for():
    sources = "".join(path.read_text() for path in Path(find_spec("pyiqa").origin).parent.glob("archs/*_arch.py"))
    files = {place.partition("/")[2] for network in NETWORKS.values() for place in network.files}
    assert [file for file in sorted(files) if f"'{file}'" not in sources] == ["RN50.pt", "ViT-B-32.pt", "ViT-L-14.pt"]


@pytest.mark.parametrize("file", ["RN50.pt", "ViT-B-32.pt", "ViT-L-14.pt"])
def test_clip_files_are_checked_by_the_whole_hash_in_their_address(file):
    with quietly():
        from clip.clip import _MODELS

    card = card_of(f"clip/{file}")
    assert card.urls[0] in _MODELS.values()
    assert re.fullmatch(r"[0-9a-f]{64}", card.sha256)
    assert f"/{card.sha256}/{file}" in card.urls[0]


def test_the_digits_in_a_name_are_its_checksum():
    assert card_of("pyiqa/musiq_koniq_ckpt-e95806b9.pth").sha256 == "e95806b9"
    assert card_of("pyiqa/ckpt_koniq10k.pt").sha256 == ""
    assert (
        card_of("pyiqa/CLIP-IQA+_learned_prompts-603f3273.pth")
        .urls[0]
        .endswith("CLIP-IQA%2B_learned_prompts-603f3273.pth")
    )


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("MUSIQ", "musiq"),
        ("MUSIQ-AVA", "musiq-ava"),
        ("CLIP-IQA", "clipiqa"),
        ("pyiqa:brisque", "brisque"),
        ("NIMA", "nima"),
        ("TOPIQ_NR", "topiq_nr"),
        ("clipiqa+_vitl14_512", "clipiqa+_vitL14_512"),
        ("EN", ""),
        ("SSIM", ""),
    ],
)
def test_names_lead_to_one_score(name, metric):
    assert pyiqa_name(name) == metric
    if metric:
        assert choose(name).options == {"metric": metric}
        assert choose(name, "cddfuse") == choose(name)
        assert row(name).higher_is_better is NETWORKS[metric].higher_is_better


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pyiqa:brisqe", "unknown no-reference metric of pyiqa 'brisqe'; did you mean 'brisque'"),
        ("pyiqa:psnr", "unknown no-reference metric of pyiqa 'psnr'"),
        ("MUSIC", "unknown metric 'MUSIC'; did you mean 'MUSIQ'"),
        ("pyiqa:fid", "'fid' is not supported: it evaluates a set of images"),
        ("QAlign", "'qalign' is not supported: it is a language model"),
    ],
)
def test_other_names_are_refused_with_the_reason(name, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        choose(name)


def test_lure_says_that_its_musiq_is_not_settled():
    with pytest.raises(ValueError, match="MUSIQ-AVA or a tenth of MUSIQ"):
        choose("MUSIQ", "lure")
    assert choose("MUSIQ@exact", "lure").options == {"metric": "musiq"}


def test_rows_of_papers_are_of_pyiqas_default_variants():
    metrics = {name: entry.options["metric"] for name, entry in NO_REFERENCE.items()}
    assert metrics == {
        "ARNIQA": "arniqa",
        "CLIP-IQA": "clipiqa",
        "LIQE": "liqe",
        "MANIQA": "maniqa",
        "MUSIQ": "musiq",
        "MUSIQ-AVA": "musiq-ava",
        "NIQE": "niqe",
        "PI": "pi",
        "TReS": "tres",
    }


@pytest.mark.parametrize(
    ("installed", "missing"),
    # openai-clip imports pkg_resources, which setuptools dropped with version 81; the extra holds it below.
    [((), "pyiqa"), (("pyiqa", "clip"), "pkg_resources")],
)
def test_a_missing_package_is_named_with_its_remedy(installed, missing, tmp_path):
    for package in installed:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(Path(fusionbench.__file__).parents[1])!r}]\n"
        "from fusionbench.metrics.pyiqa.preflight import find_files\n"
        "try:\n    find_files('clipiqa', 'CLIP-IQA')\nexcept ModuleNotFoundError as error:\n    print(error)"
    )
    # -S leaves the installed packages out.
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"CLIP-IQA needs the package {missing}; pip install 'fusionbench[iqa]'"


def test_the_table_answers_without_torch_and_with_the_licence():
    program = (
        "import sys; from fusionbench.cli.main import main; main(['list', 'metrics']); "
        "print([name for name in ('torch', 'pyiqa', 'clip', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "noncommercial use only" in " ".join(done.stdout.split())
    assert done.stdout.strip().endswith("[]")


def test_ready_reads_nothing_for_scores_without_files():
    assert find_files("piqe").files == {}
