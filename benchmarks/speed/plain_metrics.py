"""Ten scores as a careful author writes them with NumPy, SciPy and scikit-image: one score, one source at a time.

Images are gray levels 0..255 in float64, (H, W).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import convolve2d
from skimage.metrics import structural_similarity

Gray = NDArray[np.float64]


def entropy(fused: Gray) -> float:
    counts, _ = np.histogram(fused, bins=256, range=(0, 256))
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum())


def _shared_bits(x: Gray, y: Gray) -> float:
    counts, _, _ = np.histogram2d(x.ravel(), y.ravel(), bins=256, range=((0, 256), (0, 256)))
    joint = counts / counts.sum()
    product = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    there = joint > 0
    return float((joint[there] * np.log2(joint[there] / product[there])).sum())


def mutual_information(fused: Gray, ir: Gray, vi: Gray) -> float:
    return _shared_bits(ir, fused) + _shared_bits(vi, fused)


def standard_deviation(fused: Gray) -> float:
    return float(fused.std())


def spatial_frequency(fused: Gray) -> float:
    return float(np.sqrt(np.mean(np.diff(fused, axis=1) ** 2) + np.mean(np.diff(fused, axis=0) ** 2)))


def average_gradient(fused: Gray) -> float:
    down, across = np.gradient(fused)
    height, width = fused.shape
    return float(np.sqrt((down**2 + across**2) / 2).sum() / ((height - 1) * (width - 1)))


def _pearson(x: Gray, y: Gray) -> float:
    return float(np.corrcoef(x.ravel(), y.ravel())[0, 1])


def correlation(fused: Gray, ir: Gray, vi: Gray) -> float:
    return (_pearson(ir, fused) + _pearson(vi, fused)) / 2


def correlation_of_differences(fused: Gray, ir: Gray, vi: Gray) -> float:
    return _pearson(fused - vi, ir) + _pearson(fused - ir, vi)


def _gaussian(size: int) -> Gray:
    place = np.arange(size) - size // 2
    window = np.exp(-(place[:, None] ** 2 + place**2) / (2 * (size / 5) ** 2))
    return window / window.sum()


def _fidelity(source: Gray, fused: Gray) -> float:
    kept = had = 0.0
    for scale, size in enumerate((17, 9, 5, 3)):
        window = _gaussian(size)
        if scale:
            source, fused = (convolve2d(x, window, mode="valid")[::2, ::2] for x in (source, fused))
        mean_s, mean_f = convolve2d(source, window, mode="valid"), convolve2d(fused, window, mode="valid")
        signal = np.maximum(convolve2d(source * source, window, mode="valid") - mean_s**2, 0)
        received = np.maximum(convolve2d(fused * fused, window, mode="valid") - mean_f**2, 0)
        covariance = convolve2d(source * fused, window, mode="valid") - mean_s * mean_f
        gain = covariance / (signal + 1e-10)
        noise = received - gain * covariance
        flat, blank = signal < 1e-10, received < 1e-10
        gain[flat], noise[flat], signal[flat] = 0, received[flat], 0
        gain[blank], noise[blank] = 0, 0
        noise[gain < 0] = received[gain < 0]
        gain, noise = np.maximum(gain, 0), np.maximum(noise, 1e-10)
        kept += np.log10(1 + gain**2 * signal / (noise + 2)).sum()
        had += np.log10(1 + signal / 2).sum()
    return float(kept / had)


def visual_information(fused: Gray, ir: Gray, vi: Gray) -> float:
    return _fidelity(ir, fused) + _fidelity(vi, fused)


def _edges(x: Gray) -> tuple[Gray, Gray]:
    kernel = np.array([[1.0, 2, 1], [0, 0, 0], [-1, -2, -1]])
    down, across = convolve2d(x, kernel, mode="same"), convolve2d(x, -kernel.T, mode="same")
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = np.arctan(down / across)
    angle[across == 0] = np.pi / 2
    return np.hypot(across, down), angle


def _kept(source: tuple[Gray, Gray], fused: tuple[Gray, Gray]) -> Gray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.minimum(source[0], fused[0]) / np.maximum(source[0], fused[0])
    ratio = np.where(source[0] == fused[0], fused[0], ratio)
    turn = 1 - np.abs(source[1] - fused[1]) / (np.pi / 2)
    return 0.9994 / (1 + np.exp(-15 * (ratio - 0.5))) * 0.9879 / (1 + np.exp(-22 * (turn - 0.8)))


def edge_preservation(fused: Gray, ir: Gray, vi: Gray) -> float:
    of_fused, of_ir, of_vi = _edges(fused), _edges(ir), _edges(vi)
    above = (_kept(of_ir, of_fused) * of_ir[0]).sum() + (_kept(of_vi, of_fused) * of_vi[0]).sum()
    return float(above / (of_ir[0].sum() + of_vi[0].sum()))


def similarity(fused: Gray, ir: Gray, vi: Gray) -> float:
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return float(sum(structural_similarity(source, fused, **settings) for source in (ir, vi)) / 2)


PLAIN = {
    "EN": lambda fused, ir, vi: entropy(fused),
    "MI": mutual_information,
    "SD": lambda fused, ir, vi: standard_deviation(fused),
    "SF": lambda fused, ir, vi: spatial_frequency(fused),
    "AG": lambda fused, ir, vi: average_gradient(fused),
    "SCD": correlation_of_differences,
    "CC": correlation,
    "VIF": visual_information,
    "Qabf": edge_preservation,
    "SSIM": similarity,
}
