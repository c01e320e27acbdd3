from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from empulse.metrics import empb_score
from scipy.stats import beta

from churn_pipeline.economics.profit import add_decisions, best_share, lifetime_values, profit_curve
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.scorer.decisions import Economics

DEFAULT = Economics(200, 10, 1, 6, 14)
BY_COLUMN = Economics("worth", 10, 1, 6, 14)
RNG = np.random.default_rng(0)
P = RNG.random(300).round(2)
Y = (RNG.random(300) < P).astype(int)
VALUES = RNG.gamma(1.5, 100, 300).round(2)


def test_economics_are_read_from_the_parameters() -> None:
    parameters = {
        "customer_lifetime_value": 200,
        "incentive_cost": 10,
        "contact_cost": 1,
        "acceptance_alpha": 6,
        "acceptance_beta": 14,
        "tiers": {"all": {"minimum": 0, "action": "none"}},
    }
    assert Economics.of(parameters) == DEFAULT
    assert DEFAULT.acceptance == beta(6, 14).mean() == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("probability", "value", "profit"),
    [(1, 200, 56), (0, 200, -11), (0.5, 200, 22.5), (1, 10, -1), (1, 0, -4), (0.25, 100, -1.75)],
)
def test_expected_profit_by_hand(probability: float, value: float, profit: float) -> None:
    assert DEFAULT.expected_profit(probability, value) == pytest.approx(profit)


def test_expected_profit_is_the_mean_over_who_churns_and_who_accepts() -> None:
    generator = np.random.default_rng(1)
    n = 400_000
    churns = generator.random(n) < 0.4
    accepts = generator.random(n) < beta(6, 14).rvs(n, random_state=generator)
    # all pay the contact, stayers and accepting churners take the incentive
    profit = churns * accepts * 120 - 10 * (~churns | accepts) - 1
    assert DEFAULT.expected_profit(0.4, 120) == pytest.approx(profit.mean(), abs=0.3)


def test_contact_pays_above_the_break_even_probability() -> None:
    assert DEFAULT.break_even_probability(200) == pytest.approx(11 / 67)
    assert DEFAULT.break_even_probability(200) == pytest.approx(0.164, abs=5e-4)
    for value in (30.0, 200.0, 1e4):
        even = DEFAULT.break_even_probability(value)
        assert DEFAULT.expected_profit(even, value) == pytest.approx(0, abs=1e-9)
        assert DEFAULT.expected_profit(even * 1.001, value) > 0
    assert DEFAULT.break_even_probability(13) > 1
    assert DEFAULT.expected_profit(1, 13) < 0


def table(worth: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"who": ["A1", "B2", "C3"], "worth": worth, "word": ["x", "y", "z"]})


def test_lifetime_values_are_one_for_all_or_a_column() -> None:
    assert lifetime_values(DEFAULT, table([1, 2, 3])).tolist() == [200, 200, 200]
    for dtype in ("int64", "float64", "Float64"):
        customers = table([10, 0, 30.0]).astype({"worth": dtype})
        found = lifetime_values(BY_COLUMN, customers)
        assert found.tolist() == [10, 0, 30]
        assert found.dtype == np.float64


@pytest.mark.parametrize(
    ("name", "words"),
    [("word", "does not contain numbers"), ("wroth", "is not a column"), ("flag", "")],
)
def test_a_column_that_cannot_be_a_lifetime_value(name: str, words: str) -> None:
    customers = table([1, 2, 3]).assign(flag=True)
    with pytest.raises(ParameterError) as caught:
        lifetime_values(Economics(name, 10, 1, 6, 14), customers)
    for part in ("economics.customer_lifetime_value", name, words, "['worth']"):
        assert part in str(caught.value)


@pytest.mark.parametrize(("bad", "spelled"), [(None, "nan"), (-5.0, "-5"), (np.inf, "inf")])
def test_a_customer_without_usable_lifetime_value_is_named(bad: Any, spelled: str) -> None:
    with pytest.raises(DataError) as caught:
        lifetime_values(BY_COLUMN, table([1.0, bad, bad]).astype({"worth": "float64"}), "who")
    for part in ("worth of customer B2 is", spelled, "2 customers"):
        assert part in str(caught.value)
    with pytest.raises(DataError, match="row 2"):
        lifetime_values(BY_COLUMN, table([1.0, bad, 3.0]).astype({"worth": "float64"}))


def test_those_of_positive_expected_profit_are_contacted() -> None:
    predictions = pd.DataFrame({"churn_probability": [0.16, 0.17, 0.9]}, index=[7, 3, 5])
    found = add_decisions(predictions, table([1, 2, 3]), DEFAULT)
    assert list(found) == [
        "churn_probability", "customer_lifetime_value", "expected_profit", "contacted"
    ]  # fmt: skip
    assert found["contacted"].tolist() == [False, True, True]
    assert found["contacted"].dtype == bool
    assert found["expected_profit"].tolist() == pytest.approx([-0.28, 0.39, 49.3])
    assert list(predictions) == ["churn_probability"]


def test_individual_values_decide_on_equal_probabilities() -> None:
    predictions = pd.DataFrame({"churn_probability": [0.3, 0.3, 0.3]})
    found = add_decisions(predictions, table([20, 120, 1000]), BY_COLUMN)
    assert found["customer_lifetime_value"].tolist() == [20, 120, 1000]
    assert found["contacted"].tolist() == [False, True, True]
    assert found["expected_profit"].is_monotonic_increasing


# Profit curve


def test_profit_curve_by_hand_with_ties_as_one_step() -> None:
    points = profit_curve([1, 0, 1, 0], [0.9, 0.6, 0.6, 0.1], [200] * 4, DEFAULT)
    assert points["contacted_share"].tolist() == [0, 0.25, 0.75, 1]
    assert points["profit_per_customer"].tolist() == pytest.approx([0, 56 / 4, 101 / 4, 90 / 4])
    assert points["threshold"].tolist() == [1, 0.9, 0.6, 0.1]
    assert best_share([1, 0, 1, 0], [0.9, 0.6, 0.6, 0.1], [200] * 4, DEFAULT) == 0.75


def test_a_point_is_what_contacting_from_its_threshold_on_earns() -> None:
    points = profit_curve(Y, P, np.full(300, 200.0), DEFAULT)
    for _, point in points.iloc[1:].iterrows():
        reached = point["threshold"] <= P
        assert reached.mean() == pytest.approx(point["contacted_share"])
        earned = np.where(Y == 1, 56, -11)[reached].sum() / 300
        assert earned == pytest.approx(point["profit_per_customer"])


def test_empulse_agrees_on_the_best_point_for_individual_values() -> None:
    economics = Economics("worth", 0, 15, 6, 14)  # empulse has no incentive of fixed cost here
    score = economics.expected_profit(P, VALUES)
    score = (score - score.min()) / np.ptp(score)
    points = profit_curve(Y, P, VALUES, economics)
    arguments = {"clv": VALUES, "incentive_fraction": 0, "contact_cost": 15}
    assert points["profit_per_customer"].max() == pytest.approx(empb_score(Y, score, **arguments))
    assert best_share(Y, P, VALUES, economics) == pytest.approx(
        empb_score.optimal_rate(Y, score, **arguments)
    )
    assert points["threshold"].isna().all()


def test_contacting_no_one_is_best_where_contact_never_pays() -> None:
    assert best_share(Y, P, np.full(300, 13.0), DEFAULT) == 0


def test_a_long_curve_keeps_its_ends() -> None:
    p = np.linspace(0, 1, 5000)
    y = (np.random.default_rng(1).random(5000) < p).astype(int)
    points = profit_curve(y, p, np.full(5000, 200.0), DEFAULT)
    assert len(points) <= 1000
    assert points.iloc[0].tolist() == [0, 0, 1]
    assert points.iloc[-1].tolist() == pytest.approx([1, 67 * y.mean() - 11, 0])
