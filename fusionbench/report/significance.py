"""Statistical tests of differences between methods, and agreement of rankings.

All tests are paired: the same images under two methods. Images are treated as independent; for frames of sequences, as
in MSRS or LLVIP, intervals are too narrow and p-values too small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

Numbers = npt.NDArray[np.float64]

RESAMPLES = 10_000
"""Number of bootstrap resamples; the ends of a 95 % interval then vary by a percent of its width between seeds."""

LEVEL = 0.95

EXACT = 50
"""Number of images up to which the distribution of rank sums is computed exactly."""

TESTS = (
    "Differences of means over the images that both methods have, first minus second; 95 % percentile bootstrap "
    "interval over images (10,000 draws); p of Wilcoxon's signed-rank test, exact up to 50 images, Holm-corrected over "
    "all tests of this block; no p if fewer than six images differ, which cannot be significant at 5 %. Images are "
    "treated as independent, which frames of a sequence are not."
)
"""The footnote of tables of differences."""

_BLOCK = 2**22
"""Number of values that the bootstrap keeps in memory at a time."""


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's tau-b of two rankings of the same items: 1 for the same order, -1 for the opposite one.

    Returns:
        None if there are fewer than two items or one ranking has only ties.

    Example:
        >>> kendall_tau([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
        1.0
    """
    if len(first) < 2 or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    return float(stats.kendalltau(first, second).statistic)


def wilcoxon(differences: Numbers) -> float | None:
    """Two-sided p-value of the signed-rank test; zero differences are dropped, as by Wilcoxon.

    Up to 50 images the distribution is exact, including ties; beyond, it is normal with a correction for ties.

    Returns:
        None for fewer than six images, or if some but fewer than six differ: even if all differ in one direction, the
        p-value cannot be below 5 %. 1 if none of six or more images differs.

    Example:
        >>> wilcoxon(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))  # all of one sign: 2 of 2^6 sign patterns are as extreme
        0.03125
    """
    present = differences[differences != 0]
    speaking = len(present) or len(differences)  # That none differs is a result, too.
    if 2 / 2**speaking > 1 - LEVEL:
        return None
    if len(present) == 0:
        return 1.0
    if len(present) <= EXACT:
        return _signed_rank_p(present)
    return float(stats.wilcoxon(present, method="approx").pvalue)


def _signed_rank_p(differences: Numbers) -> float:
    """The fraction of all sign patterns whose sum of positive ranks is at least as far from the centre."""
    # Tied ranks can be half-integers, so they are doubled.
    ranks = (2 * stats.rankdata(np.abs(differences))).astype(int)
    shares = np.ones(1)
    for rank in ranks:
        grown = np.zeros(len(shares) + rank)
        grown[: len(shares)] += shares / 2
        grown[rank:] += shares / 2
        shares = grown
    distances = np.abs(2 * np.arange(len(shares)) - ranks.sum())
    return float(shares[distances >= distances[ranks[differences > 0].sum()]].sum())


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of a family of tests, adjusted to control the family-wise error rate (Holm, 1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])  # 3 x 0.01; 2 x 0.03; 1 x 0.04, not below the one before
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    raised = np.asarray(p_values, dtype=float)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1)
    return [float(value) for value in adjusted]


def bootstrap_interval(values: Numbers, *, level: float = LEVEL, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean.

    Args:
        values: one value per image.
        level: confidence level.
        seed: seed of the resampling.

    Example:
        >>> bootstrap_interval(np.full(7, 2.5))
        (2.5, 2.5)
    """
    generator = np.random.default_rng(seed)
    count = max(1, _BLOCK // len(values))
    means = [
        values[generator.integers(0, len(values), (min(count, RESAMPLES - done), len(values)))].mean(1)
        for done in range(0, RESAMPLES, count)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Difference:
    """Two methods compared by one metric, over the images that both have.

    Attributes:
        metric: the metric.
        first: a method.
        second: another one.
        images: number of common images.
        mean: mean of first minus second.
        low: lower end of its 95 % bootstrap interval; None for a single image.
        high: upper end.
        p: p-value of Wilcoxon's signed-rank test; None if there are too few images.
        adjusted: the p-value after Holm's correction over all tests of the family.
    """

    metric: str
    first: str
    second: str
    images: int
    mean: float
    low: float | None
    high: float | None
    p: float | None
    adjusted: float | None


def differences(scores: pd.DataFrame, metrics: Sequence[str], *, seed: int = 0) -> list[Difference]:
    """Every pair of methods by every metric; all tests form one family for Holm's correction.

    Args:
        scores: rows of one dataset and degradation with the columns `method`, `image` and the metrics.
        metrics: columns to compare.
        seed: seed of the bootstrap.
    """
    found: list[dict[str, Any]] = []
    methods = list(dict.fromkeys(scores["method"]))
    for metric in metrics:
        wide = scores.pivot(index="image", columns="method", values=metric)
        for first, second in combinations(methods, 2):
            values = (wide[first] - wide[second]).dropna().to_numpy(dtype=float)
            if len(values) == 0:
                continue
            low, high = bootstrap_interval(values, seed=seed) if len(values) > 1 else (None, None)
            measured = {"mean": float(values.mean()), "low": low, "high": high, "p": wilcoxon(values)}
            found.append({"metric": metric, "first": first, "second": second, "images": len(values), **measured})
    adjusted = iter(holm([entry["p"] for entry in found if entry["p"] is not None]))
    return [Difference(**entry, adjusted=None if entry["p"] is None else next(adjusted)) for entry in found]


def difference_texts(found: Difference, around: str = "") -> list[str]:
    """Number of images, mean and interval of a difference between methods, its p-value and the adjusted one.

    Args:
        around: what numbers with a sign stand between.
    """
    interval = [end for end in (found.low, found.high) if end is not None]
    mean, *ends = [f"{around}{number:+.3g}{around}" for number in (found.mean, *interval)]
    return [str(found.images), mean, " to ".join(ends) or "-", _p(found.p), _p(found.adjusted)]


def _p(value: float | None) -> str:
    if value is None:
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"
