from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.io.csv_text import csv_header, csv_text
from tests.sizes import examples

TEXTS = st.text(st.sampled_from("ab ,;\"'\n\r\t\\é0"), max_size=6) | st.none()
FLOATS = st.floats() | st.integers(-100, 100).map(float) | st.floats(1e-6, 1e12)


def by_pandas(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, lineterminator="\n").encode()


@settings(deadline=None, max_examples=examples(300))
@given(
    st.lists(
        st.tuples(TEXTS, FLOATS, st.integers(-(2**63), 2**63 - 1), st.booleans(), TEXTS), max_size=8
    )
)
def test_the_text_is_that_of_pandas(rows: list[tuple[object, ...]]) -> None:
    frame = pd.DataFrame(rows, columns=["text", "b,c", "i", "t", "last"])
    types = {"text": "str", "b,c": "float64", "i": "int64", "t": "bool", "last": "str"}
    frame = frame.astype(types)
    assert csv_header(frame) + csv_text(frame) == by_pandas(frame)


@pytest.mark.parametrize(
    "column",
    [
        pd.array(["2026-01-31", None, "1999-12-01"], dtype="datetime64[us]"),
        pd.array(["2026-01-31", None, "1999-12-01 12:00"], dtype="datetime64[us]"),
        pd.Categorical(["a", None, "b,c"]),
        pd.array([1, None, 3], dtype="Int64"),
        np.array(["a", 1, None], dtype=object),
        pd.array([None, None, None], dtype="str"),
    ],
)
def test_other_types_are_spelled_as_pandas_does(column: object) -> None:
    frame = pd.DataFrame({"a": [0.5, 1e-7, np.nan], "column": column})
    assert csv_header(frame) + csv_text(frame) == by_pandas(frame)
    frame = frame[["column"]]
    assert csv_header(frame) + csv_text(frame) == by_pandas(frame)


def test_a_slice_of_a_column_is_spelled_from_its_start() -> None:
    frame = pd.DataFrame({"a": ["x", "y", "z"], "b": [0.1, 0.2, 0.3]})[1:]
    assert csv_text(frame) == b"y,0.2\nz,0.3\n"


def test_columns_in_several_pieces_are_spelled_as_one() -> None:
    pieces = [pd.DataFrame({"a": [text], "b": [0.5]}) for text in ("x", "y,z")]
    assert csv_text(pd.concat(pieces, ignore_index=True)) == b'x,0.5\n"y,z",0.5\n'
