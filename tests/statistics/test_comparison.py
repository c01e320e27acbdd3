from __future__ import annotations

import math
import statistics
from itertools import combinations
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from churn_pipeline.statistics.comparison import (
    Alternative,
    compare_candidates,
    corrected_resampled_t_test,
    holm,
    holm_levels,
    paired_test,
)
from tests.sizes import examples

DIFFERENCES = [0.012, -0.004, 0.021, 0.008, 0.003, 0.017, -0.001, 0.009, 0.014, 0.006]
p_values = st.lists(st.sampled_from([0.0, 0.01, 0.04, 1.0]) | st.floats(0, 1), max_size=6)


@pytest.mark.parametrize("alternative", get_args(Alternative))
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_without_correction_it_is_the_t_test_of_scipy(alternative: Any, confidence: float) -> None:
    expected = stats.ttest_1samp(DIFFERENCES, 0, alternative=alternative)
    low, high = stats.ttest_1samp(DIFFERENCES, 0).confidence_interval(confidence)
    found = corrected_resampled_t_test(
        DIFFERENCES, 0, alternative=alternative, confidence=confidence
    )
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.difference == pytest.approx(np.mean(DIFFERENCES))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_the_correction_by_hand() -> None:
    # ten folds of a tenth each: Nadeau and Bengio (2003), section 5: 1/10 + 1/9 in place of 1/10
    error = math.sqrt((1 / 10 + 1 / 9) * statistics.variance(DIFFERENCES))
    statistic = statistics.mean(DIFFERENCES) / error
    found = corrected_resampled_t_test(DIFFERENCES, 1 / 9)
    assert found.p_value == pytest.approx(2 * stats.t.sf(statistic, 9), rel=1e-4)
    margin = 2.2621571628 * error  # the 0.975 quantile of t with 9 degrees of freedom
    assert found.low == pytest.approx(statistics.mean(DIFFERENCES) - margin, rel=1e-6)
    assert found.high == pytest.approx(statistics.mean(DIFFERENCES) + margin, rel=1e-6)


def test_false_positives_where_folds_are_correlated_as_the_correction_assumes() -> None:
    # the correlation n_test / (n_test + n_train) makes the corrected statistic exactly t
    generator = np.random.default_rng(3)
    folds, correlation, rounds = 10, 0.2, 1200
    shared = generator.normal(size=(rounds, 1)) * math.sqrt(correlation)
    own = generator.normal(size=(rounds, folds)) * math.sqrt(1 - correlation)
    ratio = correlation / (1 - correlation)
    wrong = {
        test_to_train: np.mean(
            [corrected_resampled_t_test(row, test_to_train).p_value < 0.05 for row in shared + own]
        )
        for test_to_train in (0, ratio)
    }
    assert wrong[0] > 0.2
    assert 0.03 < wrong[ratio] < 0.07


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=2, max_size=8))
def test_the_other_sign_mirrors_everything(differences: list[float]) -> None:
    one = corrected_resampled_t_test(differences, 0.25)
    two = corrected_resampled_t_test([-d for d in differences], 0.25)
    assert two.difference == -one.difference
    assert (two.low, two.high) == (-one.high, -one.low)
    assert two.p_value == one.p_value
    assert one.low <= one.difference <= one.high
    greater = corrected_resampled_t_test(differences, 0.25, alternative="greater")
    less = corrected_resampled_t_test([-d for d in differences], 0.25, alternative="less")
    assert greater.p_value == pytest.approx(less.p_value)


@pytest.mark.parametrize(
    ("value", "alternative", "p_value"),
    [
        (0.0, "two-sided", 1.0),
        (0.0, "greater", 0.5),
        (0.25, "two-sided", 0.0),
        (0.25, "greater", 0.0),
        (0.25, "less", 1.0),
        (-0.25, "greater", 1.0),
        (-0.25, "less", 0.0),
    ],
)
def test_folds_that_all_say_the_same(value: float, alternative: Any, p_value: float) -> None:
    found = corrected_resampled_t_test([value] * 4, 0.25, alternative=alternative)
    assert found.p_value == p_value
    assert found.low == found.high == value


def test_more_correction_finds_less() -> None:
    found = [corrected_resampled_t_test(DIFFERENCES, ratio).p_value for ratio in (0, 0.1, 0.5, 2)]
    assert found == sorted(found)
    assert len(set(found)) == 4


def test_holm_by_hand() -> None:
    # steps 4 × 0.005, 3 × 0.01, 2 × 0.03, 1 × 0.04, the last raised to the one before it
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@settings(max_examples=examples(100), deadline=None)
@given(p_values)
def test_holm_is_the_closed_test_of_bonferroni(p: list[float]) -> None:
    # Marcus, Peritz and Gabriel (1976): reject what all intersections that contain it reject
    everything = range(len(p))
    subsets = [set(c) for size in everything for c in combinations(everything, size + 1)]
    expected = [
        min(1.0, max(len(s) * min(p[j] for j in s) for s in subsets if i in s)) for i in everything
    ]
    found = holm(p)
    assert found == pytest.approx(expected)
    assert (found >= p).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(found[order]) >= 0).all()


def test_the_paired_test_is_that_of_scipy() -> None:
    expected = stats.ttest_1samp(DIFFERENCES, 0)
    found = paired_test(DIFFERENCES, confidence=0.9)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx(expected.confidence_interval(0.9))


def test_rows_of_a_customer_count_once() -> None:
    numbers = np.arange(10)
    assert paired_test(DIFFERENCES, numbers) == paired_test(DIFFERENCES)
    copies = paired_test(np.repeat(DIFFERENCES, 3), np.repeat(numbers, 3))
    assert copies.p_value == pytest.approx(paired_test(DIFFERENCES).p_value)
    assert paired_test(np.repeat(DIFFERENCES, 3)).p_value < copies.p_value / 2


def test_all_pairs_are_compared_customer_by_customer() -> None:
    generator = np.random.default_rng(0)
    hardness = generator.normal(0, 0.05, 10)  # which all candidates share
    losses = pd.DataFrame(
        {
            "worst": 0.50 + hardness + generator.normal(0, 0.002, 10),
            "best": 0.40 + hardness + generator.normal(0, 0.002, 10),
            "close": 0.4005 + hardness + generator.normal(0, 0.002, 10),
        }
    )
    found = compare_candidates(losses, 0.95)
    assert {frozenset((c["candidate"], c["other"])) for c in found} == {
        frozenset(pair) for pair in combinations(losses, 2)
    }
    for comparison in found:
        difference = losses[comparison["candidate"]] - losses[comparison["other"]]
        assert comparison["difference"] == pytest.approx(difference.mean(), abs=1e-6)
        assert comparison["difference"] >= 0
        expected = stats.ttest_1samp(difference, 0)
        assert comparison["p_value"] == pytest.approx(expected.pvalue, abs=1e-6)
        bound = stats.ttest_1samp(difference, 0, alternative="less").confidence_interval(0.95)
        assert comparison["upper_bound"] == pytest.approx(bound.high, abs=1e-6)
        assert comparison["significant"] is ("worst" in comparison.values())
    assert [c["p_value"] for c in found] == sorted(c["p_value"] for c in found)
    adjusted = holm([c["p_value"] for c in found])
    assert [c["p_value_holm"] for c in found] == pytest.approx(list(adjusted), abs=3e-6)


def test_pairs_with_a_reference_are_a_family_of_their_own() -> None:
    generator = np.random.default_rng(0)
    losses = pd.DataFrame(
        {name: 0.4 + generator.normal(0, 0.01, 10) for name in ("a", "b", "c", "plain")}
    )
    found = compare_candidates(losses, 0.95, reference="plain")
    for is_reference in (True, False):
        family = [c for c in found if ("plain" in (c["candidate"], c["other"])) is is_reference]
        assert len(family) == 3
        expected = holm([c["p_value"] for c in family])
        assert [c["p_value_holm"] for c in family] == pytest.approx(list(expected), abs=5e-6)


def test_a_level_decides_what_is_significant() -> None:
    losses = pd.DataFrame({"a": DIFFERENCES, "b": 0.0})
    (comparison,) = compare_candidates(losses, 0.9)
    assert comparison["p_value"] == comparison["p_value_holm"]
    p_value = comparison["p_value"]
    for confidence in (1 - p_value * 1.01, 1 - p_value * 0.99):
        (found,) = compare_candidates(losses, confidence)
        assert found["significant"] is (confidence < 1 - p_value)
        assert (found["low"] > 0) is found["significant"]


def test_intervals_leave_out_no_difference_where_holm_says_so() -> None:
    # without Holm's correction both are significant; with it, neither is
    losses = pd.DataFrame({"a": DIFFERENCES, "b": 0.0, "c": [-d * 1.01 for d in DIFFERENCES]})
    p = sorted(c["p_value"] for c in compare_candidates(losses, 0.95))
    for confidence in (0.5, 1 - 1.5 * p[0], 1 - 2.5 * p[0], 1 - 3.5 * p[0], 0.99):
        for comparison in compare_candidates(losses, confidence):
            assert (comparison["low"] > 0) is comparison["significant"]
            assert comparison["significant"] is (comparison["p_value_holm"] < 1 - confidence)


@settings(max_examples=examples(100), deadline=None)
@given(p_values, st.sampled_from([0.01, 0.05, 0.2]))
def test_a_level_of_holm_decides_as_the_adjusted_p_value(p: list[float], level: float) -> None:
    below = np.array(p) < holm_levels(p, level)
    adjusted = holm(p)
    far = np.abs(adjusted - level) > 1e-12  # rounding decides the others
    assert (below == (adjusted < level))[far].all()
