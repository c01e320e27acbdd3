from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from churn_pipeline.evaluation.calibration import calibration_error_interval
from churn_pipeline.evaluation.fairness import Outcomes, audit, measure_group
from churn_pipeline.evaluation.metrics import MetricSettings, bootstrap_metrics
from churn_pipeline.statistics.bootstrap import Bootstrap
from churn_pipeline.statistics.clustered_tests import (
    clustered_ratio_test,
    customer_sums,
    customer_terms,
)
from churn_pipeline.statistics.delong import delong_test

Floats = NDArray[np.float64]
ROWS = 6


def rows_of_customers(
    seed: int, customers: int = 150, rows: int = ROWS
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Outcomes and scores that are much alike within a customer, and whose rows they are."""
    random = np.random.default_rng(seed)
    level = np.repeat(random.normal(size=customers), rows)
    y = (random.random(customers * rows) < 1 / (1 + np.exp(1 - 2 * level))).astype(float)
    score = level + 0.2 * random.normal(size=customers * rows)
    return y, score, np.repeat(np.arange(customers), rows)


def test_all_rows_of_a_customer_are_drawn_together() -> None:
    numbers = np.array([0, 1, 1, 2, 0, 3])
    drawn = np.concatenate(list(Bootstrap(500, 0.9, 1, numbers).samples(6)))
    assert drawn.shape == (500, 6)
    assert (drawn[:, 0] == drawn[:, 4]).all()
    assert (drawn[:, 1] == drawn[:, 2]).all()
    assert (drawn[:, [0, 1, 3, 5]].sum(axis=1) == 4).all()
    assert len(set(drawn.sum(axis=1))) > 1


def test_one_row_a_customer_changes_nothing() -> None:
    y, score, _ = rows_of_customers(0, 80, 1)
    numbers = np.arange(80)
    p = 1 / (1 + np.exp(1 - score))
    plain = np.concatenate(list(Bootstrap(20, 0.9, 3).samples(80)))
    assert (
        plain.tolist() == np.concatenate(list(Bootstrap(20, 0.9, 3, numbers).samples(80))).tolist()
    )
    one, other = delong_test(y, score, -score, 0.9), delong_test(y, score, -score, 0.9, numbers)
    assert (one.low, one.high) == pytest.approx((other.low, other.high))
    terms = customer_terms(p, numbers)
    assert terms == pytest.approx(p)


def test_copies_of_rows_are_no_evidence() -> None:
    """With each row three times, intervals are as wide as with the rows once."""
    y, score, _ = rows_of_customers(1, 200, 1)
    p = 1 / (1 + np.exp(1 - score))
    other = score + np.random.default_rng(5).normal(size=200)
    numbers = np.tile(np.arange(200), 3)
    once = delong_test(y, score, other, 0.95)
    thrice = delong_test(np.tile(y, 3), np.tile(score, 3), np.tile(other, 3), 0.95, numbers)
    assert (once.low, once.high) == pytest.approx((thrice.low, thrice.high), abs=1e-3)

    settings = MetricSettings(0.1, 10)
    parameters: dict[str, Any] = {"replicates": 300, "confidence": 0.9, "seed": 1}
    of_rows = bootstrap_metrics(y, p, p > 0.3, settings, Bootstrap(**parameters))
    of_copies = bootstrap_metrics(
        np.tile(y, 3), np.tile(p, 3), np.tile(p > 0.3, 3), settings,
        Bootstrap(**parameters, customer_numbers=numbers),
    )  # fmt: skip
    for name, found in of_copies.items():
        if name != "expected_calibration_error":  # of the same replicates
            expected = of_rows[name].low, of_rows[name].high
            # Obuchowski's variance of an area is not quite DeLong's
            tolerance = 1e-3 if name == "roc_auc" else 1e-6
            assert (found.low, found.high) == pytest.approx(expected, rel=tolerance)

    members = np.tile(np.arange(200) % 2 == 0, 3)
    ones = np.ones(600)
    found_p = clustered_ratio_test(np.tile(y, 3), ones, members, numbers, is_pooled=True)
    table = [[y[m].sum(), (1 - y[m]).sum()] for m in (members[:200], ~members[:200])]
    assert found_p == pytest.approx(
        stats.chi2_contingency(table, correction=False).pvalue, rel=0.03
    )


def test_equally_good_scores_of_many_rows_are_told_apart_at_the_level() -> None:
    rounds, wrong, naive = 300, 0, 0
    for seed in range(rounds):
        y, score, numbers = rows_of_customers(seed, 60)
        random = np.random.default_rng(10_000 + seed)
        # errors of each score that a customer keeps
        one, two = (score + random.normal(size=60).repeat(ROWS) for _ in range(2))
        wrong += delong_test(y, one, two, 0.95, numbers).p_value < 0.05
        naive += delong_test(y, one, two, 0.95).p_value < 0.05
    assert 0.02 < wrong / rounds < 0.09
    assert naive / rounds > 0.12


def test_the_clustered_test_keeps_its_level() -> None:
    rounds, wrong, terms_wrong = 400, 0, 0
    for seed in range(rounds):
        y, score, numbers = rows_of_customers(seed, 80)
        members = np.random.default_rng(seed + 7_000).random(80)[numbers] < 0.5
        p_value = clustered_ratio_test(y, np.ones(len(y)), members, numbers, is_pooled=True)
        wrong += p_value < 0.05
        terms_wrong += stats.ttest_1samp(customer_terms(score, numbers), 0.0).pvalue < 0.05
    assert 0.02 < wrong / rounds < 0.09
    assert 0.02 < terms_wrong / rounds < 0.09


def test_a_group_is_judged_by_its_customers() -> None:
    y, score, numbers = rows_of_customers(3, 100)
    p = 1 / (1 + np.exp(1 - score))
    members = (numbers < 40).astype(int)
    plain = Outcomes(y, p, (p > 0.4).astype(float))
    clustered = Outcomes(y, p, (p > 0.4).astype(float), numbers)
    parameters: dict[str, Any] = {"replicates": 400, "confidence": 0.95, "seed": 1}
    widths = []
    for outcomes in (plain, clustered):
        rate = measure_group(outcomes, Bootstrap(**parameters))["selection_rate"]
        widths.append(rate["high"] - rate["low"])
    assert widths[1] > 1.5 * widths[0]
    groups: dict[str, Any] = {"group": pd.Categorical(np.where(members, "a", "b"))}
    found, naive = (
        audit(groups, part, Bootstrap(**parameters))["differences"] for part in (clustered, plain)
    )
    for one, other in zip(found, naive, strict=True):
        assert one["p_value_holm"] >= other["p_value_holm"]
        assert one["value"] == other["value"]
    few = Outcomes(y[:180], p[:180], y[:180], numbers[:180])  # 30 customers, 15 in a group
    halves: dict[str, Any] = {"group": pd.Categorical(np.where(np.arange(180) < 90, "a", "b"))}
    assert audit(halves, few, Bootstrap(**parameters))["not_judged"][0]["metric"] is None


def test_calibration_intervals_of_copies_are_those_of_the_rows_once() -> None:
    random = np.random.default_rng(4)
    p = random.random(400)
    y = (random.random(400) < np.clip(p + 0.08, 0, 1)).astype(float)
    parameters: dict[str, Any] = {"replicates": 400, "confidence": 0.95, "seed": 1}
    once = calibration_error_interval(y, p, 10, Bootstrap(**parameters))
    copied = np.tile(y, 5), np.tile(p, 5), 10
    blind = calibration_error_interval(*copied, Bootstrap(**parameters))
    known = calibration_error_interval(
        *copied, Bootstrap(**parameters, customer_numbers=np.tile(np.arange(400), 5))
    )
    assert known == pytest.approx(once, abs=0.02)
    assert blind[1] - blind[0] < 0.7 * (known[1] - known[0])


def test_rows_are_added_up_customer_by_customer() -> None:
    values = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    sums = customer_sums(values, np.array([1, 0, 1]))
    assert sums.tolist() == [[2.0, 20.0], [5.0, 50.0]]
