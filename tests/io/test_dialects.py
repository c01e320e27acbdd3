"""Quotes, escapes, compression, and files that are no tables."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import random
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from churn_pipeline.contract.file_format import FileFormat
from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable, read_raw_table

HEADER = "id,months,note,churn"


def rows(note: str, n: int = 60) -> list[str]:
    dice = random.Random(1)
    return [f"C{i},{dice.randint(0, 70)},{note},No" for i in range(n)]


def table(note: str) -> str:
    return "\n".join([HEADER, *rows(note)]) + "\n"


def read(
    folder: Path, content: bytes | str, name: str = "customers.csv", file: FileFormat | None = None
) -> RawTable:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_raw_table(str(path), "SOURCE", file=file or FileFormat(), look=file is None)


def error_of(folder: Path, content: bytes | str, name: str = "customers.csv") -> str:
    with pytest.raises(DataError) as caught:
        read(folder, content, name)
    message = str(caught.value)
    assert "\n" not in message
    assert name in message
    return message


@pytest.mark.parametrize(
    ("note", "read_as"),
    [
        (r'"5\" pipe"', '5" pipe'),
        (r'"5\" pipe, new"', '5" pipe, new'),
        (r'"say \"no\"\\ C:\temp"', r'say "no"\ C:\temp'),
        (r'"a \"b\nc\" d"'.replace(r"\n", "\n"), 'a "b\nc" d'),
    ],
)
def test_quotes_behind_backslashes(tmp_path: Path, note: str, read_as: str) -> None:
    content = table(note).replace("C5,", r"\N,")
    raw = read(tmp_path, content)
    assert set(raw.cells["note"]) == {read_as}
    assert raw.cells["id"].iloc[5] == r"\N"
    assert (raw.found.escape, len(raw.malformed)) == ("backslash", 0)
    assert raw.remarks[0].answer == "--escape none (key file.escape)"
    again = read(tmp_path, content, file=raw.found)
    assert again.cells.equals(raw.cells)
    assert again.lines.tolist() == raw.lines.tolist()


def test_a_folder_at_the_end_of_a_field_is_no_escape(tmp_path: Path) -> None:
    raw = read(tmp_path, table('"C:\\new\\"'))
    assert set(raw.cells["note"]) == {"C:\\new\\"}
    assert raw.found.escape == "none"
    assert "--escape backslash" in str(raw.remarks[0].answer)


def test_json_in_a_field_is_no_escape(tmp_path: Path) -> None:
    raw = read(tmp_path, table(r'"{""a"": ""b \""c\"" ""}"'))
    assert set(raw.cells["note"]) == {r'{"a": "b \"c\" "}'}
    assert raw.found.escape is None


def test_escapes_behind_a_megabyte_are_seen(tmp_path: Path) -> None:
    lines = [HEADER, *rows("plain" * 20, 12_000), *rows(r'"5\" pipe, new"', 5)]
    raw = read(tmp_path, "\n".join(lines))
    assert raw.cells["note"].iloc[-1] == '5" pipe, new'
    assert len(raw.malformed) == 0


def test_single_quotes_are_found_and_asked_about(tmp_path: Path) -> None:
    out = io.StringIO()
    writer = csv.writer(out, quotechar="'", quoting=csv.QUOTE_ALL)
    writer.writerows([HEADER.split(","), *([f"C{i}", "1", "Rome, it's", "No"] for i in range(60))])
    raw = read(tmp_path, out.getvalue())
    assert set(raw.cells["note"]) == {"Rome, it's"}
    assert (raw.found.quote, raw.remarks[0].answer) == ("'", "--quote '\"'")


def test_a_quote_within_an_unquoted_field_stays(tmp_path: Path) -> None:
    assert set(read(tmp_path, table('5" pipe')).cells["note"]) == {'5" pipe'}


@pytest.mark.parametrize("column", [0, 2])
def test_rows_that_a_stray_quote_swallows_are_no_cell(tmp_path: Path, column: int) -> None:
    lines = [HEADER, *rows("plain")]
    for line in (20, 50):
        fields = lines[line].split(",")
        fields[column] = '"' + fields[column]
        lines[line] = ",".join(fields)
    raw = read(tmp_path, "\n".join(lines))
    assert raw.malformed[["line", "span"]].to_numpy().tolist() == [[21, 31]]
    assert len(raw.cells) == 60 - 31
    assert "what looks like whole rows in a cell (first on line 21" in raw.remarks[0].text
    whole = read(tmp_path, "\n".join(lines), file=FileFormat(quote="none"))
    assert (len(whole.cells), len(whole.malformed)) == (60, 0)


def test_prose_of_many_lines_is_a_cell(tmp_path: Path) -> None:
    raw = read(tmp_path, table('"Dear all,\nhello, yes, no,\n\nBye, Ann\n"'))
    assert (len(raw.cells), len(raw.malformed)) == (60, 0)


def test_a_quote_that_is_never_closed_is_told(tmp_path: Path) -> None:
    lines = [HEADER, *rows("plain")]
    lines[20] = lines[20].replace("plain", '"plain')
    raw = read(tmp_path, "\n".join(lines))
    assert "Is there a quote that is never closed?" in raw.remarks[-1].text


@pytest.mark.parametrize("separator", ["^", "~", "\x01"])
def test_other_separators_are_found(tmp_path: Path, separator: str) -> None:
    raw = read(tmp_path, table("plain").replace(",", separator))
    assert (raw.separator, raw.cells.shape) == (separator, (60, 4))


def test_a_separator_may_be_given(tmp_path: Path) -> None:
    content = table("plain").replace(",", ":")
    assert "has the one column 'id:months:note:churn'" in error_of(tmp_path, content)
    assert read(tmp_path, content, file=FileFormat(separator=":")).cells.shape == (60, 4)


def test_decimal_commas_between_commas_are_one_sentence(tmp_path: Path) -> None:
    assert "if numbers are written 1,5, put them in quotes" in error_of(tmp_path, table("1,5"))


@pytest.mark.parametrize(
    ("ending", "pack"),
    [
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zst", lambda content: pa.compress(content, codec="zstd", asbytes=True)),
        ("", gzip.compress),
    ],
)
def test_compressed_files(tmp_path: Path, ending: str, pack: object) -> None:
    content = pack(table("plain").encode())  # type: ignore[operator]
    assert len(read(tmp_path, content, f"customers.csv{ending}").cells) == 60
    if ending:
        cut = error_of(tmp_path, content[: len(content) // 2], f"customers.csv{ending}")
        assert "cannot be read" in cut


def test_archives(tmp_path: Path) -> None:
    for names in (["a.csv"], ["a.csv", "b.csv"]):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name in names:
                archive.writestr(name, table("plain"))
        if len(names) == 1:
            assert len(read(tmp_path, packed.getvalue(), "customers.csv.zip").cells) == 60
        else:
            message = error_of(tmp_path, packed.getvalue(), "customers.csv.zip")
            assert "is an archive of 2 files (a.csv, b.csv)" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "is a picture, not a text table"),
        (b"%PDF-1.7\n%\xe2\xe3", "is a PDF document"),
        (b"\n<!DOCTYPE html><html>", "is an HTML page"),
        (b'[\n {"a": 1},', "is a JSON array, not a text table; write one object per line"),
        (b"PAR1" + bytes(99), "is a Parquet file, not a text table; name it .parquet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "is an old workbook (.xls)"),
        (b"", "is empty"),
        (b"id,months\n", "has no rows"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    assert message in error_of(tmp_path, content)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    read(tmp_path, table("plain"))
    (tmp_path / "folder.csv").mkdir()
    for name, message in (
        ("custmers.csv", "does not exist (did you mean customers.csv?); give as SOURCE the path"),
        ("folder.csv", "is a folder; give as SOURCE one file of it"),
        (".", "is a folder; SOURCE needs one file, of which it has: customers.csv"),
    ):
        with pytest.raises(DataError) as caught:
            read_raw_table(str(tmp_path / name), "SOURCE")
        assert message in str(caught.value)
        assert "params.yaml" not in str(caught.value)
