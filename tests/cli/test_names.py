"""Names of tables are found in whatever case they are written, and kept as the tables spell them."""

from __future__ import annotations

import json

import pytest
import torch

from fusionbench import methods
from fusionbench.benchmark.spec import Benchmark, DatasetChoice, MethodChoice
from fusionbench.cli.main import main
from fusionbench.data import DATASETS, describe
from fusionbench.degradations import DEGRADATIONS, SCENARIOS, parse
from fusionbench.hub.catalog import owner_of
from fusionbench.methods import METHODS
from fusionbench.metrics import METRICS, PROTOCOLS, FusionMetric, canonical, choose, evaluate, row
from fusionbench.metrics.pyiqa.table import NETWORKS
from fusionbench.registry import LISTED, lookup

TABLES = {
    "dataset": DATASETS,
    "degradation": [*DEGRADATIONS, *SCENARIOS],
    "method": METHODS,
    "metric": METRICS,
    "protocol": PROTOCOLS,
    "no-reference metric of pyiqa": NETWORKS,
}


@pytest.mark.parametrize("kind", TABLES)
def test_every_name_is_found_in_any_case(kind):
    for name in TABLES[kind]:
        assert {lookup(kind, written, TABLES[kind]) for written in (name, name.upper(), name.lower())} == {name}


def test_a_name_that_fits_several_is_refused_unless_its_case_fits_one():
    assert lookup("metric", "Qs", ["QS", "Qs"]) == "Qs"
    with pytest.raises(ValueError, match="metric 'qs' is ambiguous: 'QS' or 'Qs'; write one of them exactly"):
        lookup("metric", "qs", ["QS", "Qs"])


@pytest.mark.parametrize("kind", LISTED)
def test_a_name_that_resembles_none_gets_the_command_that_lists_them(kind):
    with pytest.raises(ValueError, match=f"unknown {kind} 'zzzzzz'; {LISTED[kind]} shows all") as caught:
        lookup(kind, "zzzzzz", METHODS)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("command", sorted(set(LISTED.values())))
def test_the_commands_that_list_names_exist(command, capsys):
    assert main(command.split()[1:]) == 0
    assert capsys.readouterr().out.strip()


def test_an_unlisted_table_shows_its_first_names_only():
    with pytest.raises(ValueError, match=r"known: n00, n01, n02, n03, n04, n05, n06, n07, \.\.\.$"):
        lookup("paper", "zzzzzz", [f"n{index:02}" for index in range(40)])


def test_a_benchmark_keeps_names_as_the_tables_spell_them():
    benchmark = Benchmark(
        datasets=(DatasetChoice("MSRS"),),
        degradations=("Clean", "LL+lc", "VI:Rain(0.5)"),
        methods=(MethodChoice("LAP"), MethodChoice("Lure-S")),
        metrics=("en", "qABF@Tang", "cc@INPUT", "Musiq", "PYIQA:Brisque", "NIMA"),
        protocol="TANG",
    )
    assert [dataset.name for dataset in benchmark.datasets] == ["msrs"]
    assert benchmark.degradations == ("clean", "ll+lc", "vi:rain(0.5)")
    assert [method.name for method in benchmark.methods] == ["lap", "lure-s"]
    assert benchmark.metrics == ("EN", "Qabf@tang", "CC@input", "MUSIQ", "pyiqa:brisque", "pyiqa:nima")
    assert benchmark.protocol == "tang"


@pytest.mark.parametrize(
    "names", [{"methods": ("lap", "LAP")}, {"metrics": ("EN", "en")}, {"degradations": ("ll", "LL")}]
)
def test_one_name_in_two_cases_is_named_twice(names):
    given = {"methods": ("lap",), "metrics": ("EN",), "degradations": ("clean",), **names}
    chosen = tuple(MethodChoice(name) for name in given.pop("methods"))
    with pytest.raises(ValueError, match="is given twice"):
        Benchmark(datasets=(DatasetChoice("synthetic"),), methods=chosen, **given)


def test_results_carry_the_tables_spelling(tmp_path, capsys):
    words = (
        "run --method Average --dataset SYNTHETIC --metrics en,mi@Tang --protocol EXACT --degradation CLEAN --limit 1"
    )
    assert main([*words.split(), "--out", str(tmp_path)]) == 0
    folder = tmp_path / "synthetic" / "clean" / "average"
    assert (folder / "scores.csv").read_text().splitlines()[0].endswith("EN,MI@tang")
    meta = json.loads((folder / "meta.json").read_text())
    settings = meta.get("settings", meta)
    assert (settings["dataset"], settings["method"], settings["protocol"]) == ("synthetic", "average", "exact")
    # The same run in another case goes on in the same folder.
    assert main([*words.lower().split(), "--out", str(tmp_path)]) == 0


def test_a_config_file_may_be_in_any_case(tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text("method: [LAP]\ndataset: Synthetic\nmetrics: [vif]\nprotocol: Exact\nlimit: 1\n")
    assert main(["run", "--config", str(config), "--out", str(tmp_path / "o")]) == 0
    assert (tmp_path / "o" / "synthetic" / "clean" / "lap" / "scores.csv").read_text().splitlines()[0].endswith("VIF")


def test_python_finds_names_in_any_case():
    ir, vi = torch.rand(1, 1, 48, 48), torch.rand(1, 3, 48, 48)
    assert list(evaluate(vi, ir, vi, ["en", "Ssim", "mi@TANG"])) == ["EN", "SSIM", "MI@tang"]
    assert FusionMetric("en").name == "EN"
    assert row("vif") is METRICS["VIF"]
    assert choose("mi", "TANG") == choose("MI@tang")
    assert canonical("fmi_DCT") == "FMI_dct"
    assert methods.card_of("LURE-S") is METHODS["lure-s"]
    assert methods.load("LURE-S").weights_name == methods.load("lure-s").weights_name
    assert describe("MSRS")["name"] == "msrs"
    assert owner_of("Lure-S").name == "lure-s"
    assert str(parse("CLEAN")) == "clean"
    assert str(parse("VI:LL+IR:LC")) == str(parse("ll+lc"))


def test_options_that_name_methods_and_data_sets_are_found_in_any_case(tmp_path):
    from fusionbench.benchmark.options import choose_datasets, choose_methods, parse_commands, parse_data_roots

    chosen = choose_methods(["IFCNN"], "Ifcnn=a.pth")[0]
    assert (chosen.name, str(chosen.weights)) == ("ifcnn", "a.pth")
    assert parse_commands("EXTERNAL=fuse {ir} {vi} {out}", ["external"]) == {"external": "fuse {ir} {vi} {out}"}
    assert [one.name for one in choose_datasets("", "MSRS=a,Tno=b").datasets] == ["msrs", "tno"]
    assert list(parse_data_roots("MSRS=a")[1]) == ["msrs"]
