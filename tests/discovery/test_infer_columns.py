from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from churn_pipeline.discovery import Hints, infer_contract
from churn_pipeline.errors import DataError
from tests.discovery.tables import (
    N,
    amounts,
    churn,
    contract,
    ids,
    infer,
    keys,
    plan,
    questions,
    raw,
    rejected,
)

RNG = np.random.default_rng(31)


def cycle(values: list[Any], n: int = N) -> list[Any]:
    return [values[i % len(values)] for i in range(n)]


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("is_vip", [0, 1], "category"),
        ("sex", [1, 2], "category"),
        ("contract_months", [12, 24], "integer"),
        ("NumOfProducts", [1, 2, 3, 4], "integer"),
        ("state_count", [1, 2, 3], "integer"),
        ("area code", [408, 415, 510], "category"),
        ("branch", [11, 12, 13], "category"),
        ("rating", [1, 2, 3, 4, 5], "integer"),
        ("plan_id", [7, 8, 9], "category"),
    ],
)
def test_whole_numbers_are_amounts_or_labels(name: str, values: list[int], kind: str) -> None:
    found = keys({name: cycle(values)}, name)
    assert found["type"] == kind
    if kind == "category":
        assert found["values"] == [str(value) for value in values]


def test_labels_with_a_fraction_of_zero_are_spelled_otherwise() -> None:
    found = keys({"area": cycle(["408.0", "415.0", "510"])}, "area")
    assert found["values"] == ["408", "415", "510"]
    assert found["spellings"] == {"408": ["408.0"], "415": ["415.0"]}


def test_postcodes_of_few_rows_each_are_no_amounts() -> None:
    codes = RNG.integers(10_000, 99_999, N).tolist()
    inference = infer({"zip code": codes})
    assert inference.document["columns"]["zip code"]["role"] == "ignored"
    assert questions(inference, "zip code has")
    assert keys({"zip code": codes}, "zip code", keep=("zip code",))["type"] == "integer"


def test_spellings_that_differ_in_case_are_one() -> None:
    table = {"plan": cycle(["Gold", "gold", "Gold", "SILVER", "Silver", "Silver"])}
    inference = infer(table)
    found = inference.document["columns"]["plan"]
    assert found["values"] == ["Gold", "Silver"]
    assert found["spellings"] == {"Gold": ["gold"], "Silver": ["SILVER"]}
    assert "open" not in found


@pytest.mark.parametrize("levels", [51, 500, 50_000])
def test_many_levels_are_listed_by_frequency(levels: int) -> None:
    n = 20_000
    codes = np.minimum(RNG.geometric(0.02, n), levels)
    codes[::2] = RNG.integers(0, levels, n // 2)
    values = [f"level {code}" for code in codes]
    inference = infer({"shop": values})
    found = inference.document["columns"]["shop"]
    assert found["open"]
    counts = {value: values.count(value) for value in found["values"][:60]}
    assert min(counts.values()) >= 20
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
    assert len(found["values"]) <= 1000
    assert contract(inference).columns["shop"].nullable


def test_levels_of_few_rows_each_are_left_out_with_a_question() -> None:
    table = {"occupation": [f"job {i}" for i in RNG.integers(0, 200, N)]}
    inference = infer(table)
    assert inference.document["columns"]["occupation"]["role"] == "ignored"
    assert questions(inference, "occupation has")
    kept = infer(table, keep=("occupation",)).document["columns"]["occupation"]
    assert kept["open"]


def test_rare_levels_open_a_category() -> None:
    values = cycle(["a", "b", "c"])
    values[7], values[9] = "rare", "rarer"
    found = keys({"kind": values}, "kind")
    assert sorted(found["values"]) == ["a", "b", "c"]
    assert found["open"]


def test_places_are_open_since_new_ones_come() -> None:
    found = keys({"state": cycle([f"S{i}" for i in range(20)])}, "state")
    assert found["open"]
    assert len(found["values"]) == 20


def test_missing_values_are_what_stands_in_the_table() -> None:
    table = {
        "a": cycle(["N/A", "1.5", "2.5", "3.5"]),
        "b": cycle(["x", "y", "", "null"]),
        "c": cycle(["Unknown", "low", "high"]),
        "d": cycle(["None", "offer A", "offer B"]),
    }
    inference = infer(table)
    assert inference.document["missing_values"] == ["", "N/A", "null"]
    columns = inference.document["columns"]
    assert columns["a"]["nullable"]
    assert columns["b"]["nullable"]
    assert columns["b"]["values"] == ["x", "y"]
    assert "Unknown" in columns["c"]["values"]
    assert "None" in columns["d"]["values"]
    assert "nullable" not in columns["d"]


def test_what_is_missing_among_numbers_may_be_a_value_elsewhere() -> None:
    table = {
        "handset_price": cycle(["Unknown", "30", "80", "150", "none"]),
        "signup": cycle(["Unknown", "2024-01-31", "2024-02-03", "2024-03-09"]),
        "married": cycle(["Yes", "No", "Unknown"]),
        "home": cycle(["Known", "Unknown"]),
    }
    inference = infer(table)
    assert inference.document["missing_values"] == ["", "none"]
    columns = inference.document["columns"]
    for name in ("handset_price", "signup"):
        assert columns[name]["missing_values"] == ["Unknown"]
        assert columns[name]["nullable"]
    assert columns["married"]["values"] == ["No", "Unknown", "Yes"]
    assert columns["home"]["values"] == ["Known", "Unknown"]
    assert "nullable" not in columns["home"]
    assert contract(inference).columns["signup"].missing_values == ("Unknown",)
    cells = {"customer_id": ids(), "amount": amounts(), "churn": churn(), **table}
    assert rejected(raw(cells), inference).empty


def test_what_tells_nothing_is_left_alone_with_the_reason() -> None:
    table: dict[str, list[Any]] = {
        "constant": ["x"] * N,
        "empty": [None] * N,
        "nearly": [None if i > 5 else "x" for i in range(N)],
        "notes": [f"wrote about {i} and {i % 9} more things in this long text" for i in range(N)],
    }
    inference = infer(table)
    reasons = {name: plan(inference, name).why for name in table}
    assert reasons["constant"] == "all rows have the same value"
    assert reasons["empty"] == "all of its cells are missing"
    assert reasons["nearly"] == "only 6 cells are filled"
    assert "free text" in reasons["notes"]
    assert all(inference.document["columns"][name]["role"] == "ignored" for name in table)


def test_99_percent_missing_is_kept_with_the_reason() -> None:
    n = 5000
    values = [i % 300 if i % 100 == 0 else None for i in range(n)]
    inference = infer({"complaints": values})
    found = inference.document["columns"]["complaints"]
    assert found["role"] == "feature"
    assert found["nullable"]
    assert "whether a cell is filled may be informative" in plan(inference, "complaints").why


def test_the_share_from_which_cells_may_be_missing() -> None:
    values = [None if i == 3 else i % 37 for i in range(N)]
    assert keys({"x": values}, "x")["nullable"]
    assert "nullable" not in keys({"x": values}, "x", nullable_from=0.01)


def test_sensitive_columns() -> None:
    table = {
        "gender": cycle(["F", "M"]),
        "Age": [18 + i % 70 for i in range(N)],
        "region": cycle(["n", "s"]),
        "date_of_birth": cycle(["1980-01-01", "1990-05-05", "2001-06-07"]),
    }
    inference = infer(table, sensitive=("region",))
    columns = inference.document["columns"]
    for name in ("gender", "Age", "region"):
        assert columns[name]["role"] == ["feature", "sensitive"]
    assert columns["Age"]["type"] == "integer"
    assert any("date_of_birth tells the age" in text for text in inference.notes.warnings)
    contract(inference)


def test_drop_leaves_out() -> None:
    inference = infer({"x": cycle([1, 2, 3])}, drop=("x",))
    assert inference.document["columns"]["x"]["role"] == "ignored"
    assert plan(inference, "x").why == "--drop names it"


def test_a_table_without_features_is_one_sentence() -> None:
    table = raw({"id": ids(), "churn": churn(), "constant": ["x"] * N})
    with pytest.raises(DataError, match=r"no column that a model can learn.*constant \(all rows"):
        infer_contract(table, "test", Hints())


def test_headers_that_are_no_words() -> None:
    table = {
        "": cycle([1.5, 2.5]), "Monthly charge ($)": amounts(), "yes": cycle(["a", "b", "c"]),
        "1": cycle([3, 4, 5]), 'quo"te\\': cycle(["é", "\u2028 x"]), "naïve: #1": cycle(["'", '"']),
        "customer_id": ids(), "churn": churn(),
    }  # fmt: skip
    inference = infer_contract(raw(table), "test")
    assert rejected(raw(table), inference).empty


def test_the_report_names_every_column_and_answer() -> None:
    table = {"x|y": cycle(["a", "b"]), "signup": cycle(["2024-01-02", "2024-03-04", "2024-01-09"])}
    report = infer(table).report
    for name in ("x\\|y", "signup", "customer_id", "amount", "churn", "snapshot_date"):
        assert f"| `{name}` |" in report
    assert "1. On which day was the table taken?" in report
    assert "days_since_signup" in report


def test_the_result_does_not_depend_on_chance() -> None:
    table = {"a": amounts(), "b": cycle(["x", "y", "z"]), "customer_id": ids(), "churn": churn()}
    first, second = infer_contract(raw(table), "test"), infer_contract(raw(table), "test")
    assert first.contract_text == second.contract_text
    assert first.report == second.report


def test_numbers_that_are_labels_are_open() -> None:
    found = keys({"branch_no": [i % 4 + 1 for i in range(N)]}, "branch_no")
    assert found["values"] == ["1", "2", "3", "4"]
    assert found["open"]
