from __future__ import annotations

import numpy as np
import pandas as pd

from churn_pipeline.evaluation.coded_texts import coded_texts


def test_codes_become_their_texts_and_minus_one_is_missing() -> None:
    found = pd.Series(coded_texts(["low", "high"], np.array([1, -1, 0, 1])))
    pd.testing.assert_series_equal(found, pd.Series(["high", None, "low", "high"], dtype="str"))


def test_no_rows_and_no_texts_are_a_column_too() -> None:
    assert pd.Series(coded_texts([], np.array([-1, -1]))).isna().tolist() == [True, True]
    assert len(coded_texts(["a"], np.array([], dtype=np.int64))) == 0
