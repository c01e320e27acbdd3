from __future__ import annotations

import pytest

from churn_pipeline.discovery import names, outcome_names


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("CustomerID", ["customer", "id"]),
        ("Months_on_book", ["months", "on", "book"]),
        ("IsActiveMember", ["is", "active", "member"]),
        ("Unnamed: 0", ["unnamed", "0"]),
        ("HTTPErrors2", ["http", "errors", "2"]),
        ("  ", []),
    ],
)
def test_words(name: str, words: list[str]) -> None:
    assert names.words(name) == words


@pytest.mark.parametrize(
    "name", ["customer_id", "CustomerId", "CLIENTNUM", "msisdn", "user id", "Member Number"]
)
def test_a_key_of_persons_is_the_best_identifier(name: str) -> None:
    assert names.identifier_score(name) == 4


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("account_number", 3), ("id", 2), ("ID#", 2), ("plan_id", 2), ("invoice no", 1),
        ("num_of_products", 0), ("paid", 0), ("customers", 0), ("valid", 0), ("amount", 0),
    ],
)  # fmt: skip
def test_lesser_identifiers(name: str, score: int) -> None:
    assert names.identifier_score(name) == score


@pytest.mark.parametrize("name", ["Unnamed: 0", "RowNumber", "index", "row_id", "S.No", "", "X"])
def test_row_numbers(name: str) -> None:
    assert names.is_index(name)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Months_on_book", "months"), ("total day minutes", "minutes"), ("data_gb", "GB"),
        ("calls_last_30_days", "calls"), ("Contacts_Count_12_mon", None), ("price", None),
        ("tenure_days", "days"), ("discount_pct", "%"), ("spend per months", None),
    ],
)  # fmt: skip
def test_units(name: str, unit: str | None) -> None:
    assert names.unit(name) == unit


@pytest.mark.parametrize(
    "name",
    ["gender", "Sex", "Age", "customer_age", "SeniorCitizen", "Marital_Status", "race", "age_group",
     "nationality", "religion", "has_disability", "Year_Birth"],
)  # fmt: skip
def test_sensitive(name: str) -> None:
    assert names.is_sensitive(name)


@pytest.mark.parametrize(
    "name", ["account_age", "age_of_device", "Seniority", "usage", "page", "packages", "trace"]
)
def test_not_sensitive(name: str) -> None:
    assert not names.is_sensitive(name)


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("Churn", 1), ("Attrition_Flag", 1), ("is_churned", 1), ("Exited", 2), ("left", 2),
        ("target", 4), ("y", 4), ("status", 4), ("churn_score", 0), ("churn_date", 0),
        ("labels", 4), ("is_lost", 2), ("LEAVE", 2), ("Discontinued", 2), ("left_company", 2),
        ("Retained", 3), ("retention", 3), ("left_reviews", 0), ("lost_parcels", 0),
        ("retention_offer", 0), ("NoChurn", 1), ("is_active", 0), ("has_account", 0),
        ("previous_churn", 0), ("left_calls", 0), ("closed_count", 0), ("yes", 0),
    ],
)  # fmt: skip
def test_targets(name: str, tier: int) -> None:
    assert outcome_names.target_tier(name) == tier


@pytest.mark.parametrize(
    "name", ["churn_reason", "ChurnScore", "cancellation_date", "exit_survey", "reason_for_leaving"]
)
def test_known_only_after(name: str) -> None:
    assert outcome_names.is_after_event(name)


@pytest.mark.parametrize(
    "name", ["previous_churn", "orders_cancelled", "exit_pages", "signup_date", "refunds"]
)
def test_known_before(name: str) -> None:
    assert not outcome_names.is_after_event(name)


def test_meanings_are_sentences() -> None:
    assert names.sentence("MonthlyCharges") == "Monthly charges."
    assert names.sentence("ARPU_3m") == "ARPU 3 m."
    assert names.sentence("?") == "Column without a name."


@pytest.mark.parametrize(
    "name",
    ["area code", "branch_no", "plan_id", "Policy_Sales_Channel", "type_of_contract", "Region_Code",
     "store 2", "prizm_code"],
)  # fmt: skip
def test_numbers_that_are_labels(name: str) -> None:
    assert names.is_code(name)


@pytest.mark.parametrize(
    "name",
    ["WarehouseToHome", "JobSatisfaction", "JobInvolvement", "plan_upgrades", "campaign_clicks",
     "city_population", "brand_loyalty", "group_sessions", "agent_contacts", "branch_trips",
     "distance_to_store", "number_of_branch", "device_model_age", "calls_area"],
)  # fmt: skip
def test_a_word_of_labels_beside_the_noun_makes_no_labels(name: str) -> None:
    assert not names.is_code(name)


MAYBE = [
    "data_left_at_month_end", "TimeLeftOnContract", "days_left", "early_termination_fee",
    "churned_friends", "churn_neighbors_pct", "minutes_left_on_plan",
]  # fmt: skip


@pytest.mark.parametrize("name", MAYBE)
def test_known_perhaps_before(name: str) -> None:
    assert outcome_names.may_be_after_event(name)
    assert not outcome_names.is_after_event(name)


@pytest.mark.parametrize("name", ["left_date", "exit_date", "termination_reason", "churn_value"])
def test_no_doubt_that_it_comes_after(name: str) -> None:
    assert outcome_names.is_after_event(name)
    assert not outcome_names.may_be_after_event(name)


@pytest.mark.parametrize("name", ["signup_date", "contact_area", "monthly_fee", "previous_churn"])
def test_no_doubt_that_it_comes_before(name: str) -> None:
    assert not outcome_names.may_be_after_event(name)


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        ("not_churned", True), ("NoChurn", True), ("non_churner", True), ("nochurn", True),
        ("Retained", True), ("is_active_customer", True), ("stayed", True), ("churn", False),
        ("Churn No", False), ("customer_churn", False), ("left", False), ("customer", False),
    ],
)  # fmt: skip
def test_names_that_speak_of_staying(name: str, stays: bool) -> None:
    assert outcome_names.means_staying(name) is stays
