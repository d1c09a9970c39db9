"""Phase congruency: preservation of that of the sources in the fused image (QP).

The constants are Kovesi's defaults for phasecong2 in the toolbox of Liu et al. (2012), including its quirks, because
every published QP depends on them: for odd sides the frequency grid is divided by n - 1 and the low-pass filter is
shifted by one, and the mixed moment is a quarter of that in Kovesi's formula.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from fusionbench.metrics.functional.filters import Window, gaussian, weighted_mean
from fusionbench.metrics.functional.gradients import magnitude
from fusionbench.metrics.functional.images import metric_on_levels
from fusionbench.metrics.functional.memo import cached
from fusionbench.metrics.functional.moments import total
from fusionbench.types import Gray, Scores

SCALES, ORIENTATIONS = 4, 6
SHORTEST_WAVE, WAVE_STEP, SIGMA_ON_F = 3.0, 2.1, 0.55
ANGULAR_SIGMA = math.pi / ORIENTATIONS / 1.2
NOISE_DEVIATIONS, NOISE_DIVISOR = 2.0, 1.7
CUT_OFF, GAIN, EPSILON = 0.5, 10.0, 1e-4
LOW_PASS, LOW_PASS_ORDER = 0.45, 15
SIGNIFICANT = 0.1
WINDOW = Window(gaussian(11, 1.5), 5, "zeros")
# Half of an image's spectrum, and the same rotated by -90 degrees.
Halves = tuple[Tensor, Tensor]


class Bank(NamedTuple):
    """The log-Gabor filters for one image size on the half plane of a real FFT.

    Attributes:
        noise: per orientation, the noise threshold divided by the root of the median squared response of the first
            scale.
        radial: (SCALES, H, W // 2 + 1).
        angular: (ORIENTATIONS, H, W // 2 + 1).
        radial_mirrored: `radial` at the negative frequencies.
        angular_mirrored: `angular` at the negative frequencies.
    """

    noise: tuple[float, ...]
    radial: Tensor
    angular: Tensor
    radial_mirrored: Tensor
    angular_mirrored: Tensor


class Congruency(NamedTuple):
    """Phase congruency and its largest and smallest moments over orientations."""

    phase: Gray
    largest: Gray
    smallest: Gray


def _grid(size: int, divisor: int) -> Tensor:
    return torch.arange(-(size // 2), size - size // 2, dtype=torch.float64) / divisor


def _radial(height: int, width: int) -> Tensor:
    down, across = _grid(height, height - height % 2), _grid(width, width - width % 2)
    radius = torch.fft.ifftshift(torch.hypot(down[:, None], across))
    low = torch.hypot(_grid(height, height)[:, None], _grid(width, width))
    low = torch.fft.fftshift(1 / (1 + (low / LOW_PASS) ** (2 * LOW_PASS_ORDER)))
    radius[0, 0] = 1
    waves = torch.tensor([SHORTEST_WAVE * WAVE_STEP**scale for scale in range(SCALES)], dtype=torch.float64)
    filters = torch.exp(-(radius * waves.view(-1, 1, 1)).log().square() / (2 * math.log(SIGMA_ON_F) ** 2)).mul_(low)
    filters[:, 0, 0] = 0
    return filters


def _angular(height: int, width: int) -> Tensor:
    down, across = _grid(height, 1), _grid(width, 1)
    angle = torch.fft.ifftshift(torch.atan2(-down[:, None] / (height - height % 2), across / (width - width % 2)))
    centres = torch.arange(ORIENTATIONS, dtype=torch.float64).view(-1, 1, 1) * (math.pi / ORIENTATIONS)
    away = torch.atan2(torch.sin(angle - centres), torch.cos(angle - centres))
    return torch.exp(-away.square() / (2 * ANGULAR_SIGMA**2))


@lru_cache(maxsize=2)
def _bank(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Bank:
    radial, angular = _radial(height, width), _angular(height, width)
    radial_mirrored, angular_mirrored = (x.flip(-2, -1).roll((1, 1), (-2, -1)) for x in (radial, angular))
    # Kovesi's noise estimate: Rayleigh-distributed, with its power from the smallest scale.
    rayleigh = (math.sqrt(math.pi / 2) + NOISE_DEVIATIONS * math.sqrt(2 - math.pi / 2)) / NOISE_DIVISOR
    even = (radial.sum(0) * angular + radial_mirrored.sum(0) * angular_mirrored) / 2
    power = even.square().sum((-2, -1)) / ((radial[0] * angular).square().sum((-2, -1)) * math.log(2))
    filters = (radial, angular, radial_mirrored, angular_mirrored)
    noise = tuple((rayleigh * power.sqrt()).tolist())
    halves = (x[..., : width // 2 + 1].to(device, dtype) for x in filters)
    return Bank(noise, *halves)


def _median(x: Tensor) -> Tensor:
    """Median of a vector, the mean of the two middle values for an even count.

    A sample brackets the middle, so that only the few values in between need sorting.
    """
    count = len(x)
    sample = x[:: max(1, count // 4096)].sort().values
    low, high = sample[int(0.47 * len(sample))], sample[int(0.53 * len(sample))]
    not_below = x >= low
    inside, below = x[not_below & (x <= high)], count - int(not_below.sum())
    if not below < count / 2 < below + len(inside):
        inside, below = x, 0
    upper = inside.kthvalue(count // 2 + 1 - below).values
    # The lower middle value equals the upper one if that occurs early enough, else it is the largest below it.
    smaller = inside[inside < upper]
    lower = smaller.max() if count % 2 == 0 and below + len(smaller) == count // 2 else upper
    return (lower + upper) / 2


def _filters(bank: Bank, orientation: int) -> list[tuple[Tensor, Tensor]]:
    """Even and odd part of the one-sided filter of each scale.

    They give the real and the imaginary part of an image's response, each by a real FFT.
    """
    angular, mirrored = bank.angular[orientation], bank.angular_mirrored[orientation]
    pairs = [(x * angular, y * mirrored) for x, y in zip(bank.radial, bank.radial_mirrored, strict=True)]
    return [(forward + backward, forward.sub_(backward)) for forward, backward in pairs]


def _orientation(half: Halves, like: Gray, filters: list[tuple[Tensor, Tensor]], noise: float) -> tuple[Gray, Gray]:
    """Energy above the noise, weighted by the number of contributing scales, and the sum of amplitudes."""
    spectrum, turned = half
    responses: list[tuple[Gray, Gray]] = []
    largest, total_amplitude, even_sum, odd_sum = (torch.zeros_like(like) for _ in range(4))
    for of_even, of_odd in filters:
        even = torch.fft.irfft2(spectrum * of_even, s=like.shape[-2:])
        odd = torch.fft.irfft2(turned * of_odd, s=like.shape[-2:])
        amplitude = (even * even).addcmul_(odd, odd)
        if not responses:
            threshold = torch.stack([_median(square.flatten()) for square in amplitude]).sqrt() * noise
        amplitude.sqrt_()
        torch.maximum(largest, amplitude, out=largest)
        total_amplitude += amplitude
        even_sum += even
        odd_sum += odd
        responses.append((even, odd))
    scales = (total_amplitude / SCALES).div_(largest.add_(EPSILON))
    length = magnitude(even_sum, odd_sum).add_(EPSILON)
    cosine, sine = even_sum / length, odd_sum / length
    energy = even_sum.mul_(cosine).addcmul_(odd_sum, sine).sub_(threshold.view(-1, 1, 1, 1))
    for even, odd in responses:
        energy -= even.mul_(sine).addcmul_(odd, cosine, value=-1).abs_()
    return energy.clamp_(min=0).mul_(scales.sub_(CUT_OFF).mul_(GAIN).sigmoid_()), total_amplitude


@cached
def congruencies(*images: Gray) -> tuple[Congruency, ...]:
    """Phase congruency of images of one size over six orientations, with shared filters."""
    bank = _bank(*images[0].shape[-2:], images[0].dtype, images[0].device)
    spectra = [torch.fft.rfft2(x) for x in images]
    halves = [(spectrum / 2, spectrum.mul_(-0.5j)) for spectrum in spectra]
    sums = [tuple(torch.zeros_like(x) for _ in range(5)) for x in images]
    for index in range(ORIENTATIONS):
        filters = _filters(bank, index)
        cosine, sine = math.cos(index * math.pi / ORIENTATIONS), math.sin(index * math.pi / ORIENTATIONS)
        for x, half, (energies, amplitudes, xx, yy, xy) in zip(images, halves, sums, strict=True):
            energy, amplitude = _orientation(half, x, filters, bank.noise[index])
            energies += energy
            amplitudes += amplitude
            # An image without any response, such as a black one, has no congruency; the toolbox gives NaN there.
            squared = energy.div_(amplitude).nan_to_num_().square_()
            xx.add_(squared, alpha=cosine * cosine / (ORIENTATIONS / 2))
            yy.add_(squared, alpha=sine * sine / (ORIENTATIONS / 2))
            xy.add_(squared, alpha=cosine * sine / ORIENTATIONS)
    return tuple(_moments_of(*parts) for parts in sums)


def _moments_of(energies: Gray, amplitudes: Gray, xx: Gray, yy: Gray, xy: Gray) -> Congruency:
    width = magnitude(xy, xx - yy).add_(EPSILON)
    both = yy.add_(xx)
    return Congruency(energies.div_(amplitudes.add_(EPSILON)), (both + width).div_(2), (both - width).div_(2))


@metric_on_levels
def phase_preservation(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QP: correlation of phase congruency and its moments with the better matching source, where there is any.

    Undefined where the fused image has no phase congruency above 0.1, or neither source has. For a constant fused
    image, the stabilising constants of the definition would give almost 1.

    Source:
        Zhao, Laganiere and Liu, Int. J. Innov. Comput. Inf. Control 3 (2007), in the form of the toolbox of Liu et
        al., IEEE TPAMI 34 (2012).
    """
    of_fused, of_ir, of_vi = congruencies(fused, ir, vi)
    stronger = of_ir.phase > of_vi.phase
    strongest = Congruency(*(torch.where(stronger, x, y) for x, y in zip(of_ir, of_vi, strict=True)))
    candidates = [(maps, (maps.phase > SIGNIFICANT).to(fused.dtype)) for maps in (of_ir, of_vi, strongest)]
    places = total(candidates[-1][1])
    product = torch.ones_like(places)
    for index, target in enumerate(of_fused):
        moments = _moments(target)
        matches = [_match(maps[index] * mask, target, moments) * mask for maps, mask in candidates]
        product = product * total(torch.stack(matches).amax(0)) / places
    return product.where((of_fused.phase > SIGNIFICANT).flatten(1).any(1), torch.nan)


def _moments(x: Gray) -> tuple[Gray, Gray]:
    mean = weighted_mean(x, WINDOW)
    return mean, weighted_mean(x * x, WINDOW).addcmul_(mean, mean, value=-1)


def _match(source: Gray, fused: Gray, moments: tuple[Gray, Gray]) -> Gray:
    """Local correlation coefficient of two maps."""
    mean, variance = _moments(source)
    covariance = weighted_mean(source * fused, WINDOW).addcmul_(mean, moments[0], value=-1)
    return (covariance + EPSILON) / ((variance * moments[1]).abs_().sqrt_() + EPSILON)
