"""Renew the README's two tables and its picture from files.

`--demo` takes the demo's from the folder that `fusionbench demo` wrote. The paper's table is of the measured values
that come with the package, `benchmarks/measured`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from fusionbench.papers.cells import NOTHING, cell_texts
from fusionbench.papers.compare import Comparison, is_measured
from fusionbench.papers.measured import Measurement, read_measured
from fusionbench.papers.requirements import select_methods, shipped
from fusionbench.papers.tables import MEASURED, load_paper
from fusionbench.report.tables import read_results
from fusionbench.report.text import markdown

ROOT = Path(__file__).parents[1]
PICTURE = Path("docs/images/demo.png")
WIDTH = 1200  # pixels; the figure itself is for print
SHOWN = "ll+lc"
"""The degradation whose table the README shows."""

PAPER, TABLE = "lure", "1"


def picture_section() -> str:
    """The picture of the demo and what it shows."""
    return "\n".join(
        [
            f"![Infrared, visible and fused images of one scene]({PICTURE.as_posix()})",
            "",
            "A generated night scene as `make demo` shows it: clean sources, low light with low infrared contrast "
            "(`ll+lc`), and",
            "`noise`; two classical methods, then the small networks that come with the package.",
        ]
    )


def demo_section(run: Path) -> str:
    """The table of a demo run under one degradation."""
    (block,) = [block for block in read_results(run).blocks if block.degradation == SHOWN]
    rows = [line for line in markdown([block]).splitlines() if line.startswith("|")]
    about = f"Means over {block.images} scenes under `{SHOWN}`, references are the clean sources."
    return "\n".join([*rows, "", f"{about} **Best**, <u>second best</u>."])


def bench_section(known: Sequence[Measurement]) -> str:
    """Published and measured means of a paper's table, for the first of its datasets that has any.

    Args:
        known: measured values.
    """
    paper = load_paper(PAPER)
    table = paper.tables[TABLE]
    for block in table.blocks:
        one = Comparison(paper, table, block, shipped=shipped(paper, block, known, select_methods(paper, block, ())))
        if is_measured(one):
            return _grid(one)
    raise SystemExit(f"nothing was measured of table {TABLE} of {paper.title}; run `make measured DATA=DIR`")


def _grid(one: Comparison) -> str:
    texts = cell_texts(one)
    measured = [method for method in one.methods if one.means.loc[method].notna().any()]
    lines = [
        f"Table {one.table.name} of {one.paper.title}, {one.block.printed}: published / measured",
        "",
        f"| method | images | {' | '.join(one.metrics)} |",
        "| --- | ---: |" + " ---: |" * len(one.metrics),
    ]
    for method in measured:
        cells = [texts[method, metric] for metric in one.metrics]
        pairs = [f"{cell.published or NOTHING} / {cell.measured or NOTHING}" for cell in cells]
        lines.append(f"| {method} | {one.counts.loc[method].max()} | {' | '.join(pairs)} |")
    return "\n".join(lines)


def replace(text: str, mark: str, section: str) -> str:
    """What stands between the marks of a section, renewed."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    pattern = f"{re.escape(begin)}.*{re.escape(end)}"
    if not re.search(pattern, text, re.DOTALL):
        raise SystemExit(f"README.md lacks the marks {begin} and {end}")
    return re.sub(pattern, lambda _: f"{begin}\n{section}\n{end}", text, flags=re.DOTALL)


def main() -> None:
    """Copy picture and table where they are new, and replace what stands between the marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, help="folder of a `fusionbench demo` run")
    arguments = parser.parse_args()
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    text = replace(text, "picture", picture_section())
    if arguments.demo:
        with Image.open(arguments.demo / "report" / "synthetic_night_0000.png") as figure:
            small = figure.convert("RGB").resize((WIDTH, round(figure.height * WIDTH / figure.width)), Image.LANCZOS)
        small.save(ROOT / PICTURE, optimize=True)
        text = replace(text, "demo", demo_section(arguments.demo))
    text = replace(text, "bench", bench_section(read_measured(ROOT / "benchmarks" / MEASURED)))
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
