"""METRICS: one row per metric, under the name that papers use, with its correct definition."""

from __future__ import annotations

import math

from fusionbench.metrics.pyiqa.rows import NO_REFERENCE, PREFIX, no_reference_row, pyiqa_name
from fusionbench.metrics.row import MetricRow
from fusionbench.plugins import Table
from fusionbench.registry import lookup

_M = "fusionbench.metrics.functional."
_UP, _DOWN = True, False
_INF = math.inf
_CONSTANT = ("the fused image is constant", "a source is constant")
_BLACK = ("the fused image is black", "a source is black")
_BOTH_CONSTANT, _BOTH_BLACK = ("both sources are constant",), ("both sources are black",)
_LIU = "in the form of the toolbox of Liu et al., IEEE TPAMI 34 (2012)"
_FMI = "Haghighat et al., Comput. Electr. Eng. 37 (2011); Haghighat and Razian (2014)"

# fmt: off
_ROWS: dict[str, MetricRow] = {
    "CE": MetricRow(
        "cross entropy of the histograms, mean over the sources", _M + "information:cross_entropy",
        _DOWN, (-_INF, _INF), "sources", "Bulanon et al., Biosyst. Eng. 103 (2009)", unit="bits",
    ),
    "EN": MetricRow(
        "entropy of the histogram", _M + "information:entropy",
        _UP, (0, 8), "fused", "Roberts et al., J. Appl. Remote Sens. 2 (2008)", unit="bits",
    ),
    "MI": MetricRow(
        "mutual information, sum over the sources", _M + "information:mutual_information",
        _UP, (0, 16), "sources", "Qu et al., Electron. Lett. 38 (2002)", unit="bits",
    ),
    "NMI": MetricRow(
        "mutual information over the sources' mean entropy", _M + "information:normalized_information",
        _UP, (0, 4), "sources", "as IVIF_ZOO defines it", undefined=_BOTH_CONSTANT,
    ),
    "QMI": MetricRow(
        "mutual information, each source normalised separately", _M + "information:hossny_information",
        _UP, (0, 2), "sources", "Hossny et al., Electron. Lett. 44 (2008)",
        undefined=("the fused image and a source are constant",),
    ),
    "QNCIE": MetricRow(
        "nonlinear correlation information entropy", _M + "information:nonlinear_correlation",
        _UP, (0, 1), "sources", "Wang, Shen and Jin in Image Fusion: Algorithms and Applications (2008)",
    ),
    "FMI_dct": MetricRow(
        "feature mutual information, cosine transform", _M + "fmi:cosine_information",
        _UP, (-_INF, 1), "sources", _FMI, smallest=3,
    ),
    "FMI_gradient": MetricRow(
        "feature mutual information, horizontal derivative", _M + "fmi:gradient_information",
        _UP, (-_INF, 1), "sources", _FMI, smallest=3,
    ),
    "FMI_pixel": MetricRow(
        "feature mutual information, gray levels", _M + "fmi:pixel_information",
        _UP, (-_INF, 1), "sources", _FMI, smallest=3,
    ),
    "FMI_wavelet": MetricRow(
        "feature mutual information, discrete Meyer transform", _M + "fmi:wavelet_information",
        _UP, (-_INF, 1), "sources", _FMI, undefined=_CONSTANT, smallest=3,
    ),
    "CC": MetricRow(
        "Pearson's correlation with the sources, mean of the two", _M + "moments:correlation",
        _UP, (-1, 1), "sources", "textbook", undefined=_CONSTANT,
    ),
    "MSE": MetricRow(
        "mean squared error in [0, 1], mean over the sources", _M + "moments:mean_squared_error",
        _DOWN, (0, 1), "sources", "textbook",
    ),
    "NCC": MetricRow(
        "cosine between the fused image and the sources, mean", _M + "moments:normalized_cross_correlation",
        _UP, (0, 1), "sources", "textbook", undefined=_BLACK,
    ),
    "PSNR": MetricRow(
        "peak signal-to-noise ratio from the sources' mean squared error", _M + "moments:peak_signal_to_noise",
        _UP, (0, _INF), "sources", "textbook", unit="dB", undefined=("the fused image equals both sources",),
    ),
    "RMSE": MetricRow(
        "square root of MSE", _M + "moments:root_mean_squared_error",
        _DOWN, (0, 1), "sources", "textbook",
    ),
    "SCD": MetricRow(
        "sum of the correlations of differences", _M + "moments:correlation_of_differences",
        _UP, (-2, 2), "sources", "Aslantas and Bendes, AEU 69 (2015)",
        undefined=("a source is constant", "the fused image differs from a source by a constant"),
    ),
    "SD": MetricRow(
        "standard deviation", _M + "moments:standard_deviation",
        _UP, (0, 127.5), "fused", "Rao, Meas. Sci. Technol. 8 (1997)", unit="levels",
    ),
    "AG": MetricRow(
        "average gradient, central differences", _M + "gradients:average_gradient",
        _UP, (0, _INF), "fused", "Cui et al., Opt. Commun. 341 (2015)", unit="levels", smallest=2,
    ),
    "DF": MetricRow(
        "definition: average gradient with forward differences", _M + "gradients:definition",
        _UP, (0, _INF), "fused", "as thfylsty's toolkit defines it", unit="levels", smallest=2,
    ),
    "EI": MetricRow(
        "edge intensity: mean length of the Sobel gradient", _M + "gradients:edge_intensity",
        _UP, (0, _INF), "fused", "Rajalingam and Priya, Int. J. Eng. Sci. Invent. 7 (2018)", unit="levels",
    ),
    "QSF": MetricRow(
        "spatial frequency relative to the sources'; zero is best", _M + "gradients:relative_spatial_frequency",
        None, (-1, _INF), "sources", "Zheng et al., Inf. Fusion 8 (2007)", undefined=_BOTH_CONSTANT, smallest=2,
    ),
    "SF": MetricRow(
        "spatial frequency", _M + "gradients:spatial_frequency",
        _UP, (0, _INF), "fused", "Eskicioglu and Fisher, IEEE Trans. Commun. 43 (1995)", unit="levels", smallest=2,
    ),
    "Nabf": MetricRow(
        "fusion artefacts: edges that neither source has", _M + "edges:fusion_artifacts",
        _DOWN, (0, 1), "sources", "Shreyamsha Kumar, Signal Image Video Process. 7 (2013)", smallest=2,
    ),
    "QG": MetricRow(
        "preserved edges, weighted at each pixel", _M + "edges:local_edge_preservation",
        _UP, (0, 1), "sources", f"Xydeas and Petrovic, Electron. Lett. 36 (2000), {_LIU}",
    ),
    "QM": MetricRow(
        "similarity of Haar details on two scales", _M + "edges:wavelet_detail",
        _UP, (0, 3), "sources", f"Wang and Liu, ICICS (2008), {_LIU}", undefined=_BOTH_CONSTANT, smallest=4,
    ),
    "Qabf": MetricRow(
        "preserved edges, weighted over the whole image", _M + "edges:edge_preservation",
        _UP, (-1, 1), "sources", "Xydeas and Petrovic, Electron. Lett. 36 (2000), in Hong's form",
        undefined=_BOTH_BLACK,
    ),
    "MEF-SSIM": MetricRow(
        "similarity to the ideal blend of the sources' patches, three scales", _M + "mef_ssim:exposure_similarity",
        _UP, (-1, 1), "sources", "Ma, Zeng and Wang, IEEE TIP 24 (2015)", smallest=41,
        undefined=("the similarity on a scale is negative",),
    ),
    "MS-SSIM": MetricRow(
        "structural similarity on five scales as pytorch-msssim computes it, mean over the sources",
        _M + "ssim:multiscale_similarity",
        _UP, (0, 1), "sources", "Wang, Simoncelli and Bovik, Asilomar (2003)", smallest=161,
    ),
    "SSIM": MetricRow(
        "structural similarity, mean over the sources", _M + "ssim:structural_similarity",
        _UP, (-1, 1), "sources", "Wang et al., IEEE TIP 13 (2004)", smallest=11,
    ),
    "QC": MetricRow(
        "similarity weighted by covariance with the fused image", _M + "piella:cvejic_similarity",
        _UP, (-1, 1), "sources", "Cvejic et al., Int. J. Signal Process. 2 (2005)", smallest=7,
    ),
    "QE": MetricRow(
        "QW of the images times QW of their edges", _M + "piella:edge_similarity",
        _UP, (-1, 1), "sources", "Piella and Heijmans, ICIP (2003)", undefined=_BOTH_CONSTANT, smallest=11,
    ),
    "QS": MetricRow(
        "similarity weighted by local variance", _M + "piella:salient_similarity",
        _UP, (-1, 1), "sources", "Piella and Heijmans, ICIP (2003)", smallest=11,
    ),
    "QW": MetricRow(
        "as QS, and weighted by salience over the image", _M + "piella:weighted_similarity",
        _UP, (-1, 1), "sources", "Piella and Heijmans, ICIP (2003)", undefined=_BOTH_CONSTANT, smallest=11,
    ),
    "QY": MetricRow(
        "weighted mean or the better of the similarities to the sources", _M + "piella:yang_similarity",
        _UP, (-1, 1), "sources", "Yang et al., Chin. Opt. Lett. 6 (2008)", smallest=7,
    ),
    "VIF": MetricRow(
        "visual information fidelity, sum over the sources", _M + "vif:visual_information",
        _UP, (0, _INF), "sources", "Sheikh and Bovik, IEEE TIP 15 (2006), pixel domain",
        undefined=("a source is constant",), smallest=41,
    ),
    "VIFF": MetricRow(
        "visual information fidelity for fusion", _M + "vif:fusion_visual_information",
        _UP, (0, _INF), "sources", "Han et al., Inf. Fusion 14 (2013)", smallest=41,
    ),
    "QCB": MetricRow(
        "perceived preserved contrast", _M + "contrast_sensitivity:chen_blum",
        _UP, (0, 1), "sources", f"Chen and Blum, Image Vis. Comput. 27 (2009), {_LIU}", undefined=_BLACK,
    ),
    "QCV": MetricRow(
        "perceived squared difference, weighted by edges", _M + "contrast_sensitivity:chen_varshney",
        _DOWN, (0, _INF), "sources", f"Chen and Varshney, Inf. Fusion 8 (2007), {_LIU}",
        undefined=_BOTH_BLACK,
    ),
    "QP": MetricRow(
        "preserved phase congruency", _M + "phase_congruency:phase_preservation",
        _UP, (-1, 1), "sources", f"Zhao et al., Int. J. Innov. Comput. Inf. Control 3 (2007), {_LIU}",
        undefined=(
            "the fused image has no phase congruency above 0.1", "no source has phase congruency above 0.1"
        ),
    ),
    **NO_REFERENCE,
}
# fmt: on

METRICS = Table("metrics", MetricRow, _ROWS)

COMMON_METRICS = ("EN", "SD", "SF", "AG", "MI", "CC", "SCD", "PSNR", "SSIM", "VIF", "Qabf")
"""What is computed where nothing is named."""


def row(name: str) -> MetricRow:
    """The row of a metric, ignoring protocol and reference in its name; also of pyiqa's metrics by pyiqa's names.

    Raises:
        ValueError: unknown metric.

    Example:
        >>> row("MI@tang").unit, row("pyiqa:brisque").higher_is_better
        ('bits', False)
    """
    bare = spelled(name.partition("@")[0])
    return METRICS.get(bare) or no_reference_row(pyiqa_name(bare))


def spelled(name: str) -> str:
    """A metric's name as METRICS spells it, or 'pyiqa:' with pyiqa's own name, found regardless of case.

    Raises:
        ValueError: unknown metric.

    Example:
        >>> [spelled(name) for name in ("qabf", "Musiq", "NIMA", "PYIQA:Brisque")]
        ['Qabf', 'MUSIQ', 'pyiqa:nima', 'pyiqa:brisque']
    """
    if name.casefold() not in {metric.casefold() for metric in METRICS} and (metric := pyiqa_name(name)):
        return f"{PREFIX}{metric}"
    return lookup("metric", name, METRICS)
