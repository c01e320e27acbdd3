from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.telco import simulate_customers
from benchmarks.telco.realism import (
    Measurement,
    churn_rate_gaps,
    discrimination_auc,
    mean_gaps,
    measure,
    share_gaps,
)
from churn_pipeline.simulation import Simulation
from tests.sizes import size

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", size([1], [1, 2]))
def test_targets_hold_at_the_size_of_the_real_file(real: pd.DataFrame, seed: int) -> None:
    simulated = simulate_customers(len(real), seed).customers
    missed = [m for m in measure(real, simulated) if not m.passed]
    assert not missed


def test_targets_hold_where_sampling_noise_vanishes(
    real: pd.DataFrame, population: Simulation
) -> None:
    missed = [m for m in measure(real, population.customers) if not m.passed]
    assert not missed


def test_a_population_equals_itself(population: Simulation) -> None:
    customers = population.customers
    for gaps in (share_gaps, churn_rate_gaps, mean_gaps):
        assert gaps(customers, customers).max() == 0


def test_gaps_find_what_was_changed(population: Simulation) -> None:
    customers = population.customers
    changed = customers.assign(
        Partner="Yes", Churn="Yes", MonthlyCharges=1.5 * customers["MonthlyCharges"]
    )
    assert share_gaps(customers, changed)["Partner=Yes"] > 0.4
    assert churn_rate_gaps(customers, changed).min() > 0.4
    assert mean_gaps(customers, changed)["MonthlyCharges"] == pytest.approx(0.5)


@pytest.mark.full  # about the yardstick, which fits trees of its own
def test_discrimination_notices_a_broken_relation() -> None:
    customers, others = (simulate_customers(2000, seed).customers for seed in (1, 2))
    internet = others["InternetService"].sample(frac=1, random_state=0).to_numpy()
    assert discrimination_auc(customers, others.assign(InternetService=internet)) > 0.75


@pytest.mark.full  # as above
def test_discrimination_notices_exact_totals() -> None:
    customers, others = (simulate_customers(2000, seed).customers for seed in (1, 2))
    exact = (others["tenure"] * others["MonthlyCharges"]).round(2).astype("str")
    assert discrimination_auc(customers, others.assign(TotalCharges=exact)) > 0.9


@pytest.mark.parametrize(
    ("value", "at_most", "passed"),
    [(0.5, True, True), (0.6, True, False), (0.5, False, True), (0.4, False, False)],
)
def test_measurement_compares_with_its_limit(value: float, at_most: bool, passed: bool) -> None:
    assert Measurement("a target", value, 0.5, at_most).passed is passed
