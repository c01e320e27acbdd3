from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.features.encoding import linear_encoder, tree_encoder


@pytest.fixture(scope="module")
def small() -> Contract:
    return parse_contract(
        {
            "name": "small",
            "columns": {
                "key": {"type": "text", "role": "id", "meaning": "m"},
                "left": {
                    "type": "category",
                    "role": "target",
                    "values": ["n", "y"],
                    "positive": "y",
                    "meaning": "m",
                },
                "plan": {"type": "category", "values": ["b", "a", "z"], "meaning": "m"},
                "fee": {"type": "number", "nullable": True, "meaning": "m"},
            },
        }
    )


TRAIN = pd.DataFrame({"fee": [1.0, 3.0, np.nan, 8.0], "plan": ["a", "b", "a", "b"]})


def test_tree_encoder_passes_numbers_and_missing_values(small: Contract) -> None:
    encoded = tree_encoder(small).fit(TRAIN).transform(TRAIN)
    np.testing.assert_array_equal(encoded[:, 0], TRAIN["fee"])
    # one column for each value of the contract, in its order, even where nobody has it
    assert encoded[:, 1:].tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]]


def test_linear_encoder_imputes_the_training_median_flags_and_standardises(
    small: Contract,
) -> None:
    encoder = linear_encoder(small).fit(TRAIN)
    encoded = encoder.transform(TRAIN)
    assert encoded[:, :2].mean(axis=0) == pytest.approx([0, 0])
    assert encoded[:, :2].std(axis=0) == pytest.approx([1, 1])
    new = encoder.transform(pd.DataFrame({"fee": [np.nan, 3.0], "plan": ["a", "a"]}))
    assert new[0, 0] == new[1, 0]  # the median of 1, 3, 8
    assert new[0, 1] > new[1, 1]  # the flag


@pytest.mark.parametrize("encoder", [linear_encoder, tree_encoder])
@pytest.mark.parametrize("plan", [None, np.nan, "never seen"])
def test_missing_and_unseen_categories_are_all_zero(
    small: Contract, encoder: object, plan: object
) -> None:
    fitted = encoder(small).fit(TRAIN)  # type: ignore[operator]
    odd = pd.DataFrame({"fee": [2.0], "plan": pd.Series([plan], dtype="object")})
    assert fitted.transform(odd)[0, -3:].tolist() == [0, 0, 0]


@pytest.mark.parametrize("encoder", [linear_encoder, tree_encoder])
def test_text_and_categorical_columns_are_encoded_alike(small: Contract, encoder: object) -> None:
    fitted = encoder(small).fit(TRAIN)  # type: ignore[operator]
    typed = TRAIN.astype({"plan": pd.CategoricalDtype(["b", "a", "z"])})
    np.testing.assert_array_equal(fitted.transform(typed), fitted.transform(TRAIN))


@pytest.mark.parametrize("encoder", [linear_encoder, tree_encoder])
def test_encoded_columns_have_names(small: Contract, encoder: object) -> None:
    names = list(encoder(small).fit(TRAIN).get_feature_names_out())  # type: ignore[operator]
    assert names[0] == "fee"
    assert names[-3:] == ["plan_b", "plan_a", "plan_z"]


def test_other_columns_of_the_table_are_not_seen(small: Contract) -> None:
    wide = TRAIN.assign(key=["1", "2", "3", "4"], left="y")
    fitted = tree_encoder(small).fit(wide)
    np.testing.assert_array_equal(fitted.transform(wide), fitted.transform(TRAIN))
