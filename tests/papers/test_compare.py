"""Published beside measured: numbers by hand, marks, agreement of rankings, captions, LaTeX that compiles."""

from __future__ import annotations

import shutil
import subprocess

import pandas as pd
import pytest
from rich.console import Console

from fusionbench.papers.cells import cell_texts
from fusionbench.papers.compare import Comparison, Measured, caption, comparability, notes, tidy, tidy_differences
from fusionbench.papers.latex import difference_tables, document, escape, fragment
from fusionbench.papers.measured import Measurement, image_set
from fusionbench.papers.tables import PAPERS, Paper, Table, TableBlock, Value, load_paper
from fusionbench.papers.text import markdown, show, write_table

VALUES = {
    ("A", "EN"): Value("6350", "6.350", True, "decimal point lost; read 6.350"),
    ("B", "EN"): Value("7.100", "7.100", True),
    ("C", "EN"): Value("17.44", "", True, "impossible"),
    ("A", "MI"): Value("3.05", "3.05", True),
    ("B", "MI"): Value("2.9", "2.9", True),
    ("C", "MI"): Value("1.00", "1.00", True),
}
SCORES = {
    "A": {"EN": [6.0, 6.2, 6.1], "MI": [2.0, 2.2, 2.4]},
    "C": {"EN": [7.0, 7.4, 7.2], "MI": [2.5, 2.7, float("nan")]},
    "lap_2": {"EN": [5.0, 5.1, 5.2], "MI": [1.0, 1.0, 1.0]},
}


def block(**changes) -> TableBlock:
    given = {"dataset": "msrs", "images": 361, "known": "the official test split", **changes}
    return TableBlock("MSRS", "typical fusion", ("A", "B", "C"), ("EN", "MI"), **given)


def comparison(measured=True, shipped=None, **changes) -> Comparison:
    one = block(**changes)
    table = Table("1", "fusion of undegraded images", (one,))
    paper = Paper(
        name="dspfusion",
        title="DSPFusion",
        citation="A & B, 50 %",
        protocol="dspfusion",
        methods={},
        tables={"1": table},
        values={("1", "MSRS", "typical fusion", *cell): value for cell, value in VALUES.items()},
    )
    return Comparison(paper, table, one, scores() if measured else None, shipped or {})


def line(method, metric, mean, images=361, names="set", **changes) -> Measurement:
    """A value of the package."""
    given = {"method": method, "weights": "", "metric": metric, "mean": mean, "images": images, "image_set": names}
    place = {"dataset": "msrs", "split": "test", "degradation": "clean", "seed": 0, "protocol": "dspfusion"}
    return Measurement(**place, **given, std=0.1, version="0.1.0", torch="2.9", date="2026-11-27", **changes)


def scores(images=3, available=3, **changes) -> Measured:
    lines = [
        {"method": method, "image": str(index), "EN": columns["EN"][index], "MI": columns["MI"][index]}
        for method, columns in SCORES.items()
        for index in range(3)
    ]
    return Measured(pd.DataFrame(lines), images, available, **changes)


def test_rows_are_those_of_the_paper_and_then_the_others():
    assert comparison().methods == ["A", "B", "C", "lap_2"]
    assert comparison(measured=False).methods == ["A", "B", "C"]


def test_cells_have_the_digits_of_the_print_and_signed_differences():
    texts = cell_texts(comparison())
    assert (texts["A", "EN"].published, texts["A", "EN"].measured, texts["A", "EN"].difference) == (
        "6.350",
        "6.100",
        "-0.250",
    )
    assert (texts["A", "MI"].measured, texts["A", "MI"].difference) == ("2.20", "-0.85")
    assert (texts["B", "EN"].measured, texts["B", "EN"].difference) == ("", "")
    assert texts["lap_2", "EN"].published == ""
    assert texts["A", "EN"].corrected
    assert not texts["B", "EN"].corrected


def test_published_and_measured_numbers_are_marked_apart():
    texts = cell_texts(comparison())
    assert [texts[name, "EN"].published_place for name in "ABC"] == [2, 1, 0]
    assert [texts[name, "EN"].measured_place for name in ("A", "C", "lap_2")] == [2, 1, 0]


def test_numbers_that_cannot_be_decided_are_missing_and_marked():
    text = cell_texts(comparison())["C", "EN"]
    assert (text.published, text.corrected, text.difference) == ("-", True, "")


def test_tau_is_over_methods_that_have_both_numbers():
    one = comparison()
    # EN: only A has both. MI: A 3.05 before C 1.00 in print, 2.2 after 2.6 measured.
    assert one.tau("EN") == (None, 1)
    assert one.tau("MI") == (-1.0, 2)


def test_agreement_of_rankings_is_shown_from_four_methods_on():
    names = "ABCD"
    one = TableBlock("MSRS", "typical fusion", tuple(names), ("EN",), dataset="msrs", unknown="which")
    values = {
        ("1", "MSRS", "typical fusion", name, "EN"): Value(f"{n}.0", f"{n}.0", True) for n, name in enumerate(names)
    }
    table = Table("1", "fusion", (one,))
    paper = Paper("lure", "LURE", "", "lure", {}, {"1": table}, values=values)
    lines = [{"method": name, "image": "1", "EN": float(n)} for n, name in enumerate(names)]
    whole = Comparison(paper, table, one, Measured(pd.DataFrame(lines), 1, 1))
    assert "| Kendall tau (methods) |  | 1.00 (4) |" in markdown(table, [whole])
    assert r"Kendall $\tau$ (methods) & \multicolumn{3}{c}{1.00 (4)}" in fragment([whole])


def test_every_pair_of_measured_methods_is_tested_in_one_family():
    found = comparison().differences
    assert [(d.metric, d.first, d.second, d.images) for d in found] == [
        ("EN", "A", "C", 3),
        ("EN", "A", "lap_2", 3),
        ("EN", "C", "lap_2", 3),
        ("MI", "A", "C", 2),
        ("MI", "A", "lap_2", 3),
        ("MI", "C", "lap_2", 2),
    ]
    assert found[0].mean == pytest.approx(-1.1)
    # Three images of one sign could be chance in 2 of 2^3 cases, so that there is no verdict.
    assert {(d.p, d.adjusted) for d in found} == {(None, None)}


def test_numbers_may_be_compared_only_on_the_same_images():
    one = comparison()
    assert "not comparable: the paper has 361 images, here there are 3." in comparability(one)
    same = Comparison(one.paper, one.table, one.block, scores(images=361, available=361))
    assert comparability(same) == "Published and measured values are on the same images."


@pytest.mark.parametrize("name", PAPERS)
def test_panels_whose_images_are_unknown_are_never_called_comparable(name):
    paper = load_paper(name)
    for table in paper.tables.values():
        for one in table.blocks:
            measured = scores(images=one.images or 3, available=one.images or 3)
            if one.unknown:
                assert "not comparable" in comparability(Comparison(paper, table, one, measured))


def test_caption_names_what_the_numbers_depend_on():
    text = caption(comparison())
    for part in (
        "Table 1 of DSPFusion, MSRS, typical fusion",
        "msrs, split test, degradation clean",
        "mean over 3 images",
    ):
        assert part in text
    assert "protocol dspfusion" in text
    assert "compare with the clean sources" in text
    one = comparison()
    partial = Comparison(one.paper, one.table, one.block, scores(images=3, available=9))
    assert "the first 3 of 9 images" in caption(partial)
    assert caption(comparison(measured=False)).endswith("Published values only.")


def test_restoration_before_fusion_is_told():
    one = comparison(degradation="rain", restored="NeRD-Rain", end_to_end=("C",))
    assert "by NeRD-Rain, except for C; here they are fused unrestored" in comparability(one)
    restored = Comparison(one.paper, one.table, one.block, scores(restored=("vi:derain {in} {out}",)))
    assert "here by vi:derain {in} {out}" in comparability(restored)


def test_notes_tell_misprints_and_missing_images():
    found = notes(comparison())
    assert "Print, A EN: decimal point lost; read 6.350." in found
    assert "MI of C is over 2 of 3 images." in found


def test_csv_has_a_line_per_cell():
    frame = tidy([comparison()])
    assert len(frame) == 8
    line = frame[(frame["method"] == "A") & (frame["metric"] == "EN")].iloc[0]
    assert (line["printed"], line["published"], line["images"], line["images_published"]) == ("6350", 6.35, 3, 361)
    assert line["difference"] == pytest.approx(-0.25)
    assert len(tidy_differences([comparison()])) == 6
    assert len(tidy([comparison(measured=False)])) == 6


def test_markdown_shows_published_measured_and_difference():
    one = comparison()
    text = markdown(one.table, [one])
    assert (
        "| A |  | <u>6.350</u>† | **3.05** |\n| A, measured | 3 | <u>6.100</u> (-0.250) | <u>2.20</u> (-0.85) |" in text
    )
    assert "| lap_2, measured | 3 | 5.100 | 1.00 |" in text
    assert "Kendall" not in text  # two methods have one order or the other, whatever they are
    assert "6 measured differences between methods" in text
    assert "not comparable" in text
    bare = markdown(one.table, [comparison(measured=False)])
    assert "| B |  | **7.100** | <u>2.9</u> |" in bare


def test_latex_uses_booktabs_and_marks():
    text = fragment([comparison()])
    for part in (r"\toprule", r"\cmidrule(lr){2-4}", r"\underline{6.350}\textdagger{}", r"\textbf{7.200}", r"lap\_2"):
        assert part in text
    assert r"$-0.250$" in text
    assert "Kendall" not in text


def test_latex_escapes_everything_special():
    assert escape("a_b & 50% #1 {x} ~ ^ \\ < > | $") == (
        r"a\_b \& 50\% \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} "
        r"\textless{} \textgreater{} \textbar{} \$"
    )
    assert escape("日本") == "??"


def test_an_earlier_runs_differences_do_not_stay(tmp_path):
    one = comparison()
    assert len(write_table(one.table, [one], tmp_path)) == 5
    write_table(one.table, [comparison(measured=False)], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table1.csv", "table1.md", "table1.tex"]


def test_values_of_the_package_stand_in_where_the_run_has_none():
    one = comparison(shipped={("A", "EN"): line("A", "EN", 6.5), ("B", "EN"): line("B", "EN", 7.25)})
    texts = cell_texts(one)
    assert (texts["A", "EN"].measured, texts["A", "EN"].shipped) == ("6.100", False)  # the run's own wins
    assert (texts["B", "EN"].measured, texts["B", "EN"].shipped) == ("7.250", True)
    assert one.counts.loc[["A", "B", "C"], "EN"].tolist() == [3, 361, 3]
    text = markdown(one.table, [one])
    assert "| B, shipped | 361 | 7.250 (+0.150) | - |" in text
    assert "Shipped with the package, measured with fusionbench 0.1.0 on 2026-11-27 over 361 images: B." in text
    assert tidy([one]).query("method == 'B' and metric == 'EN'")["origin"].tolist() == ["shipped"]
    assert r"7.250\textdaggerdbl{}" in fragment([one])


def test_values_over_other_images_are_not_ranked_together():
    one = comparison(shipped={("B", "EN"): line("B", "EN", 99.0)})
    assert cell_texts(one)["B", "EN"].measured_place == 0
    assert cell_texts(one)["C", "EN"].measured_place == 1
    assert one.tau("EN") == (None, 1)
    same = comparison(shipped={("B", "EN"): line("B", "EN", 99.0, 3, image_set("012"))})
    assert cell_texts(same)["B", "EN"].measured_place == 1
    assert one.differences == comparison().differences


def test_values_of_the_package_are_compared_only_on_the_papers_images():
    cells = {("A", "EN"): line("A", "EN", 6.5)}
    assert "on the same images" in comparability(comparison(False, cells))
    cells["C", "EN"] = line("C", "EN", 6.5, 34)
    assert "not comparable: the paper has 361 images, some rows here have 34." in comparability(
        comparison(False, cells)
    )
    assert "mean over 34 or 361 images" in caption(comparison(False, cells))
    assert "over 34 of 361 images: C." in " ".join(notes(comparison(False, cells)))
    assert "not known which" in comparability(comparison(False, cells, unknown="which"))


LONGEST = 1000
"""Characters of a caption. LaTeX sets it in one line first, which may be 5.7 m long: some 4,000 characters."""


def shown(paper, table, one, measured) -> Comparison:
    """A block of which nothing, or everything, was measured."""
    if not measured or one.unmeasured:
        return Comparison(paper, table, one)
    lines = [{"method": m, "image": "1", **dict.fromkeys(one.metrics, 1.0)} for m in one.methods]
    many = Measured(pd.DataFrame(lines), 1, 1, ("vi:restore {in} {out}",) * 500, ("x " * 4000,))
    return Comparison(paper, table, one, many)


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize("name", PAPERS)
def test_captions_are_short_enough_for_latex(name, measured):
    paper = load_paper(name)
    for table in paper.tables.values():
        for one in table.blocks:
            assert len(caption(shown(paper, table, one, measured))) < LONGEST


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("name", PAPERS)
def test_a_terminal_of_eighty_columns_shows_every_number(name, width, capsys):
    paper = load_paper(name)
    found = [shown(paper, table, one, True) for table in paper.tables.values() for one in table.blocks]
    show(found, Console(width=width))
    told = capsys.readouterr().out
    assert "…" not in told
    assert max(map(len, told.splitlines())) <= width
    for one in found:
        for metric in one.metrics if one.measured else ():
            assert all(f"{one.value(method, metric).text}" in told for method in one.block.methods)


def compiled(folder, name):
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_measured_tables_compile(tmp_path):
    hostile = Comparison(
        *(getattr(comparison(), part) for part in ("paper", "table", "block")),
        measured=scores(notes=('weights x_1@abc & 100 % ~/a\\b #3 ${HOME} {out} → ü 日本 "quoted" <a|b>',)),
    )
    (tmp_path / "table1.tex").write_text(fragment([hostile, comparison(measured=False)]), encoding="utf-8")
    (tmp_path / "table1_differences.tex").write_text(difference_tables([hostile]), encoding="utf-8")
    whole = document(hostile.paper, ["table1.tex", "table1_differences.tex"])
    (tmp_path / "all.tex").write_text(whole, encoding="utf-8")
    compiled(tmp_path, "all.tex")
    assert (tmp_path / "all.pdf").stat().st_size > 10_000


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize("name", PAPERS)
def test_published_tables_compile(name, measured, tmp_path):
    paper = load_paper(name)
    for table in paper.tables.values():
        write_table(table, [shown(paper, table, one, measured) for one in table.blocks], tmp_path)
    parts = sorted(path.name for path in tmp_path.glob("table*.tex"))
    (tmp_path / "all.tex").write_text(document(paper, parts), encoding="utf-8")
    compiled(tmp_path, "all.tex")
