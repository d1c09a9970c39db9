"""The tables of docs/degradations.md, made from `DEGRADATIONS` and `SCENARIOS`.

`make docs` renews them; the text around them is written manually.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from fusionbench.degradations.grammar import write_value
from fusionbench.degradations.table import DEGRADATIONS, SCENARIOS
from fusionbench.report.markdown import markdown_table

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"


def tables() -> str:
    """Codes, their parameters and the scenarios, in markdown."""
    codes = ((f"`{code}`", ", ".join(kind.on), kind.about, kind.origin) for code, kind in DEGRADATIONS.own.items())
    parameters = (
        (
            f"`{code}`",
            f"`{parameter.name}`",
            write_value(parameter.default),
            f"{write_value(parameter.low)} to {write_value(parameter.high)}",
            parameter.meaning,
            parameter.source,
        )
        for code, kind in DEGRADATIONS.own.items()
        for parameter in kind.parameters
    )
    scenarios = ((f"`{code}`", f"`{row.spec}`", row.about, row.origin) for code, row in SCENARIOS.items())
    return "\n".join(
        [
            "### Codes\n",
            _table(("code", "on", "what it does", "origin"), codes),
            "### Parameters, in the order in which a spec gives them\n",
            _table(("code", "parameter", "default", "range", "meaning", "source of the default"), parameters),
            "### Scenarios: both images of a pair, written without a prefix\n",
            _table(("code", "stands for", "what it does", "origin"), scenarios),
        ]
    )


def renewed(page: str) -> str:
    """A page with the text between its marks replaced by the current tables.

    Raises:
        ValueError: the page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks the marks {BEGIN!r} and {END!r} around the tables")
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return markdown_table(head, rows, left=len(head)) + "\n"


if __name__ == "__main__":
    path = Path(__file__).parents[1] / "degradations.md"
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
