"""Which differences between the methods of a run are significant, as markdown and CSV."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from fusionbench.files import write_atomically
from fusionbench.report.markdown import markdown_table
from fusionbench.report.significance import TESTS, Difference, difference_texts, differences
from fusionbench.report.tables import Results, ScoreTable


def write_differences(results: Results) -> list[Path]:
    """Write `report/differences.{md,csv}`: every pair of methods by every metric, within each table of a run.

    Source:
        `TESTS` says which interval and test.
    """
    found = {(block.dataset, block.degradation): _within(results, block) for block in results.blocks}
    sections = [f"### {', '.join(place)}\n\n{_table(own)}" for place, own in found.items() if own]
    lines = [
        {"dataset": dataset, "degradation": degradation, **asdict(each)}
        for (dataset, degradation), own in found.items()
        for each in own
    ]
    columns = ["dataset", "degradation", *Difference.__dataclass_fields__]
    texts = {
        "differences.md": "\n\n".join([TESTS, *sections]) + "\n",
        "differences.csv": pd.DataFrame(lines, columns=columns).to_csv(index=False),
    }
    for name, text in texts.items():
        write_atomically(results.out / "report" / name, text)
    return [results.out / "report" / name for name in texts]


def _within(results: Results, block: ScoreTable) -> list[Difference]:
    scores = results.scores
    rows = scores[(scores["dataset"] == block.dataset) & (scores["degradation"] == block.degradation)]
    return differences(rows, [str(metric) for metric in block.means.columns])


def _table(found: list[Difference]) -> str:
    head = ["metric", "first", "second", "images", "difference", "95 % interval", "p", "p (Holm)"]
    rows = [[each.metric, each.first, each.second, *difference_texts(each)] for each in found]
    return markdown_table(head, rows, left=3)
