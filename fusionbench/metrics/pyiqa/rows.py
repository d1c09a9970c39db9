"""NO_REFERENCE: rows of the scores learned from people's opinions, and of pyiqa's other scores by name."""

from __future__ import annotations

from fusionbench.metrics.pyiqa.preflight import network_of
from fusionbench.metrics.pyiqa.table import LEFT_OUT, NETWORKS
from fusionbench.metrics.row import MetricRow

PREFIX = "pyiqa:"
FAMILY = "score"


def _row(metric: str, title: str, source: str) -> MetricRow:
    network = network_of(metric)
    return MetricRow(
        title,
        "fusionbench.metrics.pyiqa.score:pyiqa_score",
        network.higher_is_better,
        network.range,
        "fused",
        source,
        undefined=("the network gave no finite number",),
        smallest=network.smallest,
        view="rgb",
        options={"metric": metric},
    )


NO_REFERENCE: dict[str, MetricRow] = {
    "ARNIQA": _row("arniqa", "quality without a reference, trained on KonIQ", "Agnolucci et al., WACV (2024)"),
    "CLIP-IQA": _row("clipiqa", "CLIP's preference for five good words", "Wang et al., AAAI (2023)"),
    "LIQE": _row("liqe", "quality in words that CLIP finds, trained on KonIQ", "Zhang et al., CVPR (2023)"),
    "MANIQA": _row("maniqa", "quality without a reference, trained on KonIQ", "Yang et al., CVPR Workshops (2022)"),
    "MUSIQ": _row("musiq", "quality over several scales, trained on KonIQ", "Ke et al., ICCV (2021)"),
    "MUSIQ-AVA": _row("musiq-ava", "beauty over several scales, trained on AVA", "Ke et al., ICCV (2021)"),
    "NIQE": _row("niqe", "distance from natural statistics", "Mittal et al., IEEE SPL 20 (2013)"),
    "PI": _row("pi", "perceptual index: mean of NIQE and 10 - NRQM", "Blau et al., ECCV Workshops (2018)"),
    "TReS": _row("tres", "quality without a reference, trained on KonIQ", "Golestaneh et al., WACV (2022)"),
}
"""The scores that the papers report, under their names."""


def pyiqa_name(name: str) -> str:
    """What pyiqa calls a score: of a row here, of 'pyiqa:brisque', or of a bare 'NIMA'; empty for other scores.

    Raises:
        ValueError: a name with the prefix that pyiqa does not have, or one that is not offered.

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
    """The row of a score that goes by pyiqa's name for it.

    Raises:
        ValueError: pyiqa has no such no-reference score, or it is not offered.
    """
    return _row(metric, f"pyiqa's {metric}", "pyiqa, chaofengc/IQA-PyTorch")
