"""NO_REFERENCE: rows of no-reference metrics under the papers' names, and rows of pyiqa's other metrics."""

from __future__ import annotations

from fusionbench.metrics.pyiqa.preflight import network_of
from fusionbench.metrics.pyiqa.table import LEFT_OUT, NETWORKS
from fusionbench.metrics.row import MetricRow

PREFIX = "pyiqa:"
FAMILY = "fusionbench.metrics.pyiqa.score"


def _row(metric: str, title: str, source: str) -> MetricRow:
    network = network_of(metric)
    return MetricRow(
        title,
        f"{FAMILY}:pyiqa_score",
        network.higher_is_better,
        network.range,
        "fused",
        source,
        undefined=("the network returned no finite value",),
        smallest=network.smallest,
        view="rgb",
        options={"metric": metric},
    )


NO_REFERENCE: dict[str, MetricRow] = {
    "ARNIQA": _row("arniqa", "quality without a reference, trained on KonIQ", "Agnolucci et al., WACV (2024)"),
    "CLIP-IQA": _row("clipiqa", "CLIP's preference for five positive words", "Wang et al., AAAI (2023)"),
    "LIQE": _row("liqe", "quality levels in words by CLIP, trained on KonIQ", "Zhang et al., CVPR (2023)"),
    "MANIQA": _row("maniqa", "quality without a reference, trained on KonIQ", "Yang et al., CVPR Workshops (2022)"),
    "MUSIQ": _row("musiq", "quality over several scales, trained on KonIQ", "Ke et al., ICCV (2021)"),
    "MUSIQ-AVA": _row("musiq-ava", "aesthetics over several scales, trained on AVA", "Ke et al., ICCV (2021)"),
    "NIQE": _row("niqe", "distance from the statistics of natural images", "Mittal et al., IEEE SPL 20 (2013)"),
    "PI": _row("pi", "perceptual index: mean of NIQE and 10 - NRQM", "Blau et al., ECCV Workshops (2018)"),
    "TReS": _row("tres", "quality without a reference, trained on KonIQ", "Golestaneh et al., WACV (2022)"),
}
"""The metrics that the papers report, under their names."""


def pyiqa_name(name: str) -> str:
    """The name of a metric in pyiqa: for a row here, 'pyiqa:brisque' or a bare 'NIMA'; empty for other metrics.

    Raises:
        ValueError: a prefixed name that pyiqa does not have, or a metric that is not supported.

    Example:
        >>> [pyiqa_name(name) for name in ("MUSIQ", "pyiqa:nima-koniq", "NIMA", "EN")]
        ['musiq', 'nima-koniq', 'nima', '']
    """
    lowered = name.casefold()
    if named := [row for own, row in NO_REFERENCE.items() if own.casefold() == lowered]:
        return str(named[0].options["metric"])
    known = {metric.casefold(): metric for metric in (*NETWORKS, *LEFT_OUT)}
    bare = lowered.removeprefix(PREFIX)
    found = known.get(bare, bare if bare != lowered else "")
    if found:
        network_of(found)
    return found


def no_reference_row(metric: str) -> MetricRow:
    """The row of a metric under pyiqa's name.

    Raises:
        ValueError: pyiqa has no such no-reference metric, or it is not supported.
    """
    return _row(metric, f"pyiqa's {metric}", "pyiqa, chaofengc/IQA-PyTorch")
