"""Which file differs, and where inside it."""

import json
import pickle
from pathlib import Path

import pandas as pd
import pytest

from scripts.compare_outputs import differences, files_of, first_difference, outputs_of


def _pair(folder: Path, name: str, first: bytes, second: bytes) -> tuple[Path, Path]:
    for side, data in (("one", first), ("other", second)):
        (folder / side).mkdir(exist_ok=True)
        (folder / side / name).write_bytes(data)
    return folder / "one" / name, folder / "other" / name


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "key $.a.b[1]: 2, 3 in the second"),
        ({"a": 1, "b": 2}, {"a": 1}, "key $.b: only in the first"),
        ({"a": 1}, {"a": 1, "c": 2}, "key $.c: only in the second"),
        ({"a": [1]}, {"a": [1, 2]}, "key $.a: 1 items, 2 in the second"),
        ({"a": 1}, {"a": True}, "key $.a: 1, True in the second"),
        ({"a": 0.1}, {"a": 0.10000000000000002}, "key $.a: 0.1, 0.10000000000000002 in the second"),
        ({"a": None}, {"a": {}}, "key $.a: None, {} in the second"),
    ],
)
def test_json_differs_at_a_key(tmp_path: Path, first: object, second: object, place: str) -> None:
    data = (json.dumps(value).encode() for value in (first, second))
    assert first_difference(*_pair(tmp_path, "a.json", *data)) == place


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        (b"x,y\n1,2\n3,4\n", b"x,y\n1,2\n3,5\n", "row 2, column y: 4, 5 in the second"),
        (b"x,y\n1,2\n", b"x,z\n1,2\n", "the header, column y: y, z in the second"),
        (b"x,y\n1,2\n", b"x,y\n1,2\n3,4\n", "row 2: only in the second"),
        (b'x,y\n"a\nb",2\n', b'x,y\n"a\nb",3\n', "row 1, column y: 2, 3 in the second"),
        (b"x\n1\n", b"x\r\n1\r\n", "byte 1 (4 bytes, 6 in the second)"),
    ],
)
def test_csv_differs_at_a_row_and_column(
    tmp_path: Path, first: bytes, second: bytes, place: str
) -> None:
    assert first_difference(*_pair(tmp_path, "a.csv", first, second)) == place


def test_parquet_differs_at_the_first_row(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": ["a", "b", None]})
    one, other = _pair(tmp_path, "a.parquet", b"", b"")
    table.to_parquet(one)
    changed = table.copy()
    changed.loc[2, "x"] = 3.0000000000000004
    changed.loc[1, "y"] = "c"
    changed.to_parquet(other)
    assert first_difference(one, other) == "row 2, column y: b, c in the second"
    table.to_parquet(other, compression="gzip")  # the same table in other bytes
    assert str(first_difference(one, other)).startswith("byte ")
    table.rename(columns={"x": "z"}).to_parquet(other)
    assert str(first_difference(one, other)).startswith("columns: ['x', 'y'], ['z', 'y']")


def test_negative_zero_and_nan_are_told_apart_as_bytes_are(tmp_path: Path) -> None:
    one, other = _pair(tmp_path, "a.parquet", b"", b"")
    pd.DataFrame({"x": [float("nan"), 0.0]}).to_parquet(one)
    pd.DataFrame({"x": [float("nan"), -0.0]}).to_parquet(other)
    assert first_difference(one, other) == "row 2, column x: 0.0, -0.0 in the second"


def test_other_files_differ_at_a_byte(tmp_path: Path) -> None:
    first, second = pickle.dumps([1, 2, 3]), pickle.dumps([1, 2, 4])
    place = next(i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
    pair = _pair(tmp_path, "model.pkl", first, second)
    size = len(first)
    assert first_difference(*pair) == f"byte {place} ({size} bytes, {size} in the second)"
    assert first_difference(*_pair(tmp_path, "a.onnx", b"ab", b"abc")) == (
        "byte 2 (2 bytes, 3 in the second)"
    )


def test_a_damaged_file_differs_at_a_byte(tmp_path: Path) -> None:
    for name in ("a.json", "a.csv", "a.parquet"):
        pair = _pair(tmp_path, name, b"\xff\x00", b"\xff\x01")
        assert first_difference(*pair) == "byte 1 (2 bytes, 2 in the second)"


def _project(root: Path, values: dict[str, str]) -> Path:
    outs = [{"path": "data/z.json"}, {"path": "data/bundle"}]
    later = [{"path": "data/a.json"}]
    root.mkdir()
    (root / "dvc.yaml").write_text("stages: {z_first: {}, a_later: {}}", encoding="utf-8")
    lock = {"stages": {"a_later": {"outs": later}, "z_first": {"outs": outs}}}
    (root / "dvc.lock").write_text(json.dumps(lock), encoding="utf-8")
    for name, text in values.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_files_come_in_the_order_of_the_stages_and_folders_are_looked_into(tmp_path: Path) -> None:
    same = {"data/z.json": "1", "data/bundle/b/model.onnx": "m", "data/a.json": "2"}
    one = _project(tmp_path / "one", {**same, "data/bundle/a.txt": "x"})
    other = _project(tmp_path / "other", {**same, "data/a.json": "3"})
    outputs = outputs_of(one)
    assert outputs == ["data/z.json", "data/bundle", "data/a.json"]
    files = files_of(one, outputs)
    assert files == ["data/z.json", "data/bundle/a.txt", "data/bundle/b/model.onnx", "data/a.json"]
    assert [str(item) for item in differences(one, other, files)] == [
        "data/bundle/a.txt, only in the first",
        "data/a.json, key $: 2, 3 in the second",
    ]
    assert [*differences(one, one, files)] == []
