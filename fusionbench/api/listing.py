"""What `fusionbench list` shows and `list_methods()` returns, read from the tables without importing what they name."""

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
    """One of the tables.

    Attributes:
        about: what it holds.
        rows: its rows; the first column is the name.
        long: the column that gets the room that the others leave.
        least: how wide that column is at least.
        cut: whether its texts are cut to one line.
        folded: whether a name is a variant that is shown only when asked for.
        below: the column whose texts stand below the table, a line each.
        note: a sentence below it.
        table: the table that plugins add rows to; theirs say where they come from.
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
        """Its rows.

        Args:
            match: a pattern such as 'lure*' that names must fit, in any case; without it, variants are left out.
            every: keep the variants in any case.
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
        note=lambda: f"Any other no-reference metric of pyiqa goes by its name there: pyiqa:brisque. {LICENCE}",
        table=METRICS,
    ),
    "protocols": Listing("ways to compute metrics, for --protocol", _protocols, "title"),
}
"""Every table that can be listed, by the word that the command takes."""


def list_methods(match: str = "", *, ready: bool = False, every: bool = False) -> list[str]:
    """Names of methods.

    Args:
        match: a pattern that names must fit, such as 'lure*'; without it, variants and ablations are left out.
        ready: only methods that run here as they are: they need no weights, or these are here.
        every: variants and ablations, too.

    Example:
        >>> list_methods("lure*", ready=True)
        ['lure-s']
    """
    return [name for name in _names("methods", match, every) if not ready or is_ready(name)]


def list_metrics(match: str = "") -> list[str]:
    """Names of metrics.

    Args:
        match: a pattern that names must fit, in any case.

    Example:
        >>> list_metrics("vif*")
        ['VIF', 'VIFF']
    """
    return _names("metrics", match)


def list_datasets(match: str = "") -> list[str]:
    """Names of datasets.

    Args:
        match: a pattern that names must fit, in any case.

    Example:
        >>> list_datasets("harvard*")
        ['harvard_ct_mri', 'harvard_pet_mri', 'harvard_spect_mri']
    """
    return _names("datasets", match)


def list_degradations(match: str = "") -> list[str]:
    """Codes of degradations, which a spec joins by '+', and names of scenarios.

    Args:
        match: a pattern that names must fit, in any case.

    Example:
        >>> list_degradations("l*")
        ['lc', 'll', 'lr']
    """
    return _names("degradations", match)


def list_protocols(match: str = "") -> list[str]:
    """Names of protocols, each a paper's or toolkit's way to compute metrics.

    Args:
        match: a pattern that names must fit, in any case.

    Example:
        >>> list_protocols("vifb*")
        ['vifb', 'vifb-gray']
    """
    return _names("protocols", match)


def _names(table: str, match: str, every: bool = False) -> list[str]:
    return list(dict.fromkeys(next(iter(row.values())) for row in LISTINGS[table].chosen(match, every=every)))


def overview() -> list[Row]:
    """The tables themselves, with how many rows each has."""
    return [
        {"table": name, "rows": str(len(listing.chosen(every=True))), "what": listing.about}
        for name, listing in LISTINGS.items()
    ]
