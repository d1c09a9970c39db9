"""The small networks that come with the package, beside methods without training and IFCNN, on degraded test images.

Writes `docs/small.csv` (means) and `docs/small.md` (tables, and how often each network wins). What to run is in
`small.yaml`; an interrupted run goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from rich.console import Console

from fusionbench.benchmark.options import parse_paths
from fusionbench.benchmark.run import run
from fusionbench.benchmark.spec import Benchmark, DatasetChoice, MethodChoice
from fusionbench.methods import limits_of
from fusionbench.report.tables import ScoreTable, arrow, footnotes, number, ranks, read_results

ROOT = Path(__file__).parents[1]
HEAD = """# The small networks, measured

Each row is a method, each number a mean over the images named; references are the clean sources. Bold: best of a
column. The networks are those that come with the package (`fusionbench weights info NAME` shows the card of each, with
what it was trained on). Renewed by

    make bench-small DATA=DATASETS_FOLDER{arguments}
"""


def main() -> None:
    """Run what is not done yet and write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the datasets in folders")
    parser.add_argument("--weights", default="", help="METHOD=FILE,... weight files to use instead of the default ones")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "small")
    parser.add_argument("--only", nargs="+", help="networks to run; all without")
    parser.add_argument("--limit", type=int, help="at most so many images of each dataset")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="folder of the two files")
    options = parser.parse_args()
    plan = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    chosen = [name for name in plan["studies"] if options.only is None or name in options.only]
    tables = {name: _measured(name, plan, options) for name in chosen}
    pd.concat([_long(name, found) for name, found in tables.items()]).to_csv(options.docs / "small.csv", index=False)
    arguments = f" ARGS='--limit {options.limit}'" if options.limit else ""
    sections = (_section(name, found, plan["baselines"]) for name, found in tables.items())
    page = [HEAD.format(arguments=arguments), *sections]
    notes = dict.fromkeys(note for found in tables.values() for note in footnotes(found))
    page.append("## Notes\n\n" + "\n".join(f"- {note}" for note in notes))
    (options.docs / "small.md").write_text("\n".join(page) + "\n", encoding="utf-8")


def _measured(name: str, plan: Mapping[str, Any], options: argparse.Namespace) -> list[ScoreTable]:
    weights = parse_paths(options.weights, "--weights")
    study = Benchmark(
        tuple(DatasetChoice(data, options.data / data, split) for data, split in plan["datasets"].items()),
        tuple(plan["studies"][name]),
        tuple(MethodChoice(method, weights.get(method)) for method in (name, *plan["baselines"])),
        tuple(plan["metrics"]),
        seed=plan["seed"],
        limit=options.limit,
    )
    outcome = run(study, options.out / name, console=Console())
    for problem in outcome.problems:
        print(problem)
    return read_results(options.out / name).blocks


def _long(name: str, found: Sequence[ScoreTable]) -> pd.DataFrame:
    parts = [block.means.assign(study=name, dataset=block.dataset, degradation=block.degradation) for block in found]
    table = pd.concat(parts).reset_index()
    return table[["study", "dataset", "degradation", "method", *found[0].means.columns]]


def _section(name: str, found: Sequence[ScoreTable], baselines: Sequence[str]) -> str:
    degraded = [block for block in found if block.degradation != "clean"]
    wins = [
        f"- {metric}: {sum(_wins(block, name, metric) for block in degraded)} of {len(degraded)}"
        for metric in found[0].means.columns
    ]
    limits = [f"**Limits.** {limits_of(name)}", ""] if limits_of(name) else []
    lines = [
        f"## {name}",
        "",
        *limits,
        f"Degraded scenarios in which {name} is better than {', '.join(baselines)}:",
        "",
        *wins,
    ]
    return "\n".join([*lines, *(f"\n{_table(block)}" for block in found), ""])


def _wins(block: ScoreTable, name: str, metric: str) -> bool:
    return bool(block.means[metric].idxmax() == name)


def _table(block: ScoreTable) -> str:
    places = ranks(block)
    head = ["method", *(f"{metric} {arrow(metric)}" for metric in block.means.columns)]
    lines = [f"{block.title}", "", "| " + " | ".join(head) + " |", "|:---|" + "---:|" * (len(head) - 1)]
    for method, values in block.means.iterrows():
        cells = [
            f"**{number(value)}**" if places.loc[method, metric] == 1 else number(value)
            for metric, value in values.items()
        ]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
