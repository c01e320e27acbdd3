from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from churn_pipeline.errors import DataError
from churn_pipeline.splits.periods import UNITS, Unit, period_starts
from churn_pipeline.splits.time_split import FEWEST, TimeSplit, split_by_time

Days = NDArray[np.datetime64]
Table = tuple[Days, NDArray[np.int8]]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Rows of several days, at random; often many of few days."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    span, n = draw(st.sampled_from([3, 40, 200, 900])), draw(st.integers(2, 800))
    distinct = random.integers(0, span, draw(st.integers(2, 30)))
    offsets = np.r_[0, span, random.choice(distinct, n)]
    churned = random.random(len(offsets)) < draw(st.sampled_from([0.05, 0.3, 0.6]))
    return np.datetime64("2024-03-05", "D") + offsets, churned.astype(np.int8)


def try_split(table: Table, periods: int, gap: int, unit: Unit) -> TimeSplit | None:
    try:
        return split_by_time(*table, test_periods=periods, gap_days=gap, period=unit)
    except DataError:
        return None


parameters = st.tuples(st.integers(1, 3), st.sampled_from([0, 1, 30, 60]), st.sampled_from(UNITS))


@given(tables(), parameters)
def test_training_ends_a_gap_before_the_test_begins(
    table: Table, parameters: tuple[int, int, Unit]
) -> None:
    days, _ = table
    found = try_split(table, *parameters)
    if found is None:
        return
    gap = np.timedelta64(parameters[1], "D")
    assert (days[found.is_train].max() + gap) <= days[found.is_test].min()
    assert days[found.is_train].max() < days[found.is_test].min()
    assert days[found.is_test].min() == found.first_test
    assert not (found.is_train & found.is_test).any()
    between = days[~found.is_train & ~found.is_test]
    assert ((between > found.last_train) & (between < found.first_test)).all()


@given(tables(), parameters)
def test_the_test_side_is_the_latest_whole_periods(
    table: Table, parameters: tuple[int, int, Unit]
) -> None:
    days, churned = table
    found = try_split(table, *parameters)
    if found is None:
        return
    starts = period_starts(days, found.unit)
    latest = np.unique(starts)[-found.test_periods :]
    assert found.is_test.tolist() == np.isin(starts, latest).tolist()
    assert found.test_periods >= parameters[0]
    if found.test_periods > parameters[0]:  # one period less would have been too few
        fewer = churned[starts > latest[0]]
        assert np.bincount(fewer, minlength=2).min() < FEWEST
        of_both = [
            np.bincount(churned[m], minlength=2).min() for m in (found.is_train, found.is_test)
        ]
        assert of_both[0] >= 2 * of_both[1]


@given(tables(), parameters, st.integers(0, 2**32))
def test_the_order_of_the_rows_does_not_matter(
    table: Table, parameters: tuple[int, int, Unit], seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(table[0]))
    one = try_split(table, *parameters)
    other = try_split((table[0][order], table[1][order]), *parameters)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one.is_train[order].tolist() == other.is_train.tolist()
        assert one.is_test[order].tolist() == other.is_test.tolist()


@given(tables(), parameters, st.integers(1, 400), st.integers(1, 100))
def test_later_rows_move_nothing_from_training_to_the_test_side(
    table: Table, parameters: tuple[int, int, Unit], days_later: int, n: int
) -> None:
    before = try_split(table, *parameters)
    random = np.random.default_rng(days_later)
    later = table[0].max() + random.integers(1, days_later + 1, n)
    longer = np.r_[table[0], later], np.r_[table[1], random.integers(0, 2, n).astype(np.int8)]
    after = try_split(longer, *parameters)
    if before is None or after is None or before.unit != after.unit:
        return
    old = slice(0, len(table[0]))
    assert not (before.is_train & ~after.is_train[old]).any()
    assert not (~before.is_test & after.is_test[old]).any()


def panel(rows: int, churners: int, months: int = 6) -> Table:
    """As many rows and churners at the end of each month of 2025."""
    ends = np.arange("2025-02", f"2025-{months + 2:02d}", dtype="datetime64[M]").astype(
        "datetime64[D]"
    ) - np.timedelta64(1, "D")
    one = (np.arange(rows) < churners).astype(np.int8)
    return np.repeat(ends, rows), np.tile(one, months)


@pytest.mark.parametrize(
    ("churners", "periods"),
    [(50, 1), (30, 2), (49, 2), (25, 2), (10, 2), (3, 2)],
)
def test_more_periods_are_tested_where_churners_are_few_but_training_keeps_most(
    churners: int, periods: int
) -> None:
    found = split_by_time(*panel(200, churners), test_periods=1, gap_days=0, period="month")
    assert found.test_periods == periods


@pytest.mark.parametrize(
    ("gap", "last"), [(0, "2025-05-31"), (30, "2025-05-31"), (31, "2025-04-30"), (61, "2025-04-30")]
)
def test_the_gap_counts_from_the_first_test_snapshot(gap: int, last: str) -> None:
    days, churned = panel(200, 60)
    found = split_by_time(days, churned, test_periods=1, gap_days=gap, period="month")
    assert str(found.first_test) == "2025-06-30"
    assert str(days[found.is_train].max()) == last


def test_a_gap_longer_than_the_history_is_one_sentence() -> None:
    with pytest.raises(DataError, match=r"begins at 2025-06-30 and the gap is 400 days, .* 2024-0"):
        split_by_time(*panel(200, 60), test_periods=1, gap_days=400, period="month")


def test_more_test_periods_than_there_are_is_one_sentence() -> None:
    with pytest.raises(DataError, match=r"split\.test_periods is 6, .* only 6 periods"):
        split_by_time(*panel(200, 60), test_periods=6, gap_days=0, period="month")


def test_dates_within_a_month_are_parted_by_weeks() -> None:
    days = np.repeat(np.arange("2025-03-03", "2025-03-31", 7, dtype="datetime64[D]"), 200)
    churned = np.tile([0, 1], 400).astype(np.int8)
    found = split_by_time(days, churned, test_periods=1, gap_days=0, period="quarter")
    assert (found.unit, str(found.first_test)) == ("week", "2025-03-24")
