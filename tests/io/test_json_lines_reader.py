from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable, read_raw_table
from churn_pipeline.io.readers import json_lines
from tests.sizes import examples


def read(folder: Path, content: str | bytes, name: str = "customers.jsonl") -> RawTable:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_raw_table(str(path))


def error_of(folder: Path, content: str) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, content)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_values_stay_as_they_are_spelt(tmp_path: Path) -> None:
    line = (
        '{" id ": "007", "n": 12345678901234567890, "x": 1.10, "e": 1E5, "yes": true, '
        '"no": false, "null": null, "nan": NaN, "list": [1.50, "é", null, NaN], "deep": {"a": 1.0}}'
    )
    raw = read(tmp_path, line + "\n")
    assert raw.cells.to_dict("records") == [
        {
            "id": "007",
            "n": "12345678901234567890",
            "x": "1.10",
            "e": "1E5",
            "yes": "True",
            "no": "False",
            "null": "",
            "nan": "",
            "list": '["1.50", "é", null, null]',
            "deep": '{"a": "1.0"}',
        }
    ]
    assert (raw.encoding, raw.separator) == ("utf-8", None)


def test_columns_are_all_keys_in_the_order_they_appear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "_ROWS_A_PIECE", 2)
    rows = [{"b": 1}, {"a": 2}, {"b": 3, "c": 4}, {}, {"c": 5, "d": 6}]
    raw = read(tmp_path, "\n".join(map(json.dumps, rows)))
    assert raw.cells.columns.tolist() == ["b", "a", "c", "d"]
    assert raw.cells.to_numpy().tolist() == [
        ["1", "", "", ""],
        ["", "2", "", ""],
        ["3", "", "4", ""],
        ["", "", "", ""],
        ["", "", "5", "6"],
    ]


def test_lines_that_are_no_object_are_set_aside_with_their_reason(tmp_path: Path) -> None:
    text = '{"a": 1}\n\n[1]\n{"a": 2\r\n{"a": 1, "a": 2}\n  \n{"a": 3}\n'
    raw = read(tmp_path, text)
    assert raw.cells["a"].tolist() == ["1", "3"]
    assert raw.lines.tolist() == [1, 7]
    assert raw.malformed["line"].tolist() == [3, 4, 5]
    assert raw.malformed["text"].tolist() == ["[1]", '{"a": 2', '{"a": 1, "a": 2}']
    assert raw.malformed["reason"].tolist() == [
        "no JSON object.",
        "no JSON object.",
        "the key 'a' is in it twice.",
    ]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_and_gzip(tmp_path: Path, codec: str) -> None:
    content = gzip.compress('{"a": "é\u2028"}\n'.encode(codec))
    raw = read(tmp_path, content, "customers.ndjson.gz")
    assert raw.cells["a"].tolist() == ["é\u2028"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1},\n{"a": 2}]\n', "has no line that is a JSON object (line 1: no JSON object."),
        ("id,n\n1,2\n", "JSON Lines files have one object per line"),
        ("", "customers.jsonl is empty"),
        ("[" * 100_000, "has no line that is a JSON object"),
        ('{"a": 1, "a ": 2}', "has the column 'a' twice"),
    ],
)
def test_what_is_no_table_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    error = error_of(tmp_path, text)
    assert message in error
    assert error.startswith("customers.jsonl")


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)
)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.fixed_dictionaries({"a": scalars, "b": scalars}), min_size=1, max_size=5))
def test_any_values_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    def text(value: Any) -> str:
        return "" if value is None else str(value)

    lines = "\n".join(json.dumps(row).replace("Infinity", "1e999") for row in rows)
    raw = read(tmp_path_factory.mktemp("any"), lines)
    for name in ("a", "b"):
        expected = [text(row[name]).replace("inf", "1e999") for row in rows]
        if not any(isinstance(row[name], str) and "inf" in row[name] for row in rows):
            assert raw.cells[name].tolist() == expected
