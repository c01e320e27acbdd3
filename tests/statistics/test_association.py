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


@pytest.mark.parametrize("levels", [(800, 1500), (1500, 800), (1999, 3), (2, 3)])
def test_columns_of_many_levels_do_not_go_together_by_chance(levels: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    drawn = {f"of_{n}": rng.integers(0, n, N).astype(str) for n in levels}
    independent = pd.DataFrame({**drawn, "luck": rng.standard_normal(N)})
    assert associations(independent)[~np.eye(3, dtype=bool)].max() < 0.2


def test_columns_of_many_levels_that_say_the_same_still_do() -> None:
    codes = np.random.default_rng(5).integers(0, 800, N)
    same = pd.DataFrame({"one": codes.astype(str), "other": (7 * codes).astype(str), "n": codes})
    np.testing.assert_allclose(associations(same), 1, atol=1e-12)


def test_the_corrections_are_those_of_their_papers() -> None:
    one, other = list("aaaaabbbbb"), list("xxxxyyyyyx")
    numbers = pd.Series([1.0, 2, 3, 4, 9, 5, 6, 7, 8, 10])
    measured = associations(pd.DataFrame({"one": one, "other": other, "numbers": numbers}))
    # phi squared is 0.36, less 1 / 9; two levels each, less 1 / 9
    assert measured[1, 0] == pytest.approx(np.sqrt((0.36 - 1 / 9) / (1 - 1 / 9)))
    # of the sum of squares, 82.5, 28.9 lie between the categories
    assert measured[2, 0] == pytest.approx(np.sqrt(1 - (53.6 / 8) / (82.5 / 9)))


def test_a_category_of_each_row_tells_nothing() -> None:
    names = [f"C{i}" for i in range(20)]
    table = pd.DataFrame({"a": names, "b": names[::-1], "c": range(20), "d": list("xy") * 10})
    found = associations(table)
    assert not found[0, 1:].any()
    assert not found[1, 2:].any()


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
