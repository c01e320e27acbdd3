from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.checking.cells import cast_columns
from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.evaluation.explanation import dependence, importance, top_reasons
from churn_pipeline.pipelines.features.nodes import derive_features
from churn_pipeline.scorer.wording import reason_text


def small_contract() -> Contract:
    meaning = {"meaning": "m"}
    return parse_contract(
        {
            "name": "small",
            "columns": {
                "key": {"type": "text", "role": "id"} | meaning,
                "left": {"type": "category", "role": "target", "values": ["n", "y"],
                         "positive": "y"} | meaning,
                "age": {"type": "integer", "nullable": True, "unit": "years"} | meaning,
                "spent": {"type": "number", "nullable": True, "unit": "USD"} | meaning,
                "calls": {"type": "integer"} | meaning,
                "plan": {"type": "category", "nullable": True, "values": ["basic", "full"],
                         "meaning": "What is paid for."},
            },
            "derived_columns": {
                "spent_a_call": {"expression": "spent / calls", "unit": "USD a call",
                                 "meaning": "Price of a call."},
            },
        }
    )  # fmt: skip


def small_customers() -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "key": ["a", "b"],
            "left": ["n", "y"],
            "age": [41, np.nan],
            "spent": [11868.35, np.nan],
            "calls": [1234567, 3],
            "plan": np.array(["full", None], dtype=object),
        },
        index=[7, 3],
    )
    contract = small_contract()
    return derive_features(cast_columns(table, contract), contract)


def reasons(n: int, **contributions: list[float]) -> pd.DataFrame:
    return top_reasons(pd.DataFrame(contributions), small_customers(), small_contract(), n)


@pytest.mark.parametrize(
    ("name", "known", "unknown"),
    [
        ("age", "age is 41 years", "age is missing"),
        ("spent", "spent is 11,868.35 USD", "spent is missing"),
        ("plan", "plan is full", "plan is missing"),
        ("calls", "calls is 1,234,567", "calls is 3"),
        ("spent_a_call", "spent_a_call is 0.00961 USD a call", "spent_a_call is missing"),
    ],
)
def test_reasons_speak_the_contracts_words(name: str, known: str, unknown: str) -> None:
    assert reasons(1, **{name: [1.0, 2.0]})["reason_1"].tolist() == [known, unknown]


def test_reasons_are_the_largest_that_raise_the_probability() -> None:
    found = reasons(3, age=[0.5, -1.0], plan=[0.7, -0.2], calls=[-3.0, 0.0])
    assert list(found) == [
        "reason_1", "contribution_1", "reason_2", "contribution_2", "reason_3", "contribution_3",
    ]  # fmt: skip
    first, second = found.to_dict("records")
    assert first["reason_1"] == "plan is full"
    assert first["reason_2"] == "age is 41 years"
    assert (first["contribution_1"], first["contribution_2"]) == (0.7, 0.5)
    assert pd.isna(first["reason_3"])
    assert pd.isna(first["contribution_3"])
    assert all(pd.isna(value) for value in second.values())


def test_fewer_inputs_than_reasons_leave_the_rest_empty() -> None:
    found = reasons(3, age=[0.5, 0.1])
    assert found["reason_1"].notna().all()
    assert (
        found[["reason_2", "reason_3", "contribution_2", "contribution_3"]].isna().to_numpy().all()
    )
    assert found["reason_3"].dtype == "str"


def test_reasons_are_those_of_each_row_by_itself(
    customers: pd.DataFrame, contract: Contract
) -> None:
    table = derive_features(customers, contract)
    table = table.mask(np.random.default_rng(1).random(table.shape) < 0.1)
    rng = np.random.default_rng(2)
    values = pd.DataFrame({name: rng.normal(size=len(table)) for name in contract.model_inputs})
    values.iloc[:9] = 0.5  # ties: the first input first
    category = contract.categorical_inputs[0]
    values[category] += 1
    unseen = {category: rng.random(len(table)) < 0.5}
    found = top_reasons(values, table, contract, 3, unseen)
    for row in range(0, len(table), 7):
        pairs = [(-value, place) for place, value in enumerate(values.iloc[row]) if value > 0]
        for rank, (value, place) in enumerate(sorted(pairs)[:3], start=1):
            name = values.columns[place]
            marked = [category] if unseen[category][row] else []
            text = reason_text(name, table.iloc[row].__getitem__, contract, marked)
            assert found[f"reason_{rank}"].iloc[row] == text
            assert found[f"contribution_{rank}"].iloc[row] == -value


def test_importance_ranks_by_the_mean_absolute_value() -> None:
    values = pd.DataFrame(
        {"age": [0.1, -0.3], "spent": [-1.0, 2.0], "plan": [0.2, 0.2], "spent_a_call": [0.0, 0.6]}
    )
    found = importance(values, small_contract())
    assert found["input"].tolist() == ["spent", "spent_a_call", "age", "plan"]  # ties by name
    np.testing.assert_allclose(found["mean_absolute_shap"], [1.5, 0.3, 0.2, 0.2])
    np.testing.assert_allclose(found["share"], np.array([1.5, 0.3, 0.2, 0.2]) / 2.2)
    assert found["meaning"].tolist() == ["m", "Price of a call.", "m", "What is paid for."]


def test_importance_of_a_constant_model_is_0() -> None:
    found = importance(pd.DataFrame({"age": [0.0, 0.0], "plan": [0.0, 0.0]}), small_contract())
    assert found["share"].tolist() == [0.0, 0.0]


def test_dependence_lists_values_as_texts() -> None:
    values = pd.DataFrame({"age": [0.1, 0.2], "plan": [0.3, 0.4]})
    found = dependence(values, small_customers(), ["plan", "age"], max_customers=9, seed=1)
    assert found["input"].tolist() == ["plan", "plan", "age", "age"]
    assert found["value"].tolist() == ["full", "", "41", ""]
    assert found["shap"].tolist() == [0.3, 0.4, 0.1, 0.2]


def test_dependence_samples_the_same_customers_for_all_inputs(inputs: pd.DataFrame) -> None:
    values = pd.DataFrame({name: np.arange(len(inputs)) / 7 for name in ("tenure", "Contract")})
    one, two, other = (
        dependence(values, inputs, ["tenure", "Contract"], max_customers=30, seed=seed)
        for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, two)
    by_input = [part["shap"].tolist() for _, part in one.groupby("input")]
    assert by_input[0] == by_input[1]
    assert len(set(by_input[0])) == 30
    assert set(one["shap"]) != set(other["shap"])
    chosen = (one["shap"][:30] * 7).round().astype(int)
    assert one["value"][:30].astype(float).tolist() == inputs["tenure"].iloc[chosen].tolist()
