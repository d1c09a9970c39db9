"""The statistics against cases that can be computed by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fusionbench.report.significance import bootstrap_interval, differences, holm, kendall_tau, wilcoxon


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ([1, 2, 3, 4], 1.0),
        ([4, 3, 2, 1], -1.0),
        ([2, 1, 4, 3], (4 - 2) / 6),
        # One pair tied in the second only: (5 - 0) / sqrt(6 * 5).
        ([1, 1, 2, 3], 5 / np.sqrt(30)),
    ],
)
def test_tau_counts_agreeing_and_opposed_pairs(second, expected):
    assert kendall_tau([1, 2, 3, 4], second) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("rankings", [([1.0], [2.0]), ([], []), ([1.0, 1.0], [1.0, 2.0]), ([1.0, 2.0], [3.0, 3.0])])
def test_tau_of_nothing_to_rank_is_missing(rankings):
    assert kendall_tau(*rankings) is None


def signed_rank_p(values):
    """By definition: of all signings of the ranks, the share whose rank sum is at least as far from the middle."""
    sizes = np.abs(values)
    ranks = np.array([(sizes < size).sum() + ((sizes == size).sum() + 1) / 2 for size in sizes])
    signings = np.array(list(itertools.product([0, 1], repeat=len(ranks))))
    distances = np.abs(signings @ ranks - ranks.sum() / 2)
    observed = abs(ranks[np.asarray(values) > 0].sum() - ranks.sum() / 2)
    return np.mean(distances >= observed)


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        [-1.0, 2.0, 3.0, -4.0, 5.0, 6.0, 7.5],
        [0.3, -0.2, 0.9, 1.1, -0.05, 0.6, 2, 3],
        [1.0] * 6,
        [1.0] * 8 + [-1.0] * 2,
        [0.25, 0.25, -0.25, 0.5, 0.5, 0.5, 0.75, -0.75, 1.0, 1.0, 1.25, 1.25],
    ],
)
def test_signed_rank_test_counts_signings_with_ties_and_without(values):
    assert wilcoxon(np.array(values)) == pytest.approx(signed_rank_p(values), abs=1e-12)


@pytest.mark.parametrize("count", [6, 20, 50])
def test_signed_rank_test_without_ties_is_that_of_scipy(count):
    values = np.random.default_rng(count).normal(0.3, 1, count)
    assert wilcoxon(values) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue, rel=1e-9)


@pytest.mark.parametrize(
    "values", [[1.0], [1.0] * 4, [1.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0], [0.0] * 9 + [1.0] * 5, [], [0.0] * 4, [0.0] * 5]
)
def test_too_few_images_for_any_verdict_give_none(values):
    assert wilcoxon(np.array(values)) is None


def test_zero_differences_are_left_out_and_equal_methods_do_not_differ():
    values = np.arange(1.0, 8.0)
    assert wilcoxon(np.concatenate([np.zeros(2), values])) == wilcoxon(values)
    assert wilcoxon(np.zeros(9)) == 1.0
    assert wilcoxon(np.zeros(6)) == 1.0


def test_more_than_fifty_images_use_the_normal_distribution_with_its_correction_for_ties():
    # 40 differences of 1 and 20 of -1: every rank is 30.5, so W+ = 1220 around 915 with variance
    # n (n+1) (2n+1) / 24 - (t^3 - t) / 48 = 18452.5 - 4498.75.
    values = np.array([1.0] * 40 + [-1.0] * 20)
    assert wilcoxon(values) == pytest.approx(2 * stats.norm.sf((1220 - 915) / np.sqrt(18452.5 - 4498.75)), rel=1e-9)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ([0.01], [0.01]),
        ([0.02, 0.01], [0.02, 0.02]),
        ([0.5, 0.9, 0.4], [1.0, 1.0, 1.0]),
        ([0.04, 0.001, 0.02, 0.03], [0.06, 0.004, 0.06, 0.06]),
        ([], []),
    ],
)
def test_holm_multiplies_stepwise_and_never_falls(raw, expected):
    assert holm(raw) == pytest.approx(expected, abs=1e-12)


def test_bootstrap_of_two_images_is_their_three_possible_means():
    # Two draws from {0, 1}: means 0, 1/2, 1 with chances 1/4, 1/2, 1/4, so 95 % reach from 0 to 1 and 40 % is 1/2.
    assert bootstrap_interval(np.array([0.0, 1.0])) == (0.0, 1.0)
    assert bootstrap_interval(np.array([0.0, 1.0]), level=0.4) == (0.5, 0.5)


def test_bootstrap_approaches_the_normal_interval_for_many_images():
    values = np.random.default_rng(3).normal(2, 5, 4000)
    half = 1.96 * values.std() / np.sqrt(len(values))
    low, high = bootstrap_interval(values)
    assert low == pytest.approx(values.mean() - half, abs=0.05 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.05 * half)


def test_bootstrap_depends_on_its_seed_only():
    values = np.random.default_rng(0).normal(size=30)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, seed=1)


def frame(**methods):
    rows = [
        {"method": method, "image": str(index), "EN": value}
        for method, values in methods.items()
        for index, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_differences_pair_the_images_that_both_methods_have():
    found = differences(frame(a=[1.0, 2.0, np.nan, 4.0], b=[0.0, 0.0, 0.0]), ["EN"])
    assert [(entry.first, entry.second, entry.images, entry.mean) for entry in found] == [("a", "b", 2, 1.5)]


def test_all_differences_of_a_panel_are_one_family():
    values = np.arange(1.0, 11.0)
    found = differences(frame(a=values, b=values / 2, c=values * 0), ["EN"])
    assert len(found) == 3
    # Ten differences of one sign: p = 2 / 2^10, the smallest there is, so each of three is multiplied by 3.
    assert [entry.p for entry in found] == pytest.approx([2 / 1024] * 3, rel=1e-9)
    assert [entry.adjusted for entry in found] == pytest.approx([6 / 1024] * 3, rel=1e-9)
    assert all(entry.low <= entry.mean <= entry.high for entry in found)


def test_few_images_have_no_test_and_one_image_no_interval():
    found = differences(frame(a=[1.0, 2.0], b=[0.0, 0.0], c=[np.nan, 1.0]), ["EN"])
    assert [(entry.images, entry.p, entry.adjusted) for entry in found] == [
        (2, None, None),
        (1, None, None),
        (1, None, None),
    ]
    assert [(entry.low, entry.high) for entry in found] == [(1.0, 2.0), (None, None), (None, None)]


def test_tests_that_are_not_made_are_no_part_of_the_family():
    values = np.arange(1.0, 11.0)
    few = np.where(values < 4, -values, np.nan)
    found = differences(frame(a=values, b=values / 2, c=few), ["EN"])
    assert [entry.adjusted for entry in found] == [pytest.approx(2 / 1024), None, None]


def test_methods_without_a_common_image_have_no_difference():
    scores = frame(a=[1.0, np.nan], b=[np.nan, 2.0])
    assert differences(scores, ["EN"]) == []
