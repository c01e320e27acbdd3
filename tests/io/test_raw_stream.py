from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from churn_pipeline.errors import DataError, SourceChangedError
from churn_pipeline.io import raw_stream
from churn_pipeline.io.raw_stream import RawStream, RawStreamDataset
from churn_pipeline.io.raw_table import RawTable, RawTableDataset


def stream_of(path: Path, rows: int, contract: Path | None = None) -> RawStream:
    return RawStreamDataset(
        filepath=str(path), rows_a_part=rows, contract=None if contract is None else str(contract)
    ).load()


def assert_same(path: Path, rows: int, contract: Path | None = None) -> list[RawTable]:
    """Require that the parts of a stream make up the table that is read at once."""
    given = None if contract is None else str(contract)
    whole = RawTableDataset(filepath=str(path), contract=given).load()
    stream = stream_of(path, rows, contract)
    assert (stream.name, stream.sha256) == (whole.name, whole.sha256)
    assert list(stream.columns) == list(whole.cells.columns)
    parts = list(stream.parts())
    assert all(part.cells.index.equals(pd.RangeIndex(len(part.cells))) for part in parts)
    cells = pd.concat([part.cells for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(cells, whole.cells)
    for name in ("lines", "spans"):
        found = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(found, getattr(whole, name))
    malformed = pd.concat([part.malformed for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(malformed, whole.malformed)
    return parts


def messy_csv(rows: int) -> str:
    """Rows that do not fit, empty lines, line breaks in quotes and repeated headers everywhere."""
    lines = ["id,city,note"]
    for i in range(rows):
        lines.append(f'{i},"a\nb",x' if i % 7 == 3 else f"{i},c,")
        lines += ["1,2,3,4"] * (i % 5 == 1) + [""] * (i % 11 == 4) + [",,"] * (i % 13 == 5)
        lines += ["id,city,note"] * (i % 17 == 6) + ['1,"p\nq"'] * (i % 19 == 7)
    return "\n".join(lines) + "\n9,9\n"


@pytest.mark.parametrize("rows", [1, 3, 10, 41, 1000])
def test_the_parts_of_a_messy_text_are_the_whole(rows: int, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(messy_csv(100), encoding="utf-8")
    parts = assert_same(path, rows)
    assert len(parts) >= 100 // (2 * rows)
    assert all(len(part.cells) <= 2 * rows for part in parts)


def test_blocks_of_the_parser_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv.gz"
    path.write_bytes(gzip.compress(messy_csv(120_000).encode()))  # more than a megabyte
    parts = assert_same(path, 50_000)
    assert len(parts) == 2


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("a,b,\n1,2,\n3,4,\n5,6,\n", ""),  # a nameless column without values is left out
        ("a,b,\n1,2,\n3,4,\n5,6,7\n", ""),  # one whose only value is in the last part is not
        ("a,b\n1,2\n3,4\n5,6\nTotal,12\n", "file: {footer: [Total]}"),
        ("x,x\na,b\n1,2\n3,4\n5,6\n", "file: {header_rows: 2}"),
        ("1,2\n3,4\n5,6\n", "file: {header_rows: 0}"),
        ('a,b\n1,"x\\"y"\n3,4\n5,6\n7,8\n', ""),
    ],
)
def test_names_header_and_footer_are_those_of_the_whole(
    text: str, file: str, tmp_path: Path
) -> None:
    path, contract = tmp_path / "customers.csv", tmp_path / "contract.yml"
    path.write_text(text, encoding="utf-8")
    contract.write_text(
        "name: n\ncolumns:\n"
        "  id: {type: text, role: id, meaning: m}\n"
        "  x: {type: number, meaning: m}\n"
        f"  y: {{type: category, role: target, values: [n, j], positive: j, meaning: m}}\n{file}\n",
        encoding="utf-8",
    )
    assert_same(path, 3, contract)
    assert_same(path, 2, contract)


@pytest.mark.parametrize("rows", [1, 4, 100])
def test_parquet_and_what_is_read_at_once_come_in_parts_too(rows: int, tmp_path: Path) -> None:
    table = pd.DataFrame({"a": range(9), "b": [1.5, None, 3.25] * 3})
    table.to_parquet(tmp_path / "t.parquet", row_group_size=2)
    table.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    assert_same(tmp_path / "t.parquet", rows)
    parts = assert_same(tmp_path / "t.jsonl", rows)
    assert len(parts) == max(1, 9 // rows)


def test_malformed_rows_stay_with_their_part(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 1}\n?\n{"a": 2}\n{"a": 3}\n?\n')
    first, second = (part.malformed["line"].tolist() for part in assert_same(path, 1)[::2])
    assert (first, second) == ([2], [5])


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    parts = stream_of(path, 1).parts()
    next(parts)
    path.write_text("a,b\n1,2\n3,4\n5,6\n")
    with pytest.raises(DataError, match=r"customers\.csv was changed while it was read"):
        next(parts)


def test_a_file_that_is_replaced_by_one_as_long_and_as_old_is_refused(tmp_path: Path) -> None:
    path, other = tmp_path / "customers.csv", tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    other.write_text("a,b\n5,6\n7,8\n")
    stream = stream_of(path, 1)
    before = path.stat()
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    with pytest.raises(SourceChangedError):
        next(stream.parts())


def test_of_a_file_that_is_gone_or_damaged_meanwhile_the_change_is_named(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    stream = stream_of(path, 1)
    path.write_bytes(b"")
    with pytest.raises(SourceChangedError):
        next(stream.parts())
    path.unlink()
    with pytest.raises(SourceChangedError):
        next(stream.parts())


def test_a_file_that_changes_while_it_is_hashed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    hashed = raw_stream._hashed

    def written_to(path: Path) -> tuple[str, int]:
        found = hashed(path)
        path.write_text("a,b\n1,2\n3,4\n5,6\n")
        return found

    monkeypatch.setattr(raw_stream, "_hashed", written_to)
    with pytest.raises(DatasetError, match="was changed while it was read"):
        stream_of(path, 1)


@pytest.mark.parametrize("rows", [1, 10, 100_000])
@pytest.mark.parametrize("header", ["a,b\n", "a,a\nx,y\n"])
def test_empty_lines_below_the_header_hide_no_rows(rows: int, header: str, tmp_path: Path) -> None:
    path, contract = tmp_path / "customers.csv", tmp_path / "contract.yml"
    path.write_text(header + "\n" * 5000 + "1,2\n3,4\n" + "\n" * 5000 + "5,6\n")
    contract.write_text(
        "name: n\ncolumns:\n"
        "  id: {type: text, role: id, meaning: m}\n"
        "  x: {type: number, meaning: m}\n"
        "  y: {type: category, role: target, values: [n, j], positive: j, meaning: m}\n"
        f"file: {{header_rows: {header.count(chr(10))}}}\n"
    )
    parts = assert_same(path, rows, contract)
    assert sum(len(part.cells) for part in parts) == 3


def test_a_first_piece_of_repeated_headers_hides_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("a,b\n" * 5000 + "1,2\n")
    assert_same(path, 1000)


def test_columns_without_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("a,b\n")
    with pytest.raises(DatasetError, match="has no rows"):
        stream_of(path, 1)
