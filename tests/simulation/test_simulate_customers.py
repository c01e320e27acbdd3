from __future__ import annotations

import hashlib
import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.telco import simulate_customers
from benchmarks.telco.schema import ADD_ONS, COLUMNS, LEVELS
from churn_pipeline.errors import SimulationError
from churn_pipeline.simulation import Simulation
from tests.sizes import examples

CUSTOMERS_SHA256 = "adb58e941b03d4de0015fc6d012e5865cf6ce56b60088d252e368865d48a8a18"
TRUTH_SHA256 = "735a0438e7a2e692e56220c65c51395b135670856076a74a30a3ebff62ed5f6d"


def raw_csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, float_format="%.9g", lineterminator="\n")


def sha256(table: pd.DataFrame) -> str:
    return hashlib.sha256(raw_csv(table).encode()).hexdigest()


def totals(customers: pd.DataFrame) -> pd.Series:
    return pd.to_numeric(customers["TotalCharges"], errors="coerce")


# Determinism


def test_bytes_of_a_known_seed_never_change() -> None:
    simulation = simulate_customers(500, seed=2024)
    assert sha256(simulation.customers) == CUSTOMERS_SHA256
    assert sha256(simulation.truth) == TRUTH_SHA256


def test_same_seed_repeats_and_other_seed_differs() -> None:
    first, again, other = (simulate_customers(300, seed) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(first.customers, again.customers)
    pd.testing.assert_frame_equal(first.truth, again.truth)
    assert sha256(first.customers) != sha256(other.customers)


def test_global_random_state_is_neither_used_nor_touched() -> None:
    np.random.seed(0)
    first = simulate_customers(10, seed=1).customers
    following = np.random.random()
    np.random.seed(0)
    assert np.random.random() == following
    pd.testing.assert_frame_equal(first, simulate_customers(10, seed=1).customers)


# Shape and spelling


@pytest.mark.parametrize("n_customers", [0, -1])
def test_fewer_than_one_customer_is_an_error(n_customers: int) -> None:
    with pytest.raises(SimulationError, match=f"customers must be at least 1, got {n_customers}"):
        simulate_customers(n_customers, seed=1)


@settings(max_examples=examples(40), deadline=None)
@given(n=st.integers(1, 60), seed=st.integers(0, 2**63))
def test_any_size_and_seed_gives_a_whole_table(n: int, seed: int) -> None:
    simulation = simulate_customers(n, seed)
    assert simulation.customers.shape == (n, 21)
    assert not simulation.customers.isna().any(axis=None)
    assert simulation.truth["churn_probability"].between(0, 1).all()


def test_columns_and_types(population: Simulation) -> None:
    customers = population.customers
    assert tuple(customers.columns) == COLUMNS
    assert tuple(population.truth.columns) == ("customerID", "churn_probability")
    numeric = {"SeniorCitizen": "int64", "tenure": "int64", "MonthlyCharges": "float64"}
    for column in COLUMNS:
        assert customers[column].dtype == numeric.get(column, "str")


def test_every_level_occurs_and_no_other(population: Simulation) -> None:
    for column, levels in LEVELS.items():
        assert {str(level) for level in population.customers[column].unique()} == set(levels), (
            column
        )


def test_identifiers_are_well_formed_unique_and_shared(population: Simulation) -> None:
    ids = population.customers["customerID"]
    assert ids.str.fullmatch(r"\d{4}-[A-Z]{5}").all()
    assert ids.is_unique
    assert ids.equals(population.truth["customerID"])


def test_csv_looks_like_the_published_file(population: Simulation) -> None:
    text = population.customers.to_csv(index=False, float_format="%g")
    charges = pd.read_csv(
        io.StringIO(text), dtype="str", usecols=["MonthlyCharges", "TotalCharges"]
    )
    amount = r"\d+(\.\d?[1-9])?"
    assert charges["MonthlyCharges"].str.fullmatch(amount).all()
    assert charges["TotalCharges"].str.fullmatch(rf"{amount}| ").all()


# Rules between the columns


def test_total_charges_are_blank_exactly_at_tenure_zero(population: Simulation) -> None:
    customers = population.customers
    assert (customers["TotalCharges"].eq(" ") == customers["tenure"].eq(0)).all()
    assert customers["tenure"].eq(0).any()


def test_customers_of_tenure_zero_have_a_term_and_never_churn(population: Simulation) -> None:
    new = population.customers["tenure"].eq(0)
    assert population.customers.loc[new, "Churn"].eq("No").all()
    assert population.customers.loc[new, "Contract"].ne("Month-to-month").all()
    assert population.truth.loc[new, "churn_probability"].eq(0).all()


def test_services_that_need_another_service(population: Simulation) -> None:
    customers = population.customers
    no_internet = customers["InternetService"].eq("No")
    no_phone = customers["PhoneService"].eq("No")
    for add_on in ADD_ONS:
        assert (customers[add_on].eq("No internet service") == no_internet).all()
    assert (customers["MultipleLines"].eq("No phone service") == no_phone).all()
    assert customers.loc[no_phone, "InternetService"].eq("DSL").all()


def test_tenure_range(population: Simulation) -> None:
    assert population.customers["tenure"].min() == 0
    assert population.customers["tenure"].max() == 72


def test_monthly_charges_are_prices_of_services_on_a_grid_of_five_cents(
    population: Simulation,
) -> None:
    customers = population.customers
    monthly = customers["MonthlyCharges"]
    assert (monthly == monthly.round(2)).all()
    assert ((monthly * 100).round() % 5 == 0).all()
    price = (
        20 * customers["PhoneService"].eq("Yes")
        + 5 * customers["MultipleLines"].eq("Yes")
        + customers["InternetService"].map({"No": 0, "DSL": 25, "Fiber optic": 50})
        + 5 * (customers[list(ADD_ONS[:4])] == "Yes").sum(axis=1)
        + 10 * (customers[list(ADD_ONS[4:])] == "Yes").sum(axis=1)
    )
    assert (monthly - price).abs().max() < 10
    assert abs((monthly - price).mean()) < 0.1
    assert monthly.between(15, 130).all()


def test_total_charges_wander_around_tenure_times_monthly(population: Simulation) -> None:
    customers = population.customers
    expected = customers["tenure"] * customers["MonthlyCharges"]
    relative = totals(customers) / expected.where(expected > 0) - 1
    first, young, old = (
        relative[customers["tenure"].between(*months)] for months in [(1, 1), (2, 6), (60, 72)]
    )
    assert first.abs().max() < 1e-9
    assert 0.07 < young.std() < 0.13
    assert 0.015 < old.std() < 0.035
    assert (relative.abs() < 1e-9)[customers["tenure"] > 1].mean() < 0.02


def test_nobody_paid_less_than_one_month(population: Simulation) -> None:
    customers = population.customers[population.customers["tenure"] > 0]
    assert (totals(customers) >= customers["MonthlyCharges"]).all()


# Truth


def test_churn_rate_is_near_the_real_one(population: Simulation) -> None:
    assert population.customers["Churn"].eq("Yes").mean() == pytest.approx(0.265, abs=0.01)


def test_probabilities_are_rounded(population: Simulation) -> None:
    probability = population.truth["churn_probability"]
    assert (probability == probability.round(9)).all()
    assert probability.nunique() > 1000


def test_churn_is_drawn_from_the_truth(population: Simulation) -> None:
    churned = population.customers["Churn"].eq("Yes").astype(float)
    probability = population.truth["churn_probability"]
    deciles = pd.qcut(probability, 10, labels=False)
    for bins in (deciles, deciles * 0):
        variance = (probability * (1 - probability)).groupby(bins).sum()
        surplus = (churned - probability).groupby(bins).sum()
        assert (surplus.abs() < 4 * np.sqrt(variance)).all()


# Imports


def test_simulation_needs_neither_scikit_learn_nor_kedro() -> None:
    code = (
        "import sys; from benchmarks.telco import simulate_customers;"
        "simulate_customers(5, 1);"
        "print(*{'sklearn', 'scipy', 'kedro'} & set(sys.modules))"
    )
    path = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=path
    )
    assert done.stdout.strip() == ""
