import numpy as np
import pandas as pd
import pytest

from churn_pipeline.statistics.association import associations, groups_of

N = 2000


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    months = rng.integers(0, 70, N).astype("float64")
    plan = rng.choice(["a", "b", "c"], N)
    return pd.DataFrame(
        {
            "months": months,
            "years": np.where(rng.random(N) < 0.1, np.nan, np.round(months / 12, 1)),
            "plan": plan,
            "tariff": np.char.add("t", plan),
            "fee": pd.Series(plan).map({"a": 10.0, "b": 20.0, "c": 90.0}) + rng.random(N),
            "luck": rng.standard_normal(N),
            "constant": 1.0,
            "since": pd.Timestamp("2026-01-01") - pd.to_timedelta(months * 30, unit="D"),
        }
    )


def found(table: pd.DataFrame, one: str, other: str) -> float:
    names = list(table)
    return float(associations(table)[names.index(one), names.index(other)])


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ("months", "years", 0.99, 1.0),
        ("months", "since", 0.99, 1.0),  # the sign does not matter
        ("plan", "tariff", 0.999, 1.0),
        ("plan", "fee", 0.9, 1.0),
        ("plan", "luck", 0.0, 0.1),
        ("months", "luck", 0.0, 0.1),
        ("months", "constant", 0.0, 0.0),
    ],
)
def test_association_of_columns_of_any_type(
    table: pd.DataFrame, one: str, other: str, low: float, high: float
) -> None:
    assert low <= found(table, one, other) <= high + 1e-12
    assert found(table, one, other) == found(table, other, one)


def test_columns_that_tell_each_other_form_a_group(table: pd.DataFrame) -> None:
    groups = dict(zip(table, groups_of(associations(table), 0.8), strict=True))
    assert groups["months"] == groups["years"] == groups["since"]
    assert groups["plan"] == groups["tariff"] == groups["fee"]
    assert len({groups[name] for name in ("months", "plan", "luck", "constant")}) == 4


def test_a_chain_of_similar_columns_does_not_join_its_ends() -> None:
    chain = np.array([[1.0, 0.9, 0.3], [0.9, 1.0, 0.85], [0.3, 0.85, 1.0]])
    assert groups_of(chain, 0.8).tolist().count(groups_of(chain, 0.8)[0]) == 2
    assert len(set(groups_of(chain, 0.8))) == 2


def test_one_column_is_its_own_group() -> None:
    assert groups_of(associations(pd.DataFrame({"a": [1.0, 2.0]})), 0.8).tolist() == [0]
