"""PROTOCOLS: how each paper or toolkit computes the metrics that it reports.

`exact` has the definitions of METRICS. Every other protocol lists the metrics of a paper's tables or a toolkit: those
computed exactly, those computed differently with an explanation, and those left out with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fusionbench.metrics.pyiqa.rows import FAMILY
from fusionbench.metrics.row import MetricRow, Options
from fusionbench.metrics.table import METRICS, row, spelled
from fusionbench.registry import lookup

INPUT = "@input"
"""Suffix of metrics that compare with the degraded sources instead of the clean ones."""


@dataclass(frozen=True)
class Variant:
    """One way to compute a metric: offset + scale * definition(images, **options).

    Attributes:
        target: the definition as 'module:function'.
        why: how it differs from the exact metric; empty for the exact one.
        options: keyword arguments of the definition.
        scale: factor on its value.
        offset: added to its value.
        view: how it reads an image, a key of VIEWS in images.py.
    """

    target: str
    why: str = ""
    options: Options = field(default_factory=dict)
    scale: float = 1.0
    offset: float = 0.0
    view: str = "gray"


@dataclass(frozen=True)
class Protocol:
    """The metrics of one paper or toolkit.

    Attributes:
        title: the paper or toolkit.
        same: metrics computed as METRICS defines them.
        other: metrics computed differently.
        missing: metrics that it reports but that are left out, each with the reason.
        view: how its metrics read an image.
    """

    title: str
    same: tuple[str, ...] = ()
    other: Mapping[str, Variant] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    view: str = "gray"

    def scores(self) -> dict[str, Variant]:
        """Every metric of the protocol."""
        found = {name: exact(name) for name in self.same} | dict(self.other)
        return {name: self.viewed(how) for name, how in found.items()}

    def viewed(self, how: Variant) -> Variant:
        """A variant that reads the view of an image that this protocol's metrics read."""
        return replace(how, view=self.view) if how.view == "gray" else how


def exact(name: str) -> Variant:
    """The definition in METRICS."""
    return _as_defined(row(name))


def _as_defined(found: MetricRow) -> Variant:
    return Variant(found.target, options=found.options, view=found.view)


def choose(name: str, protocol: str = "exact") -> Variant:
    """The variant of a metric, whose name may include its own protocol ('MI@tang').

    Raises:
        ValueError: unknown metric or protocol, or the protocol does not have the metric.
    """
    metric, _, own = name.partition("@")
    metric, protocol = spelled(metric), lookup("protocol", own or protocol, PROTOCOLS)
    chosen = PROTOCOLS[protocol]
    if metric in chosen.missing:
        raise ValueError(
            f"{metric!r} of protocol {protocol!r} is left out: {chosen.missing[metric]}; use '{metric}@exact'"
        )
    if metric in chosen.other:
        return chosen.viewed(chosen.other[metric])
    # `exact` has what METRICS has, metrics of plugins too; of pyiqa's there is one definition only.
    if metric in chosen.same or protocol == "exact" or row(metric).family == FAMILY:
        return chosen.viewed(exact(metric))
    known = ", ".join(sorted(chosen.scores()))
    raise ValueError(f"protocol {protocol!r} has no {metric!r}; use '{metric}@exact' or one of {known}")


def canonical(name: str) -> str:
    """A metric's name with its protocol as METRICS and PROTOCOLS spell them, found regardless of case.

    Raises:
        ValueError: unknown metric or protocol.

    Example:
        >>> canonical("qabf@Tang@input")
        'Qabf@tang@input'
    """
    metric, *marks = name.split("@")
    known = [*PROTOCOLS, INPUT.removeprefix("@")]
    return "@".join([spelled(metric), *(lookup("protocol", mark, known) for mark in marks)])


def _exact_but(name: str, why: str, *, scale: float = 1.0, offset: float = 0.0, **options: float | str) -> Variant:
    return replace(_own(name), why=why, options=options, scale=scale, offset=offset)


def _own(name: str) -> Variant:
    return _as_defined(METRICS.own[name])


_TOOLKITS = "fusionbench.metrics.functional.toolkits:"
# 20 log10(255): the peak of 8-bit images with the error of images in [0, 1].
_PEAK_TWICE = 20 * math.log10(255)
_TAPS = (
    "constants for a range of 1 on images of 0..255, with taps rounded to float32; where images are flat, round-off "
    "determines the toolkit's value, which differs from this one"
)

_PER_PIXEL = _exact_but("AG", "divided by MN instead of (M-1)(N-1)", inset=0)
_SF_PER_PIXEL = _exact_but("SF", "both sums divided by MN instead of the number of differences", inset=0)
_NATS = _exact_but("MI", "natural logarithm: nats instead of bits", scale=math.log(2))
_PSNR_PLUS_48 = _exact_but("PSNR", "peak 255 with the error of images in [0, 1]: 48.13 dB too high", offset=_PEAK_TWICE)
_MEF = replace(_own("MEF-SSIM"), why="reports MEF-SSIM under this name")
_MERGED = _exact_but("MI", "levels 254 and 255 share a bin in the joint histograms only", joint_top=254)

_TANG = Protocol(
    "Linfeng Tang's Evaluation-for-Image-Fusion (MATLAB) as it is now",
    same=("AG", "CC", "EN", "FMI_dct", "FMI_gradient", "FMI_wavelet", "MSE", "Qabf", "SCD", "SD", "SF", "VIF"),
    other={
        "MI": _MERGED,
        "MS-SSIM": _MEF,
        "Nabf": Variant(
            _TOOLKITS + "misordered_fusion_artifacts",
            "called with the images in the wrong order: artefacts of the infrared image",
        ),
        "PSNR": _PSNR_PLUS_48,
        "SSIM": _exact_but(
            "SSIM",
            "constants for a range of 1 on images of 0..255, and replicated borders",
            window="gaussian-replicate",
            peak=1.0,
        ),
    },
    missing={"FMI_pixel": "its code computes MATLAB's edge maps under this name, which no free software reproduces"},
)

_VIFB = Protocol(
    "VIFB (MATLAB), colour images per channel as in its published tables",
    same=("AG", "CE", "EI", "EN", "QCB", "QCV", "Qabf", "SD"),
    other={
        "MI": _NATS,
        "PSNR": Variant(_TOOLKITS + "vifb_signal_to_noise", "from an error that is too small by the number of pixels"),
        "RMSE": Variant(
            _TOOLKITS + "vifb_error", "root of the sum divided by the number of pixels instead of its root"
        ),
        "SF": replace(
            _SF_PER_PIXEL, why=_SF_PER_PIXEL.why + "; channels side by side, including the seams", view="strip"
        ),
        "SSIM": _exact_but("SSIM", "sum over the two sources", scale=2),
    },
    view="channels",
)

PROTOCOLS: dict[str, Protocol] = {
    "exact": Protocol("the definitions of fusionbench, see list metrics", same=tuple(METRICS.own)),
    "cddfuse": Protocol(
        "CDDFuse's Evaluator (Python)",
        same=("CC", "EN", "Qabf", "SCD", "SD", "SF", "VIF"),
        other={
            "AG": _PER_PIXEL,
            "MI": _NATS,
            "MSE": _exact_but("MSE", "on levels 0..255", scale=255**2),
            "PSNR": Variant(
                _TOOLKITS + "fused_peak_signal_to_noise", "the brightest level of the fused image is the peak"
            ),
            "SSIM": _exact_but(
                "SSIM",
                "constants for a range of 2 on images of 0..255, uniform 7 x 7 window, sum over the two sources",
                scale=2,
                window="uniform7",
                peak=2.0,
                unbiased=49 / 48,
            ),
        },
        view="opencv",
    ),
    "drfusion": Protocol(
        "the tables of DRFusion",
        same=("QCB", "QMI", "QNCIE", "QP", "QW"),
        other={"Qabf": replace(_own("QG"), why="reports QG under this name: weighted at each pixel (uncertain)")},
    ),
    "dspfusion": Protocol(
        "the tables of DSPFusion", same=("EN", "MI", "MUSIQ", "PI", "Qabf", "SD", "SF", "TReS", "VIF")
    ),
    "ivif-zoo": Protocol(
        "IVIF_ZOO's Metric_torch (Python)",
        same=("CC", "MI", "MSE", "NMI", "Qabf", "SCD", "SD", "SF"),
        other={
            "AG": _PER_PIXEL,
            "EI": _exact_but("EI", "zeros around the image instead of replicated borders", border="zeros"),
            "EN": _exact_but("EN", "1e-7 is added inside the logarithm", epsilon=1e-7),
            "MS-SSIM": _exact_but(
                "MS-SSIM", f"sum over the two sources; {_TAPS}", scale=2, window="gaussian-float32", peak=1.0
            ),
            "Nabf": _exact_but("Nabf", "weak edges have weight 0 instead of 0.001", weak=0.0),
            "PSNR": _PSNR_PLUS_48,
            "QNCIE": Variant(_TOOLKITS + "linear_correlation_entropy", "Pearson's correlations, not nonlinear ones"),
            "SSIM": _exact_but("SSIM", f"sum over the sources; {_TAPS}", scale=2, window="gaussian-float32", peak=1.0),
            "VIF": Variant(_TOOLKITS + "off_centre_visual_information", "off-centre windows and zeros at the borders"),
        },
        missing={
            "CE": "it is a binary cross entropy of sigmoids of 0..255 images, which is meaningless",
            "QCB": "its frequencies are halved and its borders differ, and the rest could not be determined",
            "QY": "its window is not normalised",
        },
        view="pillow",
    ),
    "liu": Protocol(
        "the toolbox of Liu et al. 2012 (MATLAB)",
        same=("QCB", "QCV", "QG", "QM", "QMI", "QNCIE", "QP", "QS", "QSF", "QW", "QY"),
        other={
            "QC": Variant(
                _TOOLKITS + "cut_cvejic_similarity",
                "where the weight is outside [0, 1], the value itself becomes 0 or 1 instead of the weight",
            )
        },
        missing={"QE": "its code fails because of a misspelt variable"},
    ),
    "lure": Protocol(
        "the tables of LURE",
        same=("AG", "ARNIQA", "CC", "CLIP-IQA", "EN", "LIQE", "MANIQA", "NIQE", "SCD", "SD", "SF"),
        other={
            "MS-SSIM": _exact_but("MS-SSIM", _TAPS, window="gaussian-float32", peak=1.0),
            "PSNR": _exact_but(
                "PSNR",
                "half of (true PSNR + 48.13 dB): 10 log10(255 / RMSE) for RMSE of images in [0, 1]",
                scale=0.5,
                offset=_PEAK_TWICE / 2,
            ),
            "SSIM": _exact_but("SSIM", "constants for a range of 1 on images of 0..255", peak=1.0),
        },
        missing={"MUSIQ": "its tables' 'NUSIQ' of 4.2 to 6.9 may be MUSIQ-AVA or a tenth of MUSIQ, which is unclear"},
    ),
    "tang": _TANG,
    "tang-sheet": Protocol(
        "the published sheet Metric_TNO.xlsx of the same author, made by older code on uint8 images",
        same=("AG", "CC", "EN", "MSE", "SCD"),
        other={
            "MI": _MERGED,
            "PSNR": _PSNR_PLUS_48,
            "SD": Variant(_TOOLKITS + "saturated_deviation", "uint8 arithmetic: half of the deviations are lost"),
            "SF": _exact_but("SF", "on images in [0, 1]", scale=1 / 255),
            "VIF": Variant(
                _TOOLKITS + "saturated_visual_information",
                "uint8 arithmetic: products on the finest scale are clipped at 255",
            ),
        },
        missing={"Qabf": "it was computed on images in [0, 1], where round-off decides which gradients are equal"},
    ),
    "thfylsty": Protocol(
        "thfylsty's collection (MATLAB)",
        same=("AG", "CE", "DF", "EI", "EN", "Nabf", "VIFF"),
        other={
            "CC": Variant(_TOOLKITS + "saturated_correlation", "uint8 arithmetic: negative deviations are lost"),
            "MI": replace(_own("EN"), scale=2, why="twice the entropy of the fused image, by mistake"),
            "MS-SSIM": _MEF,
            "QE": _exact_but(
                "QE", "QW of the edges squared, without QW of the images", image_power=0.0, edge_power=2.0
            ),
            "SCD": Variant(_TOOLKITS + "saturated_differences", "uint8 arithmetic: negative differences are lost"),
            "SD": Variant(_TOOLKITS + "sample_deviation", "divided by MN - 1"),
            "SF": _SF_PER_PIXEL,
            "SSIM": _exact_but("SSIM", "replicated borders", window="gaussian-replicate"),
        },
        missing={"VIF": "it is the wavelet version on images in [0, 1], which could not be checked"},
    ),
    "vifb": _VIFB,
    "vifb-gray": replace(
        _VIFB, title="VIFB (MATLAB) on gray images", other={**_VIFB.other, "SF": _SF_PER_PIXEL}, view="gray"
    ),
}
