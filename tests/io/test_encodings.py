"""Files that are not UTF-8: guessed with samples, or read as the contract says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from churn_pipeline.contract.file_format import FileFormat
from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable, read_raw_table
from churn_pipeline.io.readers.guess import rank_encodings

WORDS = {
    "cp1251": ["Москва", "Казань", "Санкт-Петербург"],
    "koi8_r": ["Москва", "Казань", "Тула"],
    "cp866": ["Москва", "Казань", "Тула"],
    "gb18030": ["北京", "上海", "广州"],
    "big5": ["台北", "高雄", "台中"],
    "cp932": ["東京", "大阪", "ソウル表"],  # of which a byte is a backslash
    "euc_jp": ["東京", "大阪", "名古屋"],
    "cp949": ["서울", "부산", "대구"],
    "cp1250": ["Łódź", "Kraków", "Gdańsk"],
    "iso8859_2": ["Łódź", "Żary", "Śrem"],
    "cp1254": ["İstanbul", "Eskişehir", "Muğla"],
    "cp1253": ["Αθήνα", "Πάτρα", "Θεσσαλονίκη"],
    "cp1255": ["תל אביב", "חיפה", "ירושלים"],
    "cp1256": ["القاهرة", "دبي", "الرياض"],
    "cp874": ["กรุงเทพ", "เชียงใหม่", "ภูเก็ต"],
    "cp1252": ["Orléans", "Nîmes", "Besançon"],
}


def table(words: list[str], n: int = 60) -> str:
    dice = random.Random(1)
    rows = (f"C{i},{dice.randint(0, 70)},{dice.choice(words)},No" for i in range(n))
    return "id,months,city,churn\n" + "\n".join(rows) + "\n"


def read(folder: Path, content: bytes, file: FileFormat | None = None) -> RawTable:
    path = folder / "customers.csv"
    path.write_bytes(content)
    return read_raw_table(str(path), file=file or FileFormat(), look=file is None)


@pytest.mark.parametrize("encoding", WORDS)
def test_an_older_encoding_is_guessed_and_asked_about_with_samples(
    tmp_path: Path, encoding: str
) -> None:
    words = WORDS[encoding]
    raw = read(tmp_path, table(words).encode(encoding))
    assert set(raw.cells["city"]) == set(words)
    assert raw.found.encoding == raw.encoding == encoding
    (remark,) = raw.remarks
    assert any(repr(word) in remark.text for word in words)
    assert remark.answer == "--encoding NAME (key file.encoding)"
    again = read(tmp_path, table(words).encode(encoding), raw.found)
    assert again.cells.equals(raw.cells)


@pytest.mark.parametrize("encoding", ["mac_roman", "cp850", "iso8859_15", "cp1257"])
def test_what_is_meant_is_among_the_samples(encoding: str) -> None:
    words = ["München", "Köln", "Düsseldorf"]
    guesses = rank_encodings([word.encode(encoding) for word in words])
    assert any("Köln" in guess.samples for guess in guesses)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32", "utf-16"])
@pytest.mark.parametrize("words", [["Rome", "Paris"], ["北京", "上海"]])
def test_utf_16_and_32_with_and_without_mark(
    tmp_path: Path, encoding: str, words: list[str]
) -> None:
    raw = read(tmp_path, table(words).encode(encoding))
    assert (raw.encoding, set(raw.cells["city"])) == (encoding, set(words))


def test_bytes_behind_megabytes_of_ascii_are_seen(tmp_path: Path) -> None:
    content = table(["Rome"], 60_000).encode() + "X1,3,Москва,No\nX2,3,Казань,No\n".encode("cp1251")
    raw = read(tmp_path, content)
    assert (raw.encoding, raw.cells["city"].iloc[-1]) == ("cp1251", "Казань")


def test_ascii_asks_nothing_and_utf_8_is_kept(tmp_path: Path) -> None:
    assert read(tmp_path, table(["Rome"]).encode()).found == FileFormat()
    raw = read(tmp_path, table(["Rōma"]).encode())
    assert (raw.found, raw.remarks) == (FileFormat(encoding="utf-8"), ())


def test_next_months_file_of_another_encoding(tmp_path: Path) -> None:
    words = WORDS["cp1251"]
    # UTF-8 tells itself
    raw = read(tmp_path, table(words).encode(), FileFormat(encoding="cp1251"))
    assert (raw.encoding, set(raw.cells["city"])) == ("utf-8", set(words))
    for key in ("utf-8", "gb18030"):
        with pytest.raises(DataError) as caught:
            read(tmp_path, table(["Ёж", "Łя"[1:]]).encode("cp1251"), FileFormat(encoding=key))
        message = str(caught.value)
        assert f"customers.csv is not {key.upper()} text (line " in message
        assert "--encoding" in message or "UTF-8" in message


def test_a_key_holds_where_the_bytes_happen_to_be_utf_8(tmp_path: Path) -> None:
    content = table(["山"]).encode("gbk")
    content.decode("utf-8")
    assert read(tmp_path, content, FileFormat(encoding="gbk")).cells["city"].iloc[0] == "山"


def test_mixed_encodings_name_the_line(tmp_path: Path) -> None:
    content = table(["Łódź", "Köln"]).encode() + "X,3,Köln,No\n".encode("cp1252")
    with pytest.raises(DataError, match=r"is not UTF-8 text \(line 62, byte 0xf6\)"):
        read(tmp_path, content)
