from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.splits.periods import (
    UNITS,
    Unit,
    coarsest_unit,
    period_label,
    period_starts,
)

days = st.dates(date(1950, 1, 1), date(2100, 12, 31))


@given(st.lists(days, min_size=1, max_size=20))
@pytest.mark.parametrize(
    ("unit", "code"), [("day", "D"), ("week", "W-SUN"), ("month", "M"), ("quarter", "Q")]
)
def test_periods_are_those_of_pandas(unit: Unit, code: str, dates: list[date]) -> None:
    found = period_starts(np.array(dates, dtype="datetime64[D]"), unit)
    expected = pd.to_datetime(pd.Series(dates)).dt.to_period(code).dt.start_time
    assert found.astype(object).tolist() == [start.date() for start in expected]


@pytest.mark.parametrize(
    ("unit", "label"),
    [("day", "2026-01-01"), ("week", "2026-W01"), ("month", "2026-01"), ("quarter", "2026-Q1")],
)
def test_labels(unit: Unit, label: str) -> None:
    start = period_starts(np.array(["2026-01-01"], dtype="datetime64[D]"), unit)[0]
    assert period_label(start, unit) == label


@given(st.lists(days, min_size=1, max_size=20), st.sampled_from(UNITS))
def test_labels_of_a_unit_sort_by_time_and_tell_periods_apart(
    dates: list[date], unit: Unit
) -> None:
    starts = np.unique(period_starts(np.array(dates, dtype="datetime64[D]"), unit))
    labels = [period_label(start, unit) for start in starts]
    assert labels == sorted(set(labels))


@pytest.mark.parametrize(
    ("dates", "at_most", "unit"),
    [
        (["2026-01-31", "2026-02-28"], "month", "month"),
        (["2026-01-31", "2026-02-28"], "quarter", "month"),
        (["2026-01-31", "2026-04-30"], "quarter", "quarter"),
        (["2026-01-05", "2026-01-12"], "quarter", "week"),
        (["2026-01-05", "2026-01-06"], "month", "day"),
        (["2026-01-31", "2026-02-28"], "day", "day"),
        (["2026-01-31"], "month", "month"),
    ],
)
def test_the_coarsest_unit_that_parts_the_days(dates: list[str], at_most: Unit, unit: Unit) -> None:
    assert coarsest_unit(np.array(dates, dtype="datetime64[D]"), at_most) == unit
