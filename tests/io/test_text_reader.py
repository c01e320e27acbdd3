"""CSV and its kin as other programs write them; tests/io/test_raw_table.py has the plain ones."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable, read_raw_table
from churn_pipeline.io.readers.separator import SEPARATORS, find_separator
from tests.sizes import examples


def read(folder: Path, content: bytes, name: str = "customers.csv") -> RawTable:
    path = folder / name
    path.write_bytes(content)
    return read_raw_table(str(path))


def error_of(folder: Path, content: bytes, name: str = "customers.csv") -> str:
    with pytest.raises(DataError) as caught:
        read(folder, content, name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def cells(raw: RawTable) -> list[list[str]]:
    return raw.cells.to_numpy().tolist()


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("first", ["sep=;", '"SEP=;"'])
def test_excels_line_of_the_separator_is_no_row(
    tmp_path: Path, codec: str, newline: str, first: str
) -> None:
    text = f'{first}\nid;a,b,c;ö\n1;"x\ny";2\n\n2;3\n3;5,0;é\n'
    raw = read(tmp_path, text.replace("\n", newline).encode(codec))
    assert (raw.encoding, raw.separator) == (codec, ";")
    assert raw.cells.columns.tolist() == ["id", "a,b,c", "ö"]
    assert cells(raw) == [["1", f"x{newline}y", "2"], ["3", "5,0", "é"]]
    assert (raw.lines.tolist(), raw.malformed["line"].tolist()) == ([3, 7], [6])
    assert raw.malformed["text"].tolist() == ["2;3"]


def test_a_file_of_excels_line_alone_is_an_error(tmp_path: Path) -> None:
    assert "customers.csv" in error_of(tmp_path, b"sep=;\r\n")


TEXT = 'id,Straße,note\n1,Müller,"a\nb"\n2,€ 5 – “x”,\n\n3,é\n'


@pytest.mark.parametrize(
    ("codec", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("cp1252", "cp1252"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("ending", [".csv", ".txt", ".csv.gz"])
def test_an_encoding_is_found(
    tmp_path: Path, codec: str, found: str, newline: str, ending: str
) -> None:
    content = TEXT.replace("\n", newline).encode(codec)
    if ending.endswith(".gz"):
        content = gzip.compress(content)
    raw = read(tmp_path, content, f"customers{ending}")
    assert raw.encoding == found
    assert raw.cells.columns.tolist() == ["id", "Straße", "note"]
    assert cells(raw) == [["1", "Müller", f"a{newline}b"], ["2", "€ 5 – “x”", ""]]
    assert raw.lines.tolist() == [2, 4]
    assert raw.malformed["text"].tolist() == ["3,é"]
    assert raw.malformed["line"].tolist() == [6]
    assert raw.malformed["reason"].tolist() == ["2 fields instead of 3."]


def test_utf_16_of_either_byte_order(tmp_path: Path) -> None:
    for codec, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        raw = read(tmp_path, mark + "a,b\né,2\n".encode(codec))
        assert (cells(raw), raw.encoding) == ([["é", "2"]], "utf-16")


def test_latin_1_far_behind_is_found(tmp_path: Path) -> None:
    raw = read(tmp_path, b"a,b\n" + b"1,2\n" * 600_000 + b"\xe9,2\n")
    assert raw.encoding == "cp1252"
    assert raw.cells.iloc[-1].tolist() == ["é", "2"]


def test_utf_8_with_damage_is_not_taken_for_latin_1(tmp_path: Path) -> None:
    content = "a,b\né,ü\nß,1\n".encode() + b"\xe9,2\n"
    assert "is not UTF-8 text (line 4, byte 0xe9)" in error_of(tmp_path, content)


def test_latin_1_with_two_bytes_that_utf_8_might_have(tmp_path: Path) -> None:
    raw = read(tmp_path, "a,b\n«CAFÉ»,1\nMüller,2\nJosé,3\n".encode("cp1252"))
    assert raw.cells["a"].tolist() == ["«CAFÉ»", "Müller", "José"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes(200), "has zero bytes and no byte-order mark"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "is a picture, not a text table"),
        (b"\xff\xfea\x00,\x00\x00\xd8\x00\xd8", "is not UTF-16 text (line 1,"),
        (b"\xef\xbb\xbfa,b\n\xe9,2\n", "is not UTF-8 text (line 2, byte 0xe9)"),
    ],
)
def test_what_is_no_text_is_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    error = error_of(tmp_path, content)
    assert message in error
    assert error.startswith("customers.csv")


def test_what_is_no_gzip_is_one_sentence(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n" + bytes(range(65, 90)) * 1000)
    for content in (b"a,b\n1,2\n", whole[:-20], whole[:30] + b"x" + whole[31:]):
        assert "cannot be read" in error_of(tmp_path, content, "customers.csv.gz")


# Separators


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("name", ["customers.csv", "customers.tsv", "customers.txt"])
def test_a_separator_is_found_whatever_the_ending(
    tmp_path: Path, separator: str, name: str
) -> None:
    lines = [" id ;price;note ", '1;"9,95";"a|b"', '2;"1\t5\n;x";', "3;2;c, d"]
    text = "\n".join(lines).replace(";", separator)
    if separator == ",":
        text = text.replace("c, d", "c d")
    raw = read(tmp_path, text.encode(), name)
    assert raw.separator == separator
    assert raw.cells.columns.tolist() == ["id", "price", "note"]
    assert raw.cells["price"].tolist() == ["9,95", f"1\t5\n{separator}x", "2"]
    assert raw.lines.tolist() == [2, 3, 5]


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a;b;c, d\n1;2;3,5\n4;5;6,7\n", ";"),  # decimal commas and one in the header
        ("a,b;c\n1,2\n3,4\n", ","),
        ("a;b,c;d\n1;2,5;3\n4;5,5;6\n", ";"),  # both fit all rows: the one of more fields
        ("a;b,c\n1;2\n", ";"),
        ('"a;b",c\n1,2\n', ","),
        ('"a,b";"c,d"\n1;2\n', ";"),
        ("a\n1;2\n", ","),
        ("", ","),
        ("\n\na;b\n1;2\n", ";"),
        ("a|b\n", "|"),
        ("a\tb\n\n\n1\t2\n", "\t"),
        ('a,b,c\n1\t,2\t,"3,4"\n5\t,6,"7\t"\n,8\n,9\n', ","),  # half of the rows fit the header
    ],
)
def test_the_header_and_the_first_rows_decide(text: str, separator: str) -> None:
    assert find_separator(text) == separator


def test_a_row_that_is_cut_off_does_not_count() -> None:
    assert find_separator("a;b,c,d\n1;2\n3", is_whole=False) == ";"


names = st.lists(
    st.text(st.sampled_from('ab ,;\t|"é\n'), max_size=5), min_size=2, max_size=4, unique=True
)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(names, min_size=2, max_size=4), st.sampled_from(SEPARATORS))
def test_quoted_tables_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, columns: list[list[str]], separator: str
) -> None:
    width = min(map(len, columns))
    rows = [[f"n{i}" for i in range(width)], *([c[:width] for c in columns])]
    text = "".join(
        separator.join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows
    )
    raw = read(tmp_path_factory.mktemp("any"), text.encode())
    assert raw.separator == separator
    assert cells(raw) == rows[1:]


def test_a_wide_table_is_read(tmp_path: Path) -> None:
    rows = [[f"{kind}{i}" for i in range(3000)] for kind in "cxy"]
    raw = read(tmp_path, "\n".join(";".join(row) for row in rows).encode())
    assert raw.cells.shape == (2, 3000)
    assert cells(raw) == rows[1:]


def test_cells_stay_in_the_memory_of_the_reader(tmp_path: Path) -> None:
    n = 50_000
    table = pa.table({f"c{i}": pa.array([f"{j * i}" for j in range(n)]) for i in range(10)})
    pyarrow.csv.write_csv(table, tmp_path / "big.csv")
    before = pa.total_allocated_bytes()
    raw = read_raw_table(str(tmp_path / "big.csv"))
    size = (tmp_path / "big.csv").stat().st_size
    # the bytes of the file, without quotes, and eight more a cell
    assert pa.total_allocated_bytes() - before < size + 9 * raw.cells.size
    assert all(raw.cells[name].array._pa_array.num_chunks == 1 for name in raw.cells)
