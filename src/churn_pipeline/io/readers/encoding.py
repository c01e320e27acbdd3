"""How the bytes of a text file are to be read, found from the file itself."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from churn_pipeline.errors import DataError
from churn_pipeline.io.readers.guess import Guess, rank_encodings
from churn_pipeline.io.readers.opening import UNREADABLE, open_bytes

_CHUNK = 1 << 20
_REMEDY = "save it again with encoding UTF-8"
_LONGEST_SAMPLE = 1 << 16
_WORD = re.compile(rb'[^\x00-\x1f,;"]*[\x80-\xff][^\x00-\x1f,;"]*')
_CONTROLS = re.compile(rb"[\x00\x02-\x08\x0b\x0e-\x19\x1b-\x1e]")
_MOST_WORDS_AGAINST = 2


@dataclass(frozen=True)
class Encoding:
    """What a file is encoded in.

    Attributes
    ----------
    name : str
        Python's name.
    is_ascii : bool
        Whether any other would do as well.
    guesses : tuple of Guess
        Where it was guessed: what it may be, the best first, with samples.
    has_escapes : bool
        Whether a quote follows a backslash somewhere.
    zero_line : int, optional
        The first line with a NUL character.
    """

    name: str
    is_ascii: bool = False
    guesses: tuple[Guess, ...] = ()
    has_escapes: bool = False
    zero_line: int | None = None


def find_encoding(path: Path, given: str | None = None) -> Encoding:
    """Return the encoding of a text file.

    A byte-order mark tells; else UTF-8 where all bytes agree with it; else the one that is given;
    else UTF-16 by its zero bytes; else the likeliest, see
    :func:`churn_pipeline.io.readers.guess.rank_encodings`.

    Parameters
    ----------
    path : Path
    given : str, optional
        What a file is that is neither marked nor UTF-8.

    Raises
    ------
    DataError
        If it is none of them, with the line.
    """
    try:
        with open_bytes(path) as file:
            start = file.read(_CHUNK)
        name = _of_mark(start) or _of_zeros(start, path)
        if name is not None:
            return _checked(path, name)
        scan = _scan(path, "utf-8")
        if scan.bad_line is None:
            if given and not scan.is_ascii and codecs.lookup(given).name != "utf-8":
                return _of_two(path, given, scan)
            return Encoding("utf-8", scan.is_ascii, (), scan.has_escapes, scan.zero_line)
        if given is not None:
            return _checked(path, given)
        if len(_CONTROLS.findall(start[:4096])) > len(start[:4096]) // 100:
            raise DataError(
                f"{path.name} is not a text file (it contains control characters); a table is "
                "needed"
            )
        if _is_mostly_utf8(path):
            raise _not(path, "utf-8", scan)
        return _guessed(path)
    except UNREADABLE as error:
        raise DataError(f"{path.name} cannot be read ({_reason(error)})") from None


def _of_mark(start: bytes) -> str | None:
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    # before UTF-16, whose mark is the beginning of this one
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return None


def _of_zeros(start: bytes, path: Path) -> str | None:
    """Tell UTF-16 and UTF-32 without a mark by the places of the zero bytes."""
    head = start[:4096]
    shares = [head[i::4].count(0) / max(1, len(head[i::4])) for i in range(4)]
    for name, empty in (("utf-32-le", (2, 3)), ("utf-32-be", (0, 1))):
        if min(shares[i] for i in empty) > 0.95 and _is_table(head, name):
            return name
    even, odd = (shares[0] + shares[2]) / 2, (shares[1] + shares[3]) / 2
    name = "utf-16-le" if odd > even else "utf-16-be"
    if max(even, odd) > 0.03 and min(even, odd) < 0.01 and _is_table(head, name):
        return name
    if head.count(0) > len(head) // 8:
        raise DataError(
            f"{path.name} has zero bytes and no byte-order mark: it is not text, or it is UTF-16 "
            f"or UTF-32 without a mark; {_REMEDY}"
        )
    return None


def _is_table(head: bytes, encoding: str) -> bool:
    text = head.decode(encoding, "replace")
    return "\n" in text and any(separator in text for separator in ",;\t|")


@dataclass
class _Scan:
    bad_line: int | None = None
    bad_bytes: bytes = b""
    is_ascii: bool = True
    has_escapes: bool = False
    zero_line: int | None = None


def _scan(path: Path, encoding: str) -> _Scan:
    """Read the file once: the line of the first bytes that the encoding cannot be, and more."""
    found = _Scan()
    line = 1
    decoder = codecs.getincrementaldecoder(encoding)()
    is_plain = encoding.startswith("utf-8")
    last = ""
    for chunk in _chunks(path):
        try:
            if is_plain and chunk.isascii() and not decoder.getstate()[0]:
                text = chunk.decode("ascii")
            else:
                text = decoder.decode(chunk, final=not chunk)
                found.is_ascii = found.is_ascii and text.isascii()
        except UnicodeDecodeError as error:
            # what the decoder kept of the previous chunk precedes the chunk
            found.bad_line = line + error.object[: error.start].count(b"\n")
            found.bad_bytes = error.object[error.start : error.end][:4]
            return found
        if not found.has_escapes and ('\\"' in text or (last == "\\" and text[:1] == '"')):
            found.has_escapes = True
        if found.zero_line is None and (place := text.find("\0")) >= 0:
            found.zero_line = line + text.count("\n", 0, place)
        line += text.count("\n")
        last = text[-1:] or last
    return found


def _checked(path: Path, name: str) -> Encoding:
    scan = _scan(path, name)
    if scan.bad_line is not None:
        raise _not(path, name, scan)
    return Encoding(name, False, (), scan.has_escapes, scan.zero_line)


def _of_two(path: Path, given: str, scan: _Scan) -> Encoding:
    """Choose between UTF-8 and what is given where the bytes agree with the former.

    Few texts of another encoding happen to be UTF-8: up to two different words are believed to.
    """
    words = {word for chunk in _chunks(path) for word in _WORD.findall(chunk)}
    if len(words) > _MOST_WORDS_AGAINST or _scan(path, given).bad_line is not None:
        return Encoding("utf-8", False, (), scan.has_escapes, scan.zero_line)
    return _checked(path, given)


def _guessed(path: Path) -> Encoding:
    sample = _sample(path)
    worst: tuple[str, _Scan] | None = None
    guesses = rank_encodings(sample)
    for number, guess in enumerate(guesses):
        scan = _scan(path, guess.name)
        if scan.bad_line is None:
            left = (guess, *guesses[:number], *guesses[number + 1 :])
            return Encoding(guess.name, False, left, scan.has_escapes, scan.zero_line)
        worst = worst or (guess.name, scan)
    scan = worst[1] if worst else _scan(path, "utf-8")
    raise DataError(
        f"{path.name} has an unknown text encoding (line {scan.bad_line} is neither "
        f"UTF-8{f' nor {worst[0]}' if worst else ''}); {_REMEDY}, or state its encoding "
        "(--encoding, or the key file.encoding of the contract)"
    )


def _sample(path: Path) -> list[bytes]:
    """Return the different words with bytes beyond ASCII, from all over the file."""
    words: dict[bytes, None] = {}
    size = 0
    for chunk in _chunks(path):
        if chunk.isascii():
            continue
        for word in _WORD.findall(chunk):
            if word not in words:
                words[word] = None
                size += len(word)
        if size > _LONGEST_SAMPLE:
            break
    return list(words)


def _not(path: Path, name: str, scan: _Scan) -> DataError:
    shown = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8"}.get(name, name.upper())
    remedy = _REMEDY
    if name not in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        remedy += ", or state its encoding (--encoding, or the key file.encoding of the contract)"
    return DataError(
        f"{path.name} is not {shown} text (line {scan.bad_line}, byte 0x{scan.bad_bytes.hex()}); "
        f"{remedy}"
    )


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield the file's bytes, and an empty text at its end."""
    with open_bytes(path) as file:
        while chunk := file.read(_CHUNK):
            yield chunk
    yield b""


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
