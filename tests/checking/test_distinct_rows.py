from __future__ import annotations

import numpy as np
import pandas as pd

from churn_pipeline.checking.distinct_rows import distinct_rows


def test_rows_are_put_together_from_their_combinations() -> None:
    rng = np.random.default_rng(1)
    keys = [rng.integers(-1, 3, 500), rng.random(500) < 0.5, rng.integers(-1, 40, 500)]
    first, codes = distinct_rows(keys)
    for key in keys:
        assert (key[first][codes] == key).all()
    assert len(first) == len(pd.DataFrame(dict(enumerate(keys))).drop_duplicates())
    assert (first == np.sort(first)).all()


def test_no_rows_have_no_combinations() -> None:
    first, codes = distinct_rows([np.array([], dtype=np.int8)])
    assert len(first) == len(codes) == 0
