from __future__ import annotations

import base64
import hashlib
from typing import Any

import numpy as np
import pytest

from churn_pipeline.discovery import infer_contract
from tests.discovery.tables import N, amounts, churn, contract, ids, infer, plan, questions, raw

RNG = np.random.default_rng(11)
BIG = (RNG.permutation(N) * 7 + 15_600_000).tolist()
NAMES = [f"{a}{b}son" for a in "ABCDEFGHIJ" for b in range(10)]


def roles(inference: object) -> dict[str, str]:
    columns = inference.document["columns"]  # type: ignore[attr-defined]
    return {name: str(keys["role"]) for name, keys in columns.items()}


def test_row_numbers_ids_and_surnames() -> None:
    table = {
        "Unnamed: 0": range(N),
        "RowNumber": range(1, N + 1),
        "CustomerId": BIG,
        "Surname": RNG.choice(NAMES, N).tolist(),
        "Balance": amounts(),
        "Exited": [int(value == "yes") for value in churn()],
    }
    inference = infer({**table, "customer_id": [1] * N}, target=None)
    found = roles(inference)
    assert found["CustomerId"] == "id"
    assert {found[n] for n in ("Unnamed: 0", "RowNumber", "Surname")} == {"ignored"}
    assert found["Balance"] == "feature"


def test_the_unique_one_of_two_ids_is_chosen() -> None:
    table = {"customer_id": [f"C{i % 50}" for i in range(N)], "id": range(N)}
    found = roles(infer(table))
    assert found["id"] == "id"
    assert found["customer_id"] != "id"


def test_without_an_id_one_is_generated() -> None:
    table = {"customer_id": [i % 3 for i in range(N)], "generated_id": [i % 5 for i in range(N)]}
    inference = infer(table)
    assert roles(inference)["generated_id_"] == "id"
    assert contract(inference).id.is_generated
    assert questions(inference, "Which column identifies a customer")


def test_few_repeated_ids_are_a_warning() -> None:
    repeated = ids()
    repeated[5] = repeated[6]
    inference = infer({"customer_id": repeated})
    assert inference.keys.id == "customer_id"
    assert any("1 row repeats the customer_id" in text for text in inference.notes.warnings)


def test_the_id_of_the_user() -> None:
    inference = infer({"contract": [f"K{i}" for i in BIG]}, id="contract")
    assert inference.keys.id == "contract"
    assert roles(inference)["customer_id"] == "ignored"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("contact", [f"user{i}@example.org" for i in range(N)]),
        ("phone number", [f"{382 + i % 90}-{4000 + i}" for i in range(N)]),
        ("line", [f"({i:03d}) 555-{1000 + i}" for i in range(N)]),
        ("mobile", [4915_0000_0000 + int(i) * 97 for i in RNG.permutation(N)]),
        ("Full Name", [f"{n} {m}" for n in NAMES[:20] for m in NAMES[:20]]),
    ],
)
def test_personal_data_are_left_out(name: str, values: list[object]) -> None:
    inference = infer({name: values})
    assert roles(inference)[name] == "ignored"
    assert "personal data" in plan(inference, name).why


def test_a_flag_about_phones_is_no_personal_data() -> None:
    assert roles(infer({"phone": churn(share=0.5)[::-1]}))["phone"] == "feature"


@pytest.mark.parametrize(
    "values",
    [
        [f"{i:08x}-ab" for i in BIG],
        [f"The customer number {i} called us about {i % 7} things" for i in range(N)],
        [int(i) + 70_000_000 for i in RNG.permutation(10**6)[:N]],
        RNG.permutation(N).tolist(),
    ],
    ids=["codes", "sentences", "digits", "counted"],
)
def test_what_is_unique_says_nothing(values: list[object]) -> None:
    assert roles(infer({"thing": values}))["thing"] == "ignored"


@pytest.mark.parametrize("name", ["balance", "monthly charge", "points"])
def test_unique_amounts_stay_numbers(name: str) -> None:
    values = (RNG.permutation(10**6)[:N] + 10).tolist()
    assert infer({name: values}).document["columns"][name]["type"] == "integer"


def test_keep_overrides() -> None:
    table = {"thing": [int(i) + 70_000_000 for i in RNG.permutation(10**6)[:N]]}
    assert roles(infer(table, keep=("thing",)))["thing"] == "feature"


def test_a_snapshot_makes_repeated_ids_unique() -> None:
    table = {
        "customer_id": np.repeat(ids(N // 4), 4).tolist(),
        "report_date": ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"] * (N // 4),
    }
    inference = infer(table)
    assert (inference.keys.id, inference.keys.snapshot) == ("customer_id", "report_date")
    del table["report_date"]
    assert infer(table).keys.id is None
    assert infer(table).keys.repeated == 0
    assert raw(table).cells.shape == (N, 1)


def panel(name: str = "customer_id", date: str = "report_date") -> dict[str, Any]:
    """Return four rows a customer, one of each month."""
    return {
        name: np.repeat([f"Firm {i} Ltd" for i in range(N // 4)], 4).tolist(),
        date: ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"] * (N // 4),
        "amount": amounts(),
        "churn": churn(),
    }


def found_keys(table: dict[str, Any]) -> tuple[str | None, str | None]:
    keys = infer_contract(raw(table), "test").keys
    return keys.id, keys.snapshot


@pytest.mark.parametrize(
    "date",
    ["month_start", "billing_month", "bill_month", "invoice_month", "month_year", "week",
     "WeekStart", "period", "period_start", "calendar_month", "quarter", "yearmonth"],
)  # fmt: skip
def test_names_of_snapshots(date: str) -> None:
    assert found_keys(panel(date=date)) == ("customer_id", date)


@pytest.mark.parametrize("name", ["customer", "client", "User", "account", "uid", "msno"])
def test_the_word_for_a_person_is_an_identifier(name: str) -> None:
    assert found_keys(panel(name)) == (name, "report_date")


def test_any_date_that_makes_a_repeated_id_unique_is_the_snapshot() -> None:
    inference = infer_contract(raw(panel(date="valued")), "test")
    assert (inference.keys.id, inference.keys.snapshot) == ("customer_id", "valued")
    assert questions(inference, "Is valued the day")


def test_a_date_of_many_days_beside_unique_ids_is_an_ordinary_one() -> None:
    days = [f"2024-{i % 2 + 1:02d}-{i % 15 + 1:02d}" for i in range(N)]
    inference = infer({"date": days})
    assert roles(inference)["date"] == "feature"
    assert questions(inference, "Does date say on which day")


def test_ids_in_base64() -> None:
    codes = [base64.b64encode(hashlib.sha256(bytes([i % 256, i // 256])).digest()).decode()
             for i in range(N)]  # fmt: skip
    table = {"subject": codes, "amount": amounts(), "churn": churn()}
    assert found_keys(table) == ("subject", None)
