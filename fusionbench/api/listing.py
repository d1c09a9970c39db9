"""The lists of `fusionbench list` and `list_methods()`, read from the tables without importing their entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from fusionbench.data import DATASETS
from fusionbench.degradations import DEGRADATIONS, SCENARIOS, linear_codes
from fusionbench.methods import METHODS, fallback, is_ready, limits_of, variant_of
from fusionbench.metrics import METRICS, PROTOCOLS
from fusionbench.metrics.pyiqa.table import LICENCE
from fusionbench.plugins import Table
from fusionbench.report.columns import Row

BETTER = {True: "higher", False: "lower", None: ""}


@dataclass(frozen=True)
class Listing:
    """One of the lists.

    Attributes:
        about: its content.
        rows: its rows; the first column is the name.
        long: the column that gets the remaining width.
        least: minimum width of that column.
        cut: whether its texts are cut to one line.
        folded: whether a name is a variant, which is shown on request only.
        below: the column whose texts are shown below the list, one per line.
        note: a sentence below the list.
        table: the table to which plugins add rows; their origin is shown.
    """

    about: str
    rows: Callable[[], Iterator[Row]]
    long: str
    least: int = 40
    cut: bool = False
    folded: Callable[[str], bool] = lambda name: False
    below: str = ""
    note: Callable[[], str] = lambda: ""
    table: Table[Any] | None = None

    def chosen(self, match: str = "", *, every: bool = False) -> list[Row]:
        """The rows to show.

        Args:
            match: pattern of the names, such as 'lure*', case-insensitive; without it, variants are left out.
            every: include variants.
        """
        pattern = match.casefold()
        named = [(next(iter(row.values())), row) for row in self.rows()]
        if self.table is not None and any(self.table.origin(name) for name, _ in named):
            origin = self.table.origin
            named = [
                (name, {next(iter(row)): name, "from": origin(name) or "fusionbench", **row}) for name, row in named
            ]
        return [
            row
            for name, row in named
            if (fnmatchcase(name.casefold(), pattern) if match else every or not self.folded(name))
        ]


def state_of(name: str) -> str:
    """Whether a method can run here: 'ready', 'runs as ...', 'needs weights' or 'external'."""
    if METHODS[name].family == "external":
        return "external"
    if is_ready(name):
        return "ready"
    small = fallback(name)
    return f"runs as {small}" if small else "needs weights"


def _methods() -> Iterator[Row]:
    for name, card in METHODS.items():
        yield {
            "method": name,
            "state": state_of(name),
            "degradations": "linear" if card.inverts else "any",
            "family": card.family,
            "paper": card.paper,
            "licence": card.licence,
            "note": card.note,
            "variant of": variant_of(name),
            "repository": card.repository,
            "limits": limits_of(name),
        }


def _datasets() -> Iterator[Row]:
    for name, card in DATASETS.items():
        yield {"dataset": name, "title": card.title, "splits": ", ".join(card.splits), "licence": card.licence}


def _degradations() -> Iterator[Row]:
    for code, kind in DEGRADATIONS.items():
        parameters = ", ".join(parameter.name for parameter in kind.parameters)
        yield {"degradation": code, "on": " ".join(kind.on), "what it does": kind.about, "parameters": parameters}
    for name, scenario in SCENARIOS.items():
        yield {"degradation": name, "on": "pair", "what it does": scenario.about, "parameters": scenario.spec}


def _metrics() -> Iterator[Row]:
    for name, row in METRICS.items():
        low, high = (f"{limit:g}".replace("inf", "∞") for limit in row.range)
        yield {
            "metric": name,
            "better": BETTER[row.higher_is_better],
            "title": row.title,
            "range": f"{low} to {high} {row.unit}".strip(),
            "reads": row.reads,
            "source": row.source,
        }


def _protocols() -> Iterator[Row]:
    for name, protocol in PROTOCOLS.items():
        metrics = "all" if name == "exact" else ", ".join(sorted(protocol.scores()))
        yield {"protocol": name, "title": protocol.title, "metrics": metrics}


LISTINGS = {
    "methods": Listing(
        "fusion methods, for --method",
        _methods,
        "paper",
        least=16,
        cut=True,
        folded=lambda name: bool(variant_of(name)),
        below="limits",
        note=lambda: f"linear: {', '.join(linear_codes())} and clean. Variants and ablations are not shown: --all.",
        table=METHODS,
    ),
    "datasets": Listing("datasets of image pairs, for --dataset", _datasets, "title", table=DATASETS),
    "degradations": Listing(
        "degradations of images, for --degradation", _degradations, "what it does", table=DEGRADATIONS
    ),
    "metrics": Listing(
        "metrics of fused images, for --metrics",
        _metrics,
        "title",
        note=lambda: f"Other no-reference metrics of pyiqa are written with their name there: pyiqa:brisque. {LICENCE}",
        table=METRICS,
    ),
    "protocols": Listing("ways to compute metrics, for --protocol", _protocols, "title"),
}
"""All lists, by their word on the command line."""


def list_methods(match: str = "", *, ready: bool = False, every: bool = False) -> list[str]:
    """Names of methods.

    Args:
        match: pattern of the names, such as 'lure*'; without it, variants and ablations are left out.
        ready: only methods that can run now, because they need no weights or these are available.
        every: include variants and ablations.

    Example:
        >>> list_methods("lure*", ready=True)
        ['lure-s']
    """
    return [name for name in _names("methods", match, every) if not ready or is_ready(name)]


def list_metrics(match: str = "") -> list[str]:
    """Names of metrics.

    Args:
        match: pattern of the names, case-insensitive.

    Example:
        >>> list_metrics("vif*")
        ['VIF', 'VIFF']
    """
    return _names("metrics", match)


def list_datasets(match: str = "") -> list[str]:
    """Names of datasets.

    Args:
        match: pattern of the names, case-insensitive.

    Example:
        >>> list_datasets("harvard*")
        ['harvard_ct_mri', 'harvard_pet_mri', 'harvard_spect_mri']
    """
    return _names("datasets", match)


def list_degradations(match: str = "") -> list[str]:
    """Codes of degradations, which specs join by '+', and names of scenarios.

    Args:
        match: pattern of the names, case-insensitive.

    Example:
        >>> list_degradations("l*")
        ['lc', 'll', 'lr']
    """
    return _names("degradations", match)


def list_protocols(match: str = "") -> list[str]:
    """Names of protocols, each the way in which a paper or toolkit computes metrics.

    Args:
        match: pattern of the names, case-insensitive.

    Example:
        >>> list_protocols("vifb*")
        ['vifb', 'vifb-gray']
    """
    return _names("protocols", match)


def _names(table: str, match: str, every: bool = False) -> list[str]:
    return list(dict.fromkeys(next(iter(row.values())) for row in LISTINGS[table].chosen(match, every=every)))


def overview() -> list[Row]:
    """The lists themselves, with their numbers of rows."""
    return [
        {"table": name, "rows": str(len(listing.chosen(every=True))), "what": listing.about}
        for name, listing in LISTINGS.items()
    ]
