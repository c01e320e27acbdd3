from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from churn_pipeline.discovery.booleans import positive_value, read_flag
from churn_pipeline.discovery.levels import count_levels
from churn_pipeline.errors import DataError
from tests.discovery.tables import N, amounts, churn, infer, keys, questions, raw, rejected

SPELLINGS = {
    "yes": ["TRUE", "1", "yes", "Y", "True.", "t"],
    "no": ["False", "0", "no", "N", "false", "F"],
}


def mixed() -> list[str]:
    rng = np.random.default_rng(4)
    return [str(rng.choice(SPELLINGS[value])) for value in churn()]


def test_a_mix_of_spellings_is_one_flag() -> None:
    truth = churn()
    table: dict[str, Any] = {"customer_id": range(N), "amount": amounts(), "churn": mixed()}
    inference = infer(table)
    found = inference.document["columns"]["churn"]
    assert len(found["values"]) == 2
    assert inference.churn_rate == truth.count("yes") / N
    assert rejected(raw(table), inference).empty
    positive = found["positive"]
    assert {positive, *found["spellings"][positive]} >= set(SPELLINGS["yes"])


@pytest.mark.parametrize(
    ("texts", "values", "spellings"),
    [
        (["no", "yes"], ("no", "yes"), {}),
        (["F", "T"], ("F", "T"), {}),
        (["0.0", "1.0"], ("0", "1"), {"0": ("0.0",), "1": ("1.0",)}),
        (["TRUE", "FALSE", "true"], ("FALSE", "TRUE"), {"TRUE": ("true",)}),
        (["False.", "True."], ("False.", "True."), {}),
    ],
)
def test_flags(texts: list[str], values: tuple[str, str], spellings: dict[str, object]) -> None:
    flag = read_flag(count_levels(raw({"x": texts}).cells["x"]))
    assert flag is not None
    assert flag.values == values
    assert flag.spellings == spellings


@pytest.mark.parametrize("texts", [["yes"], ["yes", "no", "maybe"], ["1", "2"], ["a", "b"]])
def test_no_flags(texts: list[str]) -> None:
    assert read_flag(count_levels(raw({"x": texts}).cells["x"])) is None


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        (("no", "yes"), "yes"), (("0", "1"), "1"), (("Existing Customer", "Attrited Customer"),
        "Attrited Customer"), (("Left", "Stayed"), "Left"), (("False.", "True."), "True."),
        (("-1", "1"), "1"), (("active", "churned"), "churned"), (("1", "2"), None),
        (("bad", "good"), None), (("A", "B"), None), (("active", "gold"), None),
    ],
)  # fmt: skip
def test_the_positive_value(values: tuple[str, str], positive: str | None) -> None:
    assert positive_value(values) == positive


@pytest.mark.parametrize(
    "name", ["Churn", "Exited", "attrition_flag", "left", "is_churned", "target", "y", "Cancelled"]
)
def test_the_target_is_found_by_its_name(name: str) -> None:
    inference = infer({name: churn(), "vip": churn(share=0.5)[::-1]}, target=None)
    assert inference.target.name == name
    assert inference.target.positive == "yes"
    weak = name in ("target", "y")
    assert bool(questions(inference, f"Does {name} say")) is weak


def test_of_relabellings_the_first_is_the_target_and_the_others_are_left_out() -> None:
    truth = churn()
    table: dict[str, Any] = {"Churn Label": truth, "Churn Value": [int(v == "yes") for v in truth]}
    inference = infer(table, target=None)
    assert inference.target.name == "Churn Label"
    assert inference.document["columns"]["Churn Value"]["role"] == "ignored"


@pytest.mark.parametrize(
    ("table", "hints", "message"),
    [
        ({"vip": churn(), "x": range(N)}, {}, r"--target COL, one of the columns.*: vip"),
        ({"x": range(N)}, {}, "not a single column with two values"),
        (
            {"churn_a": churn(), "churn_b": churn(share=0.4)},
            {},
            "churn_a, churn_b; choose one with",
        ),
        ({"churn": ["a", "b", "c", "d"] * (N // 4)}, {}, r"has 4 values \('a', .*--target"),
        (
            {"Customer Status": ["Stayed", "Churned", "Joined", "Stayed"] * (N // 4)},
            {},
            "Customer Status of table.csv has 3 values",
        ),
        ({"churn": ["no"] * N}, {}, "has the one value 'no'; a target needs two"),
        ({"churn": [""] * N}, {"target": "churn"}, "has only missing cells"),
        (
            {"y": ["a", "b"] * (N // 2)},
            {},
            "the target y of table.csv is 'a' or 'b'; state which one",
        ),
        ({"left_reviews": churn(), "x": range(N)}, {}, "the names of table.csv do not show"),
        ({"retained": ["-1", "1"] * (N // 2)}, {}, "retained of table.csv is '-1' or '1'; state"),
        ({"y": churn()}, {"positive": "1"}, "--positive '1' is not a value of y, which is"),
        ({"y": churn()}, {"target": "Y"}, "no such column; did you mean 'y'"),
        ({"y": churn()}, {"drop": ("z",)}, "--drop 'z': table.csv has no such column"),
        ({"y": churn()}, {"target": "y", "id": "y"}, "asked to be two things"),
        ({"y": churn()}, {"drop": ("amount",), "keep": ("amount",)}, "contradicts"),
    ],
)
def test_what_cannot_be_told_is_one_sentence(
    table: dict[str, list[str]], hints: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        infer(table, **{"target": None, **hints})
    assert "\n" not in str(caught.value)


def test_the_positive_value_of_the_user_may_be_any_spelling() -> None:
    table = {"churn": mixed()}
    positive = keys(table, "churn", positive="False")["positive"]
    assert positive != keys(table, "churn")["positive"]


def test_rare_and_missing_targets_are_reported() -> None:
    n = 2000
    texts = ["yes" if i % 250 == 0 else None if i % 10 == 3 else "no" for i in range(n)]
    table: dict[str, Any] = {"churn": texts, "x": amounts(n)}
    warnings = " ".join(infer(table).notes.warnings)
    assert "0.44% of the customers left" in warnings
    assert "10% of the rows have no churn" in warnings


@pytest.mark.parametrize("name", ["Retained", "not_churned", "NoChurn", "retention"])
@pytest.mark.parametrize("values", [("no", "yes"), ("1", "0"), ("F", "T")])
def test_under_a_name_of_staying_the_no_left(name: str, values: tuple[str, str]) -> None:
    away = next(v for v in values if v in ("no", "0", "F"))
    stayed = next(v for v in values if v != away)
    texts = [away if value == "yes" else stayed for value in churn()]
    inference = infer({name: texts}, target=None)
    assert (inference.target.name, inference.target.positive) == (name, away)
    assert inference.churn_rate == 0.25
    assert questions(inference, f"{away!r} in {name} mean that a customer left")
    assert infer({name: texts}, target=name, positive=stayed).target.positive == stayed


def test_values_that_speak_for_themselves_are_not_inverted() -> None:
    texts = ["Left" if value == "yes" else "Stayed" for value in churn()]
    inference = infer({"Retained": texts}, target=None)
    assert inference.target.positive == "Left"
    assert not questions(inference, "Retained")


@pytest.mark.parametrize(
    ("name", "positive", "other"),
    [("LEAVE", "LEAVE", "STAY"), ("labels", "1", "0"), ("is_lost", "1", "0"),
     ("Discontinued", "Y", "N"), ("churn_risk_score", "1", "0")],
)  # fmt: skip
def test_more_names_of_targets(name: str, positive: str, other: str) -> None:
    texts = [positive if value == "yes" else other for value in churn()]
    inference = infer({name: texts}, target=None)
    assert (inference.target.name, inference.target.positive) == (name, positive)
    assert bool(questions(inference, f"Does {name} say")) is (
        name in ("labels", "churn_risk_score")
    )
