"""What `fusionbench list` prints: the tables, read without importing what they name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.table import Table

from fusionbench.data import DATASETS
from fusionbench.degradations import KINDS, SCENARIOS
from fusionbench.methods import METHODS
from fusionbench.metrics import METRICS, PROTOCOLS
from fusionbench.metrics.networks import LICENCE

ARROWS = {True: "↑", False: "↓", None: ""}


def methods() -> Table:
    """One row per method: what it is, its paper and its licence."""
    rows = ((name, card.family, card.paper, card.licence) for name, card in METHODS.items())
    return _table(("method", "family", "paper", "licence"), rows)


def datasets() -> Table:
    """One row per data set: what it shows, its splits, its licence."""
    rows = ((name, card.title, ", ".join(card.splits), card.licence) for name, card in DATASETS.items())
    return _table(("data set", "title", "splits", "licence"), rows)


def degradations() -> Table:
    """One row per degradation code and scenario: where it applies, its parameters, what it does."""
    rows = [
        (code, " ".join(kind.on), ", ".join(parameter.name for parameter in kind.parameters), kind.about)
        for code, kind in KINDS.items()
    ]
    rows += [(name, "pair", scenario.spec, scenario.about) for name, scenario in SCENARIOS.items()]
    return _table(("code", "on", "parameters or terms", "what it does"), rows)


def metrics() -> Table:
    """One row per score: direction, range, what it reads, source."""
    rows = (
        (f"{name} {ARROWS[row.higher_is_better]}".strip(), row.title, _span(row.range, row.unit), row.reads, row.source)
        for name, row in METRICS.items()
    )
    table = _table(("score", "title", "range", "reads", "source"), rows)
    table.caption = f"Any other no-reference score of pyiqa goes by its name there: pyiqa:brisque. {LICENCE}"
    table.caption_justify = "left"
    return table


def protocols() -> Table:
    """One row per protocol: whose it is and which scores it has."""
    rows = (
        (name, protocol.title, "all" if name == "exact" else ", ".join(sorted(protocol.scores())))
        for name, protocol in PROTOCOLS.items()
    )
    return _table(("protocol", "title", "scores"), rows)


TABLES: dict[str, Callable[[], Table]] = {
    "datasets": datasets,
    "degradations": degradations,
    "methods": methods,
    "metrics": metrics,
    "protocols": protocols,
}


def _span(limits: tuple[float, float], unit: str) -> str:
    low, high = (f"{limit:g}".replace("inf", "∞") for limit in limits)
    return f"{low} to {high} {unit}".strip()


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for index, title in enumerate(header):
        table.add_column(title, overflow="fold", style="bold" if index == 0 else "")
    for row in rows:
        table.add_row(*row)
    return table
