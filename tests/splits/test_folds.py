from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold

from churn_pipeline.errors import DataError
from churn_pipeline.splits.folds import check_folds, stratified_splits


@pytest.mark.parametrize("is_numbered", [True, False])
@pytest.mark.parametrize("repeats", [None, 1, 3])
def test_one_row_a_customer_gives_the_folds_of_scikit_learn(
    repeats: int | None, is_numbered: bool
) -> None:
    y = (np.random.default_rng(0).random(103) < 0.3).astype(np.int8)
    splitter = (
        StratifiedKFold(5, shuffle=True, random_state=9)
        if repeats is None
        else RepeatedStratifiedKFold(n_splits=5, n_repeats=repeats, random_state=9)
    )
    numbers = np.arange(103) if is_numbered else None
    found = stratified_splits(y, numbers, folds=5, seed=9, repeats=repeats)
    for one, other in zip(found, splitter.split(np.zeros(103), y), strict=True):
        assert [part.tolist() for part in one] == [part.tolist() for part in other]


@given(st.integers(0, 2**32), st.integers(2, 5), st.sampled_from([0.1, 0.4, 0.9]))
def test_a_customer_is_in_one_fold_and_every_fold_has_its_share(
    seed: int, folds: int, rate: float
) -> None:
    random = np.random.default_rng(seed)
    rows = random.integers(1, 8, 120)
    numbers = np.repeat(np.arange(120), rows)[random.permutation(rows.sum())]
    numbers = np.unique(numbers, return_index=True)[1].argsort().argsort()[numbers]
    y = (random.random(len(numbers)) < rate).astype(np.int8)
    found = stratified_splits(y, numbers, folds=folds, seed=3, repeats=2)
    assert len(found) == 2 * folds
    ever = np.unique(numbers[y == 1])
    for repeat in (found[:folds], found[folds:]):
        assert np.sort(np.concatenate([v for _, v in repeat])).tolist() == [*range(len(y))]
        for train, validation in repeat:
            assert set(numbers[train]).isdisjoint(numbers[validation])
            assert sorted([*train, *validation]) == [*range(len(y))]
            share = len(set(numbers[validation]) & set(ever))
            if folds <= len(ever) <= 120 - folds:  # fewer cannot be dealt out by themselves
                assert abs(share - len(ever) / folds) <= 1


def test_customers_who_all_churn_in_the_end_have_folds() -> None:
    numbers = np.repeat(np.arange(40), 4)
    y = np.tile([0, 0, 0, 1], 40).astype(np.int8)
    for train, validation in stratified_splits(y, numbers, folds=5, seed=1):
        assert len(validation) == 32
        assert set(y[train]) == set(y[validation]) == {0, 1}


def test_a_fold_without_a_kind_is_one_sentence() -> None:
    numbers = np.repeat(np.arange(20), 2)
    y = np.ones(40, dtype=np.int8)
    y[:2] = 0  # the rows of one customer
    with pytest.raises(DataError, match=r"a fold .* has no rows with one of the outcomes"):
        stratified_splits(y, numbers, folds=5, seed=1)


@pytest.mark.parametrize("churners", [0, 2, 97])
def test_too_few_customers_of_a_kind_are_one_sentence(churners: int) -> None:
    y = (np.arange(100) < churners).astype(np.int8)
    with pytest.raises(DataError, match=rf"only {min(churners, 100 - churners)} customers .*5\)"):
        check_folds(y, 5, "tuning.folds")
    check_folds((np.arange(100) < 5).astype(np.int8), 5, "tuning.folds")


def test_customers_are_counted_not_rows() -> None:
    y = np.tile([0, 1], 20).astype(np.int8)
    with pytest.raises(DataError, match="only 4 customers"):
        check_folds(y, 5, "tuning.folds", np.repeat(np.arange(4), 10))
    check_folds(y, 5, "tuning.folds", np.repeat(np.arange(5), 8))
