"""METRICS: one row per score, under the name that papers use, with its correct definition."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

INF = math.inf


@dataclass(frozen=True)
class MetricRow:
    """What a score is; nothing here needs torch.

    Attributes:
        title: the score in words.
        target: its definition as 'module:function'.
        higher_is_better: None where neither is (a property rather than a quality).
        range: smallest and largest value of the definition.
        reads: 'fused' alone or 'sources' too.
        source: where the definition comes from.
        family: which docs section and module it belongs to; 'learned' scores read the RGB image, one at a time.
        unit: of the value; empty for pure numbers.
        undefined: when the score is NaN, in words; empty if never for images of its smallest size.
        smallest: least height and width that the definition needs.
        verified: False where no implementation was at hand to prove the values against.
        options: keyword arguments for the definition.
    """

    title: str
    target: str
    higher_is_better: bool | None
    range: tuple[float, float]
    reads: Literal["fused", "sources"]
    source: str
    family: Literal["information", "statistics", "gradient", "structure", "vision", "learned"]
    unit: str = ""
    undefined: str = ""
    smallest: int = 1
    verified: bool = True
    options: Mapping[str, float | str | bool] = field(default_factory=dict)


CONSTANT = "an image is constant"

METRICS: dict[str, MetricRow] = {
    "AG": MetricRow(
        "average gradient",
        "fusionbench.metrics.gradient:average_gradient",
        True,
        (0, INF),
        "fused",
        "Cui et al., Opt. Commun. 341 (2015)",
        "gradient",
        unit="levels",
        smallest=2,
    ),
    "CC": MetricRow(
        "correlation with the sources, mean of the two",
        "fusionbench.metrics.statistics:correlation",
        True,
        (-1, 1),
        "sources",
        "Pearson's correlation",
        "statistics",
        undefined=CONSTANT,
    ),
    "EN": MetricRow(
        "entropy",
        "fusionbench.metrics.information:entropy",
        True,
        (0, 8),
        "fused",
        "Roberts et al., J. Appl. Remote Sens. 2 (2008)",
        "information",
        unit="bits",
    ),
    "MI": MetricRow(
        "mutual information, sum over the sources",
        "fusionbench.metrics.information:mutual_information",
        True,
        (0, 16),
        "sources",
        "Qu et al., Electron. Lett. 38 (2002)",
        "information",
        unit="bits",
    ),
    "PSNR": MetricRow(
        "peak signal-to-noise ratio of the sources' mean squared error",
        "fusionbench.metrics.statistics:peak_signal_to_noise",
        True,
        (0, INF),
        "sources",
        "textbook",
        "statistics",
        unit="dB",
    ),
    "Qabf": MetricRow(
        "preserved edges, weighted over the whole image",
        "fusionbench.metrics.gradient:edge_preservation",
        True,
        (0, 1),
        "sources",
        "Xydeas and Petrovic, Electron. Lett. 36 (2000), Hong's form",
        "gradient",
        undefined="both sources are constant",
    ),
    "SCD": MetricRow(
        "sum of the correlations of differences",
        "fusionbench.metrics.statistics:correlation_of_differences",
        True,
        (-2, 2),
        "sources",
        "Aslantas and Bendes, AEU 69 (2015)",
        "statistics",
        undefined="a source is constant or equals the fused image",
    ),
    "SD": MetricRow(
        "standard deviation",
        "fusionbench.metrics.statistics:standard_deviation",
        True,
        (0, 127.5),
        "fused",
        "Rao, Meas. Sci. Technol. 8 (1997)",
        "statistics",
        unit="levels",
    ),
    "SF": MetricRow(
        "spatial frequency",
        "fusionbench.metrics.gradient:spatial_frequency",
        True,
        (0, INF),
        "fused",
        "Eskicioglu and Fisher, IEEE Trans. Commun. 43 (1995)",
        "gradient",
        unit="levels",
        smallest=2,
    ),
    "SSIM": MetricRow(
        "structural similarity to the sources, mean of the two",
        "fusionbench.metrics.structure:structural_similarity",
        True,
        (-1, 1),
        "sources",
        "Wang et al., IEEE TIP 13 (2004)",
        "structure",
        smallest=11,
    ),
    "VIF": MetricRow(
        "visual information fidelity, sum over the sources",
        "fusionbench.metrics.vision:visual_information",
        True,
        (0, INF),
        "sources",
        "Sheikh and Bovik, IEEE TIP 15 (2006), pixel domain",
        "vision",
        undefined="a source is constant",
        smallest=41,
    ),
}
