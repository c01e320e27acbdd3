from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.splits.sampling import first_customers


def targets(n: int, churners: int) -> np.ndarray:
    churned = np.zeros(n, dtype=np.int8)
    churned[np.linspace(0, n - 1, churners).astype(int)] = 1
    return churned


@pytest.mark.parametrize("most", [None, 1000, 5000])
def test_a_small_training_side_is_taken_whole(most: int | None) -> None:
    assert first_customers(targets(1000, 200), most) == slice(0, 1000)


def test_a_large_one_is_cut_where_there_are_churners_enough() -> None:
    assert first_customers(targets(50_000, 10_000), 10_000) == slice(0, 10_000)


def test_rare_churners_widen_the_sample() -> None:
    churned = targets(200_000, 4000)  # two percent
    rows = first_customers(churned, 10_000)
    assert churned[rows].sum() == 500
    assert 24_000 < rows.stop < 26_000


def test_very_rare_churners_widen_it_no_more_than_fourfold() -> None:
    assert first_customers(targets(200_000, 1000), 10_000) == slice(0, 40_000)


def test_it_is_widened_until_the_folds_have_churners() -> None:
    churned = targets(200_000, 100)
    rows = first_customers(churned, 10_000)
    assert churned[rows].sum() == 50
    assert rows.stop > 90_000
    assert first_customers(targets(50_000, 40), 10_000) == slice(0, 50_000)


def test_a_larger_sample_holds_the_smaller_one() -> None:
    churned = targets(50_000, 10_000)
    assert first_customers(churned, 5_000).stop < first_customers(churned, 20_000).stop
