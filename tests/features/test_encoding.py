from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.features.encoding import (
    PiecewiseLinear,
    input_of_columns,
    linear_encoder,
    tree_encoder,
)


@pytest.fixture(scope="module")
def small() -> Contract:
    columns: dict[str, Any] = {
        "key": {"type": "text", "role": "id"},
        "left": {"type": "category", "role": "target", "values": ["n", "y"], "positive": "y"},
        "plan": {"type": "category", "values": ["b", "a", "z"]},
        "fee": {"type": "number", "nullable": True},
        "age": {"type": "integer"},
    }
    columns = {name: column | {"meaning": "m"} for name, column in columns.items()}
    return parse_contract({"name": "small", "columns": columns})


TRAIN = pd.DataFrame(
    {"fee": [1.0, 3.0, np.nan, 8.0], "age": [1, 2, 4, 9], "plan": ["a", "b", "a", "b"]}
)
ODD = pd.DataFrame({"fee": [np.nan], "age": [3], "plan": pd.Series([None], dtype="object")})

encoders = pytest.mark.parametrize(
    "encoder", [linear_encoder, lambda c: linear_encoder(c, 2), tree_encoder],
    ids=["linear", "knots", "tree"],
)  # fmt: skip


def test_knots_lie_at_quantiles_of_the_training_values() -> None:
    values = np.arange(101.0)[:, None]
    (knots,) = PiecewiseLinear(3).fit(values).knots_
    assert knots.tolist() == [25, 50, 75]


def test_hinges_bend_at_the_knots() -> None:
    fitted = PiecewiseLinear(1).fit(np.arange(11.0)[:, None])
    assert fitted.transform([[2.0], [5.0], [7.0], [20.0]]).tolist() == [
        [2, 0],
        [5, 0],
        [7, 2],
        [20, 15],
    ]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([0.0, 1.0, 0.0, 1.0], []),  # a hinge at either end would be the column again
        ([3.0, 3.0, 3.0, 3.0], []),
        ([0.0, 0.0, 0.0, 1.0, 2.0], [1.0]),
        ([1.0, 2.0, 3.0], [2.0]),
        ([0.0] * 50 + [7.0], []),
    ],
)
def test_few_distinct_values_have_few_knots(column: list[float], expected: list[float]) -> None:
    fitted = PiecewiseLinear(4).fit(np.array(column)[:, None])
    assert fitted.knots_[0].tolist() == expected
    hinges = fitted.transform(np.array(column)[:, None])
    assert hinges.shape == (len(column), 1 + len(expected))
    # no column says what the others say already
    centred = hinges - hinges.mean(axis=0)
    distinct = len(set(column)) > 1
    assert np.linalg.matrix_rank(centred) == (hinges.shape[1] if distinct else 0)


def test_a_linear_function_of_the_hinges_can_be_any_spline_on_the_knots() -> None:
    x = np.linspace(0, 10, 200)
    hinges = PiecewiseLinear(3).fit_transform(x[:, None])
    knots = PiecewiseLinear(3).fit(x[:, None]).knots_[0]
    wanted = np.interp(x, [0, *knots, 10], [1, 5, -2, 3, 0])
    design = np.column_stack([np.ones_like(x), hinges])
    weights, *_ = np.linalg.lstsq(design, wanted, rcond=None)
    np.testing.assert_allclose(design @ weights, wanted, atol=1e-9)


def test_no_knots_pass_the_columns_through() -> None:
    values = np.array([[1.0, 5.0], [2.0, 7.0]])
    np.testing.assert_array_equal(PiecewiseLinear(0).fit_transform(values), values)


def test_hinges_have_names_and_sources() -> None:
    fitted = PiecewiseLinear(2).fit(np.column_stack([np.arange(9.0), np.arange(9) % 2]))
    names = list(fitted.get_feature_names_out(["fee", "flag"]))
    assert names == ["fee", "fee_knot1", "fee_knot2", "flag"]
    assert fitted.input_indices_.tolist() == [0, 0, 0, 1]


def test_tree_encoder_passes_numbers_and_missing_values_in_float32(small: Contract) -> None:
    encoded = tree_encoder(small).fit(TRAIN).transform(TRAIN)
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded[:, 0], TRAIN["fee"])
    np.testing.assert_array_equal(encoded[:, 1], TRAIN["age"])
    # one column for each value of the contract, in its order, even where nobody has it
    assert encoded[:, 2:].tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]]


def test_linear_encoder_imputes_the_training_median_flags_and_standardises(
    small: Contract,
) -> None:
    encoder = linear_encoder(small).fit(TRAIN)
    encoded = encoder.transform(TRAIN)
    assert encoded.dtype == np.float64
    names = list(encoder.get_feature_names_out())
    assert names[:3] == ["fee", "age", "missingindicator_fee"]
    assert encoded[:, :3].mean(axis=0) == pytest.approx([0, 0, 0])
    assert encoded[:, :3].std(axis=0) == pytest.approx([1, 1, 1])
    new = encoder.transform(pd.DataFrame({"fee": [np.nan, 3.0], "age": [1, 1], "plan": ["a", "a"]}))
    assert new[0, 0] == new[1, 0]  # the median of 1, 3, 8
    assert new[0, 2] > new[1, 2]  # the flag


def test_numbers_missing_from_the_whole_training_side_are_no_error(small: Contract) -> None:
    encoder = linear_encoder(small, 2).fit(TRAIN.assign(fee=np.nan))
    assert np.isfinite(encoder.transform(TRAIN)).all()


@encoders
@pytest.mark.parametrize("plan", [None, np.nan, "never seen"])
def test_missing_and_unseen_categories_are_all_zero(
    small: Contract, encoder: Any, plan: object
) -> None:
    fitted: ColumnTransformer = encoder(small).fit(TRAIN)
    odd = ODD.assign(plan=pd.Series([plan], dtype="object"))
    assert fitted.transform(odd)[0, -3:].tolist() == [0, 0, 0]


@encoders
def test_text_and_categorical_columns_are_encoded_alike(small: Contract, encoder: Any) -> None:
    fitted = encoder(small).fit(TRAIN)
    typed = TRAIN.astype({"plan": pd.CategoricalDtype(["b", "a", "z"])})
    np.testing.assert_array_equal(fitted.transform(typed), fitted.transform(TRAIN))


@encoders
def test_encoded_columns_have_names(small: Contract, encoder: Any) -> None:
    names = list(encoder(small).fit(TRAIN).get_feature_names_out())
    assert names[0] == "fee"
    assert names[-3:] == ["plan_b", "plan_a", "plan_z"]


@encoders
def test_every_column_is_traced_to_the_input_that_changes_it(small: Contract, encoder: Any) -> None:
    fitted = encoder(small).fit(TRAIN)
    sources = input_of_columns(fitted)
    base = pd.DataFrame({"fee": [1.0], "age": [1], "plan": ["b"]})
    assert len(sources) == fitted.transform(base).shape[1]
    changes: dict[str, list[Any]] = {"fee": [8.0, np.nan], "age": [9], "plan": ["a", "z"]}
    for name, values in changes.items():
        changed = np.zeros(len(sources), dtype=bool)
        for value in values:
            changed |= (fitted.transform(base.assign(**{name: value})) != fitted.transform(base))[0]
        assert changed.tolist() == (sources == name).tolist(), name


def test_flags_are_traced_past_columns_that_miss_nothing() -> None:
    numbers = {"type": "number", "nullable": True, "meaning": "m"}
    text = {"type": "text", "role": "id", "meaning": "m"}
    left = {"type": "category", "role": "target", "values": ["n", "y"], "positive": "y"}
    columns = {"key": text, "left": left | {"meaning": "m"}, "full": numbers, "gappy": numbers}
    contract = parse_contract({"name": "numbers", "columns": columns})
    train = pd.DataFrame({"full": [1.0, 2, 3, 4], "gappy": [1.0, np.nan, 2.0, 3.0]})
    sources = input_of_columns(linear_encoder(contract).fit(train))
    assert sources.tolist() == ["full", "gappy", "gappy"]


@encoders
def test_other_columns_of_the_table_are_not_seen(small: Contract, encoder: Any) -> None:
    wide = TRAIN.assign(key=["1", "2", "3", "4"], left="y")
    fitted = encoder(small).fit(wide)
    np.testing.assert_array_equal(fitted.transform(wide), fitted.transform(TRAIN))
