"""PROTOCOLS: how each paper or toolkit computes the scores that it reports.

`exact` is the definitions of METRICS. Every other protocol lists the scores that its toolkit has: those it computes
exactly, those it computes in its own way (with the reason), and those it has but that are left out (with the reason).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from fusionbench.lazy import unknown
from fusionbench.metrics.table import METRICS


@dataclass(frozen=True)
class Variant:
    """One way to compute a score.

    Attributes:
        target: the definition as 'module:function'.
        options: its keyword arguments.
        view: which planes of the images it reads, a key of VIEWS in images.py.
        why: one sentence on how it differs from the exact score.
    """

    target: str
    options: Mapping[str, float | str | bool] = field(default_factory=dict)
    why: str = ""
    view: str = "gray"


@dataclass(frozen=True)
class Protocol:
    """The scores of one paper or toolkit.

    Attributes:
        title: whose convention this is.
        same: scores that it computes as METRICS defines them.
        other: scores that it computes in its own way.
        missing: scores it reports that are left out, each with the reason.
    """

    title: str
    same: tuple[str, ...] = ()
    other: Mapping[str, Variant] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def scores(self) -> dict[str, Variant]:
        """Every score that the protocol computes."""
        return {name: exact(name) for name in self.same} | dict(self.other)


def exact(name: str) -> Variant:
    """The definition in METRICS."""
    row = METRICS[name]
    return Variant(row.target, row.options)


def choose(name: str, protocol: str = "exact") -> Variant:
    """The way to compute `name`, which may carry its own protocol ('MI@tang').

    Raises:
        ValueError: there is no such score or protocol, or the protocol does not have the score.
    """
    metric, _, own = name.partition("@")
    protocol = own or protocol
    if metric not in METRICS:
        raise unknown("metric", metric, METRICS)
    if protocol not in PROTOCOLS:
        raise unknown("protocol", protocol, PROTOCOLS)
    if protocol == "exact":
        return exact(metric)
    chosen = PROTOCOLS[protocol]
    if metric in chosen.missing:
        raise ValueError(f"{metric!r} is left out of protocol {protocol!r}: {chosen.missing[metric]}")
    scores = chosen.scores()
    if metric not in scores:
        known = ", ".join(sorted(scores))
        raise ValueError(f"protocol {protocol!r} has no {metric!r}; write '{metric}@exact' or take one of {known}")
    return scores[metric]


_MI = "fusionbench.metrics.information:mutual_information"
_PSNR = "fusionbench.metrics.statistics:peak_signal_to_noise"

PROTOCOLS: dict[str, Protocol] = {
    "exact": Protocol("correct definitions, as METRICS states them", same=tuple(METRICS)),
    "cddfuse": Protocol(
        "CDDFuse's Evaluator (Python)",
        same=("CC", "EN", "Qabf", "SCD", "SD", "SF", "VIF"),
        other={"MI": Variant(_MI, {"base": math.e}, "nats instead of bits")},
    ),
    "dspfusion": Protocol("the tables of DSPFusion", same=("EN", "MI", "Qabf", "SD", "SF", "VIF")),
    "lure": Protocol("the tables of LURE", same=("AG", "CC", "EN", "SCD", "SD", "SF")),
}
