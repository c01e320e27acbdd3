"""The kinds that come with the project do what their files say."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from churn_pipeline.simulation import Kind, Simulation, parse_kind, read_kind, simulate
from tests.sizes import examples

FOLDER = Path(__file__).resolve().parents[2] / "conf/base/simulation"
SHA256 = {
    "bank": "8b5c9426dd306d757bc490f3bb715e573afb8823a140d6cc44cfad4fb8afb37d",
    "usage": "2f525f25289c83f36ce504ae6c445c36685e11e1393cc70894aced6d29912ca4",
    "saas": "26612e8f045f08b8a58bd86a5e34357f570b31ea93241f82a3f058188844ed8e",
}
NAMES = tuple(SHA256)


@cache
def kind_of(name: str) -> Kind:
    return read_kind(FOLDER / f"{name}.yml")


@cache
def drawn(name: str, customers: int = 20_000, seed: int = 1, **parameters: float) -> Simulation:
    return simulate(kind_of(name), customers, seed, parameters)


def churned(name: str, simulation: Simulation) -> pd.Series:
    return simulation.customers[kind_of(name).target].eq(kind_of(name).positive)


def assert_within_noise(outcome: pd.Series, probability: pd.Series) -> None:
    surplus = float((outcome - probability).sum())
    assert abs(surplus) < 4 * np.sqrt((probability * (1 - probability)).sum())


# All kinds


@pytest.mark.parametrize("name", NAMES)
def test_bytes_of_a_known_seed_never_change(name: str) -> None:
    simulation = simulate(kind_of(name), 300, seed=2024)
    texts = (
        table.to_csv(index=False, float_format="%.12g", lineterminator="\n")
        for table in (simulation.customers, simulation.truth)
    )
    assert hashlib.sha256("".join(texts).encode()).hexdigest() == SHA256[name]


@pytest.mark.parametrize("name", NAMES)
def test_churn_is_drawn_from_the_truth(name: str) -> None:
    simulation = drawn(name)
    probability = simulation.truth["churn_probability"]
    outcome = churned(name, simulation)
    for group in (0 * probability, pd.qcut(probability, 10, labels=False, duplicates="drop")):
        for _, rows in probability.groupby(group):
            assert_within_noise(outcome[rows.index], rows)


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_is_worth_knowing_and_leaves_chance(name: str) -> None:
    simulation = drawn(name)
    auc = roc_auc_score(churned(name, simulation), simulation.truth["churn_probability"])
    assert 0.75 < auc < 0.95


@pytest.mark.parametrize("name", NAMES)
def test_the_rate_is_the_parameters(name: str) -> None:
    for rate in (0.005, 0.4):
        parameters = {"churn_rate": rate} | ({"snapshots": 1} if name == "saas" else {})
        simulation = drawn(name, **parameters)
        assert simulation.truth["churn_probability"].mean() == pytest.approx(rate, rel=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_with_nothing_but_noise_everybody_is_alike(name: str) -> None:
    parameters = {"noise": 1.0} | ({"snapshots": 1} if name == "saas" else {})
    truth = drawn(name, 500, **parameters).truth["churn_probability"]
    assert truth.nunique() == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_term_of_the_truth_matters(name: str) -> None:
    document: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text())
    parameters = {"snapshots": 1} if name == "saas" else {}
    columns = document["panel"]["columns"] if name == "saas" else document["columns"]
    terms = columns[document["target"]]["chance"]["terms"]
    outcome = churned(name, drawn(name, **parameters)).to_numpy()
    full = drawn(name, **parameters).truth["churn_probability"].to_numpy()
    later = ("month", "contacted")  # none at the first snapshot
    for term in [term for term in terms if not any(word in term for word in later)]:
        coefficient = terms.pop(term)
        # everything but the target is drawn before it, so the customers are the same
        without = simulate(parse_kind(document, name), 20_000, 1, parameters).truth[
            "churn_probability"
        ]
        odds = np.where(outcome, full / without, (1 - full) / (1 - without))
        assert np.log(odds).sum() > 1.9, term
        terms[term] = coefficient


@settings(max_examples=examples(20), deadline=None)
@given(name=st.sampled_from(NAMES), customers=st.integers(1, 30), seed=st.integers(0, 2**63))
def test_any_size_and_seed_gives_a_whole_table(name: str, customers: int, seed: int) -> None:
    simulation = simulate(kind_of(name), customers, seed)
    kind = kind_of(name)
    assert list(simulation.customers.columns) == kind.table
    assert len(simulation.customers) == len(simulation.truth)
    if not kind.panel:
        assert len(simulation.customers) == customers
    assert simulation.customers[kind.target].isin(["No", "Yes", "False", "True"]).all()
    assert simulation.truth["churn_probability"].between(0, 1).all()
    assert simulation.truth[kind.id].equals(simulation.customers[kind.id])


# Bank


def test_age_and_products_have_effects_that_turn() -> None:
    simulation = drawn("bank")
    truth = simulation.truth["churn_probability"]
    age = truth.groupby(pd.cut(simulation.customers["age"], [17, 35, 60, 95])).mean().tolist()
    assert age[0] < age[1] > age[2]
    products = truth.groupby(simulation.customers["products"]).mean().tolist()
    assert products[0] > products[1] < products[2]


@pytest.mark.parametrize("column", ["salary", "has_card", "row_number", "customer_id"])
def test_some_columns_mean_nothing(column: str) -> None:
    simulation = drawn("bank")
    values = simulation.customers[column].astype("float64")
    correlation = values.corr(simulation.truth["churn_probability"])
    assert abs(correlation) < 4 / np.sqrt(len(values))


def test_bank_columns_are_as_awkward_as_real_ones() -> None:
    customers = drawn("bank").customers
    assert customers["customer_id"].is_unique
    assert customers["customer_id"].str.fullmatch(r"1\d{7}").all()
    assert 2000 < customers["surname"].nunique() <= 3000
    assert 0.3 < customers["balance"].eq(0).mean() < 0.45
    for column in ("credit_score", "salary", "last_transaction"):
        assert customers[column].isna().mean() == pytest.approx(0.03, abs=0.006)
    opened = pd.to_datetime(customers["account_opened"])
    last = pd.to_datetime(customers["last_transaction"]).dropna()
    assert (opened[last.index] <= last).all()
    assert last.max() <= pd.Timestamp("2026-01-31")


# Usage


def test_the_sum_of_the_charges_says_more_than_each() -> None:
    simulation = drawn("usage")
    outcome = churned("usage", simulation)
    charges = simulation.customers.filter(like="_charge")
    assert charges.shape[1] == 4
    single = max(roc_auc_score(outcome, charges[name]) for name in charges)
    assert roc_auc_score(outcome, charges.sum(axis=1)) > single + 0.03


def test_usage_has_all_states_and_prices_by_the_minute() -> None:
    customers = drawn("usage").customers
    assert customers["state"].nunique() == 50
    assert set(customers["area_code"]) == {408, 415, 510}
    assert customers["phone_number"].is_unique
    assert (customers["day_charge"] - 0.17 * customers["day_minutes"]).abs().max() < 0.0051


# SaaS


def with_month(simulation: Simulation) -> pd.DataFrame:
    customers = simulation.customers.join(simulation.truth.iloc[:, 2:])
    return customers.assign(month=customers["snapshot_date"].rank(method="dense").astype(int) - 1)


def test_accounts_are_in_the_panel_from_their_signup_until_they_churn() -> None:
    simulation = drawn("saas", 5000)
    customers = with_month(simulation)
    assert not customers.duplicated(["account_id", "snapshot_date"]).any()
    assert (customers["signup_date"] <= customers["snapshot_date"]).all()
    assert (customers["last_login"] <= customers["snapshot_date"]).all()
    days = pd.to_datetime(customers["snapshot_date"].unique())
    assert len(days) == 12
    assert days.is_month_end.all()
    months = customers.groupby("account_id")["month"]
    assert (months.max() - months.min() + 1 == months.size()).all()
    last = customers["month"].eq(months.transform("max"))
    has_churned = churned("saas", simulation)
    assert last[has_churned].all()
    assert has_churned[last & customers["month"].lt(11)].all()


def test_long_tailed_categories_have_many_levels() -> None:
    accounts = drawn("saas").customers.drop_duplicates("account_id")
    assert accounts["country"].nunique() == 200
    assert accounts["referrer_domain"].nunique() > 2000
    assert accounts["country"].value_counts(normalize=True).iloc[0] > 0.1
    assert accounts["country"].str.fullmatch("[A-Z]{2}").all()  # never read as missing


def test_drift_changes_use_and_what_makes_accounts_leave() -> None:
    found = {}
    for drift in (0.0, 1.0):
        customers = with_month(drawn("saas", drift=drift, treatment_share=0.0))
        ends = [customers[customers["month"] == month] for month in (0, 11)]
        use = [(end["used_seats"] / end["seats"]).mean() for end in ends]
        unhappy = [
            end.loc[end["nps"] < 0, "churn_probability"].mean()
            / end.loc[end["nps"] >= 50, "churn_probability"].mean()
            for end in ends
        ]
        found[drift] = use[1] - use[0], unhappy[1] / unhappy[0]
    assert found[0.0][0] > -0.01  # those with little use have left
    assert found[1.0][0] < -0.05
    assert 0.7 < found[0.0][1] < 1.3
    assert found[1.0][1] > 1.4


@pytest.mark.parametrize(("delay", "blank"), [(0, 0), (30, 1), (60, 2)])
def test_outcomes_of_the_latest_snapshots_may_be_unknown(delay: int, blank: int) -> None:
    customers = with_month(drawn("saas", 3000, label_delay=delay))
    expected = customers["month"] > 11 - blank
    assert customers["churned"].isna().equals(expected)


def test_a_delay_hides_outcomes_and_changes_nothing_else() -> None:
    known, hidden = (drawn("saas", 3000, label_delay=delay) for delay in (0, 30))
    pd.testing.assert_frame_equal(known.truth, hidden.truth)


def test_contacts_are_drawn_by_lot_and_their_effect_is_known() -> None:
    simulation = drawn("saas", 60_000, churn_rate=0.2)
    customers = with_month(simulation)
    is_contacted = customers["contacted"].eq("Yes")
    during = customers["month"].between(3, 8)
    assert not is_contacted[~during].any()
    assert is_contacted[during].mean() == pytest.approx(0.3, abs=0.01)
    effect = customers["treatment_effect"]
    outcome = churned("saas", simulation).astype(float)
    low = (customers["used_seats"] / customers["seats"] < 0.5) & ~(customers["nps"] < 0)
    sad = (customers["used_seats"] / customers["seats"] >= 0.5) & customers["nps"].lt(0)
    means = {}
    for name, group in {"low": low, "sad": sad, "all": during}.items():
        group = group.fillna(False) & during
        treated, others = outcome[group & is_contacted], outcome[group & ~is_contacted]
        noise = np.sqrt(treated.var() / len(treated) + others.var() / len(others))
        means[name] = effect[group].mean()
        assert treated.mean() - others.mean() == pytest.approx(means[name], abs=4 * noise)
    assert means["low"] < means["all"] < 0 < means["sad"]


def test_the_effect_is_the_difference_of_two_probabilities() -> None:
    customers = with_month(drawn("saas", 3000))
    untreated = customers["churn_probability"] - customers["treatment_effect"]
    treated = customers["churn_probability"] + customers["treatment_effect"]
    is_contacted = customers["contacted"].eq("Yes")
    assert untreated[is_contacted].between(0, 1).all()
    assert treated[~is_contacted].between(0, 1).all()
    without = with_month(drawn("saas", 3000, treatment_share=0.0))
    first = without["month"] < 3  # the same accounts until the first contact
    assert without.loc[first, "treatment_effect"].equals(
        customers.loc[customers["month"] < 3, "treatment_effect"]
    )
