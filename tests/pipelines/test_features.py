from __future__ import annotations

import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError
from churn_pipeline.pipelines.features.nodes import derive_features, split_customers


@pytest.fixture(scope="module")
def features(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    return derive_features(customers, contract)


def test_derived_columns_are_added_and_nothing_else_changes(
    customers: pd.DataFrame, features: pd.DataFrame, contract: Contract
) -> None:
    derived = [column.name for column in contract.derived_columns]
    assert list(features) == [*customers, *derived]
    pd.testing.assert_frame_equal(features[list(customers)], customers)
    assert (features[derived].dtypes == "float64").all()


def test_every_customer_is_on_one_side(features: pd.DataFrame, contract: Contract) -> None:
    train, test = split_customers(features, contract, 0.2, 42)
    both = pd.concat([train, test])
    assert sorted(both["customerID"]) == sorted(features["customerID"])
    assert len(test) / len(features) == pytest.approx(0.2, abs=0.04)
    for side in (train, test):
        assert side.index.tolist() == list(range(len(side)))
        kept = features.set_index("customerID", drop=False).loc[side["customerID"]]
        pd.testing.assert_frame_equal(side, kept.reset_index(drop=True))


def test_the_order_of_the_file_does_not_matter(features: pd.DataFrame, contract: Contract) -> None:
    shuffled = features.sample(frac=1, random_state=1)
    for one, other in zip(
        split_customers(features, contract, 0.2, 42),
        split_customers(shuffled, contract, 0.2, 42),
        strict=True,
    ):
        pd.testing.assert_frame_equal(one, other)


def test_nobody_changes_sides_when_customers_come_and_go(
    features: pd.DataFrame, contract: Contract
) -> None:
    _, before = split_customers(features, contract, 0.2, 42)
    fewer = features.sample(frac=0.6, random_state=1)
    train, test = split_customers(fewer, contract, 0.2, 42)
    assert set(test["customerID"]) == set(before["customerID"]) & set(fewer["customerID"])
    assert set(train["customerID"]).isdisjoint(before["customerID"])


@pytest.mark.parametrize(("share", "side"), [(0.001, "test"), (0.999, "training")])
def test_a_side_without_both_kinds_of_customers_is_an_error(
    features: pd.DataFrame, contract: Contract, share: float, side: str
) -> None:
    with pytest.raises(DataError, match=rf"the {side} set has .*; .*change split\.test_share"):
        split_customers(features, contract, share, 42)


def test_customers_who_all_stayed_are_an_error(features: pd.DataFrame, contract: Contract) -> None:
    stayed = features[features[contract.target.name] != contract.target.positive]
    with pytest.raises(DataError, match="the training set has 0 churned and"):
        split_customers(stayed, contract, 0.2, 42)
