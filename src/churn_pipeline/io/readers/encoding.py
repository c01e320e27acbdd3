"""How the bytes of a text file are to be read, found from the file itself."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from churn_pipeline.errors import DataError

_CHUNK = 1 << 20
_REMEDY = "save it again with encoding UTF-8"


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, unpacking one whose name ends in ``.gz``."""
    if path.suffix.lower() == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def find_encoding(path: Path) -> str:
    """Return the Python name of a text file's encoding.

    ``utf-16`` and ``utf-8-sig`` by the byte-order mark at its start, else ``utf-8`` where all bytes
    agree with it, else ``cp1252`` (Windows-1252; Latin-1 is the same for all printed characters).

    Raises
    ------
    DataError
        If it is none of them, with the line.
    """
    try:
        with open_bytes(path) as file:
            start = file.read(_CHUNK)
        marked = _of_mark(start)
        if marked is None and start[:4096].count(0) > len(start[:4096]) // 8:
            raise DataError(
                f"{path.name} has zero bytes and no byte-order mark: it is no text, or UTF-16 "
                f"without its mark; {_REMEDY}"
            )
        line = _first_bad_line(path, marked or "utf-8")
        if line is None:
            return marked or "utf-8"
        if marked is None and not _is_mostly_utf8(path):
            line = _first_bad_line(path, "cp1252")
            if line is None:
                return "cp1252"
            raise DataError(
                f"{path.name} is neither UTF-8, UTF-16 nor Windows-1252 text (line {line}); "
                f"{_REMEDY}"
            )
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path.name} cannot be read ({_reason(error)})") from None
    known = "UTF-16" if marked == "utf-16" else "UTF-8"
    raise DataError(f"{path.name} is not {known} text (line {line}); {_REMEDY}")


def _of_mark(start: bytes) -> str | None:
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return None


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield the file's bytes, and an empty text at its end."""
    with open_bytes(path) as file:
        while chunk := file.read(_CHUNK):
            yield chunk
    yield b""


def _first_bad_line(path: Path, encoding: str) -> int | None:
    """Return the line of the first bytes that the encoding cannot be; None if there are none."""
    line = 1
    decoder = codecs.getincrementaldecoder(encoding)()
    for chunk in _chunks(path):
        try:
            line += decoder.decode(chunk, final=not chunk).count("\n")
        except UnicodeDecodeError as error:
            # what the decoder kept of the chunk before stands in front of the chunk
            return line + error.object[: error.start].count(b"\n")
    return None


def _is_mostly_utf8(path: Path) -> bool:
    """Tell whether more characters agree with UTF-8 than not: then the others are damage.

    Text of another encoding has next to no two bytes that happen to be one of UTF-8's characters.
    """
    good = bad = 0
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for chunk in _chunks(path):
        text = decoder.decode(chunk, final=not chunk)
        wrong = text.count("\ufffd")
        bad += wrong
        good += len(text) - len(text.encode("ascii", "ignore")) - wrong
    return good > bad


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
