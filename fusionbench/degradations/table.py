"""The tables: `DEGRADATIONS`, operations on one image, and `SCENARIOS`, combinations for a whole pair.

Nothing heavy is imported here: a row names its function as 'module:function'. Pixel values are those of 8-bit images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fusionbench.plugins import Table


class Range(NamedTuple):
    """An interval from which a value is sampled for every image."""

    low: float
    high: float


@dataclass(frozen=True)
class Parameter:
    """One numeric parameter of a degradation.

    Attributes:
        name: as written in a spec (`stripe=20`).
        default: the value if a spec omits it; a `Range` is sampled per image.
        low: smallest allowed value.
        high: largest allowed value.
        meaning: its meaning and unit.
        source: where the default comes from.
        whole: whether it must be a whole number.
        odd: whether it must be an odd whole number.
    """

    name: str
    default: float | Range
    low: float
    high: float
    meaning: str
    source: str
    whole: bool = False
    odd: bool = False

    def admits(self, number: float) -> bool:
        """Whether the number is of the right kind, regardless of its range."""
        return number.is_integer() and (not self.odd or number % 2 == 1) if self.whole or self.odd else True

    def draw(self, interval: Range, share: float) -> float:
        """The value at a fraction in [0, 1) of an interval, rounded to a readable length."""
        if not self.whole and not self.odd:
            return round(interval.low + share * (interval.high - interval.low), 4)
        step = 2 if self.odd else 1
        return interval.low + step * math.floor(share * ((interval.high - interval.low) // step + 1))


@dataclass(frozen=True)
class DegradationCard:
    """A degradation of one image: all that is known about it.

    Attributes:
        function: 'module:function' that degrades an image: `f(image, rng, **values)` gets 8 bit, (H, W) or (H, W, 3),
            a generator of random numbers, and a value for each parameter by its name; it returns the same size.
        on: the modalities it applies to; a code that applies to both is written with a prefix.
        about: one line for lists.
        origin: the paper that uses it, and how closely this follows it.
        parameters: in the order in which a spec gives them. One called `factor` tells how many times smaller per side
            the image carries its information.
        fixed: further values that a spec cannot change.
        operator: 'module:function' that makes A of a linear observation y = A x + n, `f(term, gamma)`, as those of
            `linear` do; empty where it is not linear, or depends on what is in the picture.
        noisy: whether a linear observation holds noise n besides rounding.
        radius: pixels of the input on each side that a pixel of the output depends on, or the parameter that is the
            side of a square of them; None where it depends on the place in the image, on its size or on a grid.
        ems: by modality the code in the names of EMS's files that are degraded so; none where there are none.
    """

    function: str
    on: tuple[str, ...]
    about: str
    origin: str
    parameters: tuple[Parameter, ...] = ()
    fixed: Mapping[str, float] = field(default_factory=dict)
    operator: str = ""
    noisy: bool = False
    radius: int | str | None = None
    ems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """A paper's degradation of both images of a pair, under one name.

    Attributes:
        spec: the terms it stands for.
        about: one line for lists.
        origin: which paper defines it, and where its numbers come from.
    """

    spec: str
    about: str
    origin: str


def severity(default: float, meaning: str, source: str) -> Parameter:
    """The parameter of a degradation without a single physical quantity: 0 changes nothing, 1 is the strongest."""
    return Parameter("severity", default, 0.0, 1.0, meaning, source)


_ROWS: dict[str, DegradationCard] = {
    "blur": DegradationCard(
        "fusionbench.degradations.optics:blur",
        on=("ir", "vi"),
        about="Gaussian defocus",
        origin="DSPFusion, VI (Blur): kernel 21, sigma 2.6. DRFusion's blur is the scenario `blur`.",
        parameters=(
            Parameter("sigma", 2.6, 0.0, 20.0, "standard deviation in pixels", "DSPFusion, supplement B.1"),
            Parameter("size", 21, 3, 99, "side of the kernel in pixels", "DSPFusion, supplement B.1", odd=True),
            Parameter(
                "zeros", 0, 0, 1, "beyond the border: 0 mirrored image, 1 black", "DSPFusion mirrors", whole=True
            ),
        ),
        operator="fusionbench.degradations.linear:blur",
        radius="size",
        ems={"vi": "Blur"},
    ),
    "haze": DegradationCard(
        "fusionbench.degradations.visible:haze",
        on=("vi",),
        about="airlight that grows with a depth estimated from the position in the image",
        origin="EMS, VI haze: t = exp(-beta d), d falling with the distance from a far point, airlight 0.8.",
        parameters=(
            severity(0.5, "extinction beta is 0.24 severity", "EMS: 0.5 gives its beta of 0.12"),
            Parameter("airlight", 0.8, 0.0, 1.0, "brightness of the haze", "EMS"),
        ),
        ems={"vi": "haze"},
    ),
    "lc": DegradationCard(
        "fusionbench.degradations.infrared:low_contrast",
        on=("ir",),
        about="gray levels compressed around one level",
        origin="EMS, IR (LC) are real images with restored references; this simulates them.",
        parameters=(
            severity(0.5, "slope is 1 - 0.8 severity", "ours, after DSPFusion's files"),
            Parameter(
                "level", Range(100, 200), 0.0, 255.0, "gray level that does not change", "ours, after DSPFusion's files"
            ),
        ),
        radius=0,
        ems={"ir": "LC"},
    ),
    "ll": DegradationCard(
        "fusionbench.degradations.visible:low_light",
        on=("vi",),
        about="short exposure: darker tones with shot and read noise",
        origin="EMS and MSRS, VI (LL) are real images with restored references; this simulates them.",
        parameters=(
            severity(
                0.6, "tones 255 g (x/255)^e, g 1 - 0.75 severity, e 1 + 0.9 severity", "ours, after DSPFusion's files"
            ),
        ),
        radius=0,
        ems={"vi": "LL"},
    ),
    "lr": DegradationCard(
        "fusionbench.degradations.optics:low_resolution",
        on=("ir", "vi"),
        about="means of factor x factor pixels, repeated to the original size",
        origin="DRFusion: adaptive average pooling, enlarged by repetition.",
        parameters=(Parameter("factor", 4, 1, 16, "pixels per side that become one", "DRFusion, M3FD", whole=True),),
        operator="fusionbench.degradations.linear:pixelate",
    ),
    "noise": DegradationCard(
        "fusionbench.degradations.noise:gaussian_noise",
        on=("ir", "vi"),
        about="additive white Gaussian noise, independent per channel",
        origin="DRFusion, noise: variance 0.003 on [0, 1].",
        parameters=(
            Parameter("sigma", 13.97, 0.0, 100.0, "standard deviation of 255 levels", "DRFusion: 255 sqrt(0.003)"),
        ),
        operator="fusionbench.degradations.linear:identity",
        noisy=True,
        radius=0,
    ),
    "oe": DegradationCard(
        "fusionbench.degradations.visible:over_exposure",
        on=("vi",),
        about="long exposure: lifted shadows, clipped highlights",
        origin="EMS, VI (OE) are real images with restored references; this simulates them.",
        parameters=(
            severity(
                0.6, "tones 255 g (x/255)^e, g 1 + 0.15 severity, e 1 - 0.75 severity", "ours, after DSPFusion's files"
            ),
        ),
        radius=0,
        ems={"vi": "OE"},
    ),
    "rain": DegradationCard(
        "fusionbench.degradations.visible:rain",
        on=("vi",),
        about="slanted streaks at three depths over a faint veil",
        origin="EMS, VI (Rain): streaks of about 50 px, angle -45 to 45 degrees, 0.9 image + 0.1 rain.",
        parameters=(
            severity(0.5, "number and opacity of the streaks", "ours; EMS's streaks are hard to see"),
            Parameter("angle", Range(-45, 45), -60.0, 60.0, "degrees from vertical", "EMS"),
        ),
        ems={"vi": "Rain"},
    ),
    "rn": DegradationCard(
        "fusionbench.degradations.noise:random_noise",
        on=("ir", "vi"),
        about="Gaussian read noise, then Poisson shot noise",
        origin="DSPFusion, VI (RN) and IR (RN).",
        parameters=(
            Parameter("sigma", 10, 0.0, 100.0, "standard deviation of 255 levels", "DSPFusion, supplement B.1"),
            Parameter("photons", Range(70, 90), 1, 1000, "counts at white", "DSPFusion, supplement B.1", whole=True),
        ),
        operator="fusionbench.degradations.linear:identity",
        noisy=True,
        radius=0,
        ems={"ir": "RN", "vi": "RN"},
    ),
    "sn": DegradationCard(
        "fusionbench.degradations.infrared:stripes",
        on=("ir",),
        about="column noise over Gaussian noise, as from an uncorrected bolometer array",
        origin="DSPFusion, IR (SN).",
        parameters=(
            Parameter("sigma", Range(6, 9), 0.0, 100.0, "standard deviation per pixel", "DSPFusion's files, measured"),
            Parameter(
                "stripe", Range(5, 8), 0.0, 100.0, "standard deviation per column", "DSPFusion's files, measured"
            ),
        ),
        operator="fusionbench.degradations.linear:identity",
        noisy=True,
        radius=0,
        ems={"ir": "SN"},
    ),
    "sr4": DegradationCard(
        "fusionbench.degradations.optics:super_resolution",
        on=("ir",),
        about="a quarter of the resolution per side, enlarged by bicubic interpolation",
        origin="LURE, SR4.",
        fixed={"factor": 4},
        operator="fusionbench.degradations.linear:pixelate",
    ),
    "sr8": DegradationCard(
        "fusionbench.degradations.optics:super_resolution",
        on=("ir",),
        about="an eighth of the resolution per side, enlarged by bicubic interpolation",
        origin="LURE, SR8.",
        fixed={"factor": 8},
        operator="fusionbench.degradations.linear:pixelate",
    ),
}

SCENARIOS: dict[str, Scenario] = {
    "blur": Scenario(
        "ir:blur(2,21,1)+vi:blur(2,21,1)",
        about="both images out of focus",
        origin=(
            "DRFusion, blur: Gaussian, sigma 2, zeros beyond the border; equal to its M3FD files except for rounding."
        ),
    ),
    "composite": Scenario(
        "ir:blur(2,21,1)+ir:noise(5.39)+ir:lr(4)+vi:blur(2,21,1)+vi:noise(8.06)",
        about="both images blurred and noisy, the infrared one at a quarter of the resolution per side",
        origin=(
            "DRFusion, composite on M3FD: noise of variance 0.001 per channel, averaged over three channels in "
            "infrared."
        ),
    ),
    "composite-pet": Scenario(
        "ir:blur(2,21,1)+ir:noise(8.06)+vi:blur(2,21,1)+vi:noise(13.97)+vi:lr(2)",
        about="both images blurred and noisy, the PET (colour) one at half the resolution per side",
        origin="DRFusion, composite on PET-MRI: noise of variance 0.001 on MRI, 0.003 on PET.",
    ),
    "noise": Scenario(
        "ir:noise+vi:noise",
        about="both images noisy",
        origin="DRFusion, noise: variance 0.003 on both.",
    ),
}

DEGRADATIONS = Table("degradations", DegradationCard, _ROWS, reserved=("clean", *SCENARIOS))


def linear_codes() -> list[str]:
    """The degradations that observe an image linearly, y = A x + n."""
    return [code for code, card in DEGRADATIONS.items() if card.operator]
