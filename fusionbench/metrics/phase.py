"""QP: phase congruency of the sources in the fused image.

The constants are Kovesi's defaults for phasecong2 in the toolbox of Liu et al. (2012), quirks included, because every
published QP depends on them: on odd sides the frequency grid divides by n - 1 and the low-pass filter is shifted by
one, and the mixed moment is a quarter of what Kovesi's formula has.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from fusionbench.metrics.filters import Window, blurred, gaussian
from fusionbench.metrics.gradient import magnitude
from fusionbench.metrics.images import score
from fusionbench.metrics.sharing import shared
from fusionbench.metrics.statistics import total
from fusionbench.types import Gray, Scores

SCALES, ORIENTATIONS = 4, 6
SHORTEST_WAVE, WAVE_STEP, SIGMA_ON_F = 3.0, 2.1, 0.55
ANGULAR_SIGMA = math.pi / ORIENTATIONS / 1.2
NOISE_DEVIATIONS, NOISE_DIVISOR = 2.0, 1.7
CUT_OFF, GAIN, EPSILON = 0.5, 10.0, 1e-4
LOW_PASS, LOW_PASS_ORDER = 0.45, 15
SIGNIFICANT = 0.1
WINDOW = Window(gaussian(11, 1.5), 5, "zeros")
# Half of an image's spectrum, and the same turned by -90 degrees.
Halves = tuple[Tensor, Tensor]


class Bank(NamedTuple):
    """The log-Gabor filters of one image size on the half plane of a real transform.

    Attributes:
        noise: per orientation, the noise threshold over the root of the median squared response of the first scale.
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
    """Phase congruency and the largest and smallest moment of it over orientations."""

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
    # Kovesi's estimate of the noise: Rayleigh-distributed, with its power from the smallest scale.
    rayleigh = (math.sqrt(math.pi / 2) + NOISE_DEVIATIONS * math.sqrt(2 - math.pi / 2)) / NOISE_DIVISOR
    even = (radial.sum(0) * angular + radial_mirrored.sum(0) * angular_mirrored) / 2
    power = even.square().sum((-2, -1)) / ((radial[0] * angular).square().sum((-2, -1)) * math.log(2))
    filters = (radial, angular, radial_mirrored, angular_mirrored)
    noise = tuple((rayleigh * power.sqrt()).tolist())
    halves = (x[..., : width // 2 + 1].to(device, dtype) for x in filters)
    return Bank(noise, *halves)


def _median(x: Tensor) -> Tensor:
    """Median of a vector, the mean of the two middle values for an even count.

    A sample brackets the middle, so that only the few values inside have to be ordered.
    """
    count = len(x)
    sample = x[:: max(1, count // 4096)].sort().values
    low, high = sample[int(0.47 * len(sample))], sample[int(0.53 * len(sample))]
    inside, below = x[(x >= low) & (x <= high)], int((x < low).sum())
    if not below < count / 2 < below + len(inside):
        inside, below = x, 0
    middle = [inside.kthvalue(place - below).values for place in ((count + 1) // 2, count // 2 + 1)]
    return (middle[0] + middle[1]) / 2


def _responses(half: Halves, shape: torch.Size, bank: Bank, orientation: int, scale: int) -> tuple[Gray, Gray]:
    """Real and imaginary part of an image under a one-sided filter.

    The even part of the filter gives the one, the odd part the other, so both are real transforms.
    """
    spectrum, turned = half
    forward = bank.radial[scale] * bank.angular[orientation]
    mirrored = bank.radial_mirrored[scale] * bank.angular_mirrored[orientation]
    even = torch.fft.irfft2(spectrum * (forward + mirrored), s=shape[-2:])
    odd = torch.fft.irfft2(turned * (forward - mirrored), s=shape[-2:])
    return even, odd


def _orientation(half: Halves, shape: torch.Size, bank: Bank, index: int) -> tuple[Gray, Gray]:
    """Energy above the noise, weighted by how many scales take part, and the sum of amplitudes."""
    responses = [_responses(half, shape, bank, index, scale) for scale in range(SCALES)]
    squares = [(even * even).addcmul_(odd, odd) for even, odd in responses]
    threshold = torch.stack([_median(square.flatten()) for square in squares[0]]).sqrt() * bank.noise[index]
    amplitudes = [square.sqrt_() for square in squares]
    largest, total_amplitude = amplitudes[0].clone(), amplitudes[0].clone()
    even_sum, odd_sum = responses[0][0].clone(), responses[0][1].clone()
    for amplitude, (even, odd) in zip(amplitudes[1:], responses[1:], strict=True):
        torch.maximum(largest, amplitude, out=largest)
        total_amplitude += amplitude
        even_sum += even
        odd_sum += odd
    scales = (total_amplitude / SCALES).div_(largest.add_(EPSILON))
    length = magnitude(even_sum, odd_sum).add_(EPSILON)
    cosine, sine = even_sum / length, odd_sum / length
    energy = (even_sum * cosine).addcmul_(odd_sum, sine).sub_(threshold.view(-1, 1, 1, 1))
    for even, odd in responses:
        energy -= (even * sine).addcmul_(odd, cosine, value=-1).abs_()
    return energy.clamp_(min=0).mul_(scales.sub_(CUT_OFF).mul_(GAIN).sigmoid_()), total_amplitude


@shared
def congruency(x: Gray) -> Congruency:
    """Phase congruency of an image over six orientations."""
    bank = _bank(*x.shape[-2:], x.dtype, x.device)
    spectrum = torch.fft.rfft2(x)
    half = (spectrum / 2, spectrum * -0.5j)
    energies, amplitudes, xx, yy, xy = (torch.zeros_like(x) for _ in range(5))
    for index in range(ORIENTATIONS):
        energy, amplitude = _orientation(half, x.shape, bank, index)
        energies += energy
        amplitudes += amplitude
        squared = (energy / amplitude).square_()
        cosine, sine = math.cos(index * math.pi / ORIENTATIONS), math.sin(index * math.pi / ORIENTATIONS)
        xx.add_(squared, alpha=cosine * cosine / (ORIENTATIONS / 2))
        yy.add_(squared, alpha=sine * sine / (ORIENTATIONS / 2))
        xy.add_(squared, alpha=cosine * sine / ORIENTATIONS)
    width = magnitude(xy, xx - yy).add_(EPSILON)
    return Congruency(energies / (amplitudes + EPSILON), (yy + xx + width) / 2, (yy + xx - width) / 2)


@score
def phase_preservation(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QP: correlation of phase congruency and its moments with the better matching source, where there is some.

    Undefined where neither source has phase congruency above 0.1.

    Source:
        Zhao, Laganiere and Liu, Int. J. Innov. Comput. Inf. Control 3 (2007), in the form of the toolbox of Liu et
        al., IEEE TPAMI 34 (2012).
    """
    of_fused, of_ir, of_vi = (congruency(x) for x in (fused, ir, vi))
    stronger = of_ir.phase > of_vi.phase
    strongest = Congruency(*(torch.where(stronger, x, y) for x, y in zip(of_ir, of_vi, strict=True)))
    candidates = [(maps, (maps.phase > SIGNIFICANT).to(fused.dtype)) for maps in (of_ir, of_vi, strongest)]
    places = total(candidates[-1][1])
    product = torch.ones_like(places)
    for index, target in enumerate(of_fused):
        moments = _moments(target)
        matches = [_match(maps[index] * mask, target, moments) * mask for maps, mask in candidates]
        product = product * total(torch.stack(matches).amax(0)) / places
    return product


def _moments(x: Gray) -> tuple[Gray, Gray]:
    mean = blurred(x, WINDOW)
    return mean, blurred(x * x, WINDOW).addcmul_(mean, mean, value=-1)


def _match(source: Gray, fused: Gray, moments: tuple[Gray, Gray]) -> Gray:
    """Local correlation coefficient of two maps."""
    mean, variance = _moments(source)
    covariance = blurred(source * fused, WINDOW).addcmul_(mean, moments[0], value=-1)
    return (covariance + EPSILON) / ((variance * moments[1]).abs_().sqrt_() + EPSILON)
