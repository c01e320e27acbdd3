"""Split rows by time: learn from the earlier ones, be tested on the latest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.errors import DataError
from churn_pipeline.splits.periods import Days, Unit, coarsest_unit, period_starts

FEWEST = 50  # rows of either outcome that make a test fair
_TRAINING_TO_TEST = 2  # rows of the rarer outcome that training keeps, for each of the test


@dataclass(frozen=True)
class TimeSplit:
    """Which rows are in which set, and where the cut is.

    Attributes
    ----------
    is_train, is_test : ndarray of bool, (n,)
        Rows that are in neither are in the gap.
    unit : {"day", "week", "month", "quarter"}
        Of the periods.
    test_periods : int
        Latest periods on the test set.
    first_test : datetime64[D]
        Earliest snapshot of the test set.
    last_train : datetime64[D]
        Latest snapshot that the gap allows on the training set.
    """

    is_train: NDArray[np.bool_]
    is_test: NDArray[np.bool_]
    unit: Unit
    test_periods: int
    first_test: np.datetime64
    last_train: np.datetime64


def split_by_time(
    snapshots: Days,
    churned: NDArray[np.int8],
    *,
    test_periods: int,
    gap_days: int,
    period: Unit,
) -> TimeSplit:
    """Put the rows of the latest periods into the test set and those before a gap into training.

    A row may train the model if its snapshot is at least ``gap_days`` before the first of the test
    set: then its outcome was known when the first test row was drawn.

    While the test set has fewer than 50 rows of either outcome, the next earlier period joins it,
    as long as training keeps twice as many rows of the rarer outcome. That counts outcomes and
    looks at nothing else. Later rows never move a row from training to the test set: they can
    only make the cut later.

    Parameters
    ----------
    snapshots : ndarray of datetime64, (n,)
        Of at least two days.
    churned : ndarray of 0 and 1, (n,)
    test_periods : int
        Latest periods on the test set, at least.
    gap_days : int
    period : {"day", "week", "month", "quarter"}
        Unit of the periods; a finer one is used if all rows are in one.

    Returns
    -------
    TimeSplit

    Raises
    ------
    DataError
        If no row is left for training.
    """
    days = snapshots.astype("datetime64[D]")
    unit = coarsest_unit(days, period)
    order = np.argsort(days, kind="stable")
    ordered, counts = days[order], _Counts(churned[order])
    starts = np.unique(period_starts(np.unique(days), unit))
    if test_periods >= len(starts):
        raise DataError(
            f"split.test_periods is {test_periods}, but the snapshots make only {len(starts)} "
            f"periods (unit: {unit}), none of which would be left for training; lower it, or "
            "provide earlier snapshots"
        )

    def cut(periods: int) -> tuple[int, np.datetime64, int]:
        """Return where the test set begins, its first snapshot, and how many rows train."""
        begin = int(np.searchsorted(ordered, starts[-periods]))
        last = _last_train(ordered[begin], gap_days)
        return begin, ordered[begin], int(np.searchsorted(ordered, last, side="right"))

    begin, first, n_train = cut(test_periods)
    while test_periods + 1 < len(starts) and counts.rarer(begin, len(days)) < FEWEST:
        earlier = cut(test_periods + 1)
        of_test = counts.rarer(earlier[0], len(days))
        if counts.rarer(0, earlier[2]) < max(_TRAINING_TO_TEST * of_test, 1):
            break
        begin, first, n_train = earlier
        test_periods += 1
    last = _last_train(first, gap_days)
    if n_train == 0:
        raise DataError(
            f"no row is early enough to train on: the test set begins at {first} and the gap is "
            f"{gap_days} days, so training needs snapshots of {last} or earlier, but the earliest "
            f"is {ordered[0]}; lower split.test_periods or split.gap_days, or provide earlier "
            "snapshots"
        )
    return TimeSplit(days <= last, days >= first, unit, test_periods, first, last)


def _last_train(first_test: np.datetime64, gap_days: int) -> np.datetime64:
    # rows of the first test day are on the test set, whatever the gap
    return first_test - np.timedelta64(max(gap_days, 1), "D")


class _Counts:
    """Numbers of rows of either outcome, of any run of the rows."""

    def __init__(self, churned: NDArray[np.int8]) -> None:
        self._churners = np.r_[0, np.cumsum(churned, dtype=np.int64)]

    def rarer(self, start: int, stop: int) -> int:
        churners = int(self._churners[stop] - self._churners[start])
        return min(churners, stop - start - churners)
