"""Renew the README's two tables and its picture from files.

`--demo` takes the demo's from the folder that `fusionbench demo` wrote. The paper's table is drawn from
benchmarks/measured, to which `--bench` first copies the table of a `fusionbench bench lure` run.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

import pandas as pd
from PIL import Image

ROOT = Path(__file__).parents[1]
PICTURE = Path("docs/images/demo.png")
WIDTH = 1400  # pixels; the figure itself is for print
MEASURED = ROOT / "benchmarks" / "measured" / "lure_table1.csv"


def demo_section(run: Path) -> str:
    """The picture and the tables of a demo run."""
    table = (run / "report" / "table.md").read_text(encoding="utf-8")
    caption = "One generated night scene (rows: degradations) as six methods fuse it, and the means over all scenes."
    return f"![Sources and fused images of one scene]({PICTURE.as_posix()})\n\n{caption}\n\n{table.strip()}"


def bench_section(cells: pd.DataFrame) -> str:
    """Published and measured means of the methods that have both, a table per data set."""
    measured = cells.dropna(subset=["measured"])
    parts = []
    for dataset, rows in measured.groupby("dataset", sort=False):
        images = " to ".join(str(n) for n in sorted({int(n) for n in rows["images"]}))
        metrics = list(dict.fromkeys(rows["metric"]))
        lines = [
            f"### {dataset} ({images} images)",
            "",
            "| method | " + " | ".join(metrics) + " |",
            "| --- |" + " ---: |" * len(metrics),
        ]
        for method, values in rows.groupby("method", sort=False):
            found = {row.metric: row for row in values.itertuples()}
            texts = [f"{found[m].printed} / {found[m].measured:.2f}" if m in found else "-" for m in metrics]
            lines.append(f"| {method} | " + " | ".join(texts) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


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
    parser.add_argument("--bench", type=Path, help="folder of a `fusionbench bench lure --table 1` run")
    arguments = parser.parse_args()
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    if arguments.demo:
        with Image.open(arguments.demo / "report" / "synthetic_night_0000.png") as figure:
            small = figure.convert("RGB").resize((WIDTH, round(figure.height * WIDTH / figure.width)), Image.LANCZOS)
        small.save(ROOT / PICTURE, optimize=True)
        text = replace(text, "demo", demo_section(arguments.demo))
    if arguments.bench:
        shutil.copyfile(arguments.bench / "report" / "table1.csv", MEASURED)
    text = replace(text, "bench", bench_section(pd.read_csv(MEASURED, dtype={"printed": str})))
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
