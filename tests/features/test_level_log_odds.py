from __future__ import annotations

import numpy as np
import pandas as pd

from churn_pipeline.features.level_log_odds import LevelLogOdds

LEVELS = [f"level {number}" for number in range(40)]


def _draw(n: int, effect: float, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    generator = np.random.default_rng(seed)
    code = generator.integers(0, 40, n)
    target = generator.random(n) < 1 / (1 + np.exp(-effect * (code - 20) / 10))
    values = pd.Series(pd.Categorical.from_codes(code, pd.Index(LEVELS)))
    return pd.DataFrame({"level": values}), target.astype(np.int8)


def test_levels_are_ordered_by_their_churn_rates() -> None:
    values, target = _draw(20_000, effect=1.0, seed=1)
    encoder = LevelLogOdds([LEVELS]).fit(values, target)
    table = encoder.tables_[0][1:]
    assert np.corrcoef(table, np.arange(40))[0, 1] > 0.98


def test_training_customers_do_not_see_their_own_target() -> None:
    # without cross-fitting, rare levels of a column that means nothing would tell the target
    values, target = _draw(200, effect=0.0, seed=2)
    fitted = LevelLogOdds([LEVELS])
    cross_fitted = fitted.fit_transform(values, target)[:, 0]
    assert abs(np.corrcoef(cross_fitted, target)[0, 1]) < 0.2


def test_missing_and_unknown_values_share_an_entry() -> None:
    values, target = _draw(500, effect=1.0, seed=3)
    encoder = LevelLogOdds([LEVELS]).fit(values, target)
    odd = pd.DataFrame({"level": pd.Series([None, "elsewhere", LEVELS[0]], dtype=object)})
    found = encoder.transform(odd)[:, 0]
    assert found[0] == found[1] == encoder.tables_[0][0]
    assert found[2] == encoder.tables_[0][1]


def test_the_numbers_repeat() -> None:
    values, target = _draw(500, effect=1.0, seed=4)
    first, second = (LevelLogOdds([LEVELS]).fit_transform(values, target) for _ in "ab")
    np.testing.assert_array_equal(first, second)


def test_rows_of_one_customer_do_not_tell_each_other_the_target() -> None:
    generator = np.random.default_rng(5)
    customers, months = 400, 12  # in order of the customer, as on the training set
    code = np.repeat(generator.integers(0, 40, customers), months)
    target = np.repeat(generator.random(customers) < 0.3, months).astype(np.int8)
    values = pd.DataFrame({"level": pd.Categorical.from_codes(code, pd.Index(LEVELS))})
    cross_fitted = LevelLogOdds([LEVELS]).fit_transform(values, target)[:, 0]
    assert np.corrcoef(cross_fitted, target)[0, 1] < 0.15
