"""Files as their first bytes tell: compressed ones unpacked, what is no table refused."""

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from churn_pipeline.errors import DataError

# what broken or foreign compressed files raise
UNREADABLE = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException)
_START = 1 << 12
_GZIP, _BZIP2, _XZ, _ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_COMPRESSED = (_GZIP, _BZIP2, _XZ, _ZSTD)
_KINDS = (
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"II*\x00", "a picture"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"ARROW1", "an Arrow file"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"$FL2", "an SPSS file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
)
_REMEDIES = {
    "a Parquet file": "name it .parquet",
    "an SQLite database": "read one of its tables with sqlite:///FILE::TABLE",
    "an Excel workbook": "name it .xlsx",
}
_HTML = re.compile(rb"\s*(?:<!doctype html|<html|<head|<table|<body|<meta)", re.IGNORECASE)
_XML = re.compile(rb"\s*<\?xml")
_TEXTUAL = ("an HTML page", "an XML file", "a JSON array")


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file; one compressed by gzip, bzip2, xz, zstd or zip is unpacked on the way.

    Raises
    ------
    DataError
        If a zip archive has more files than one, or a password.
    OSError, EOFError, zlib.error, lzma.LZMAError
        If it cannot be read, here or later.
    """
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(_GZIP) or path.suffix.lower() == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if start.startswith(_BZIP2) or path.suffix.lower() == ".bz2":
        return cast(IO[bytes], bz2.open(path, "rb"))
    if start.startswith(_XZ) or path.suffix.lower() == ".xz":
        return cast(IO[bytes], lzma.open(path, "rb"))
    if start.startswith(_ZSTD) or path.suffix.lower() == ".zst":
        return cast(IO[bytes], io.BufferedReader(cast(io.RawIOBase, _Zstandard(path))))
    if start.startswith(_ZIP) or path.suffix.lower() == ".zip":
        return _only_member(path)
    return path.open("rb")


def is_compressed(path: Path) -> bool:
    """Tell whether :func:`open_bytes` unpacks a file."""
    with path.open("rb") as file:
        start = file.read(8)
    suffixes = (".gz", ".bz2", ".xz", ".zst", ".zip")
    return start.startswith((*_COMPRESSED, _ZIP)) or path.suffix.lower() in suffixes


class _Zstandard(io.RawIOBase):
    def __init__(self, path: Path) -> None:
        self._stream = pa.input_stream(str(path), compression="zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _only_member(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not member.filename.startswith(("__MACOSX/", "."))
    ]
    if len(members) != 1:
        names = ", ".join(member.filename for member in members[:10]) or "none"
        raise DataError(
            f"{path.name} is an archive of {len(members)} files ({names}), but one table is "
            "needed; unpack the right one"
        )
    if members[0].flag_bits & 1:
        raise DataError(f"{path.name} is an archive with a password; unpack it first")
    return archive.open(members[0])


def kind_of(path: Path) -> str | None:
    """Return what a file is by its first bytes, such as ``a PDF document``; None for plain text."""
    with path.open("rb") as file:
        start = file.read(_START)
    if start.startswith(_ZIP) and zipfile.is_zipfile(path):
        return _kind_of_archive(path)
    if start.startswith(_OLE):
        return "an old workbook (.xls), or one with a password"
    if start.startswith(_COMPRESSED):
        return None
    for mark, kind in _KINDS:
        if start.startswith(mark):
            return kind
    if _HTML.match(start):
        return "an HTML page"
    if _XML.match(start):
        return "an XML file"
    if re.match(rb"\s*\[\s*\{", start):
        return "a JSON array"
    return None


def _kind_of_archive(path: Path) -> str | None:
    try:
        names = zipfile.ZipFile(path).namelist()
    except zipfile.BadZipFile:
        return None
    if "xl/workbook.xml" in names:
        return "an Excel workbook"
    if "xl/workbook.bin" in names:
        return "a binary workbook (.xlsb)"
    if "content.xml" in names and "mimetype" in names:
        return "an OpenDocument file (.ods)"
    if "word/document.xml" in names:
        return "a Word document"
    return None


def refuse_foreign(path: Path) -> None:
    """Refuse a file that is no text, or text that is no table.

    Raises
    ------
    DataError
        With what it is, and what to do.
    """
    kind = kind_of(path)
    if kind is None:
        return
    remedy = _REMEDIES.get(kind)
    if remedy is None and kind == "a JSON array":
        remedy = "write one object per line (.jsonl)"
    elif remedy is None:
        remedy = "open it in the program that created it and save the table as CSV"
    raise DataError(f"{path.name} is {kind}, not a text table; {remedy}")
