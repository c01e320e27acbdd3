r"""Text files in which a backslash precedes a quote within a field, as MySQL writes them."""

import codecs
import io
import re
from pathlib import Path
from typing import IO

from churn_pipeline.io.readers.opening import open_bytes

_CHUNK = 1 << 20


class Unescaped(io.RawIOBase):
    r"""The bytes of a file as UTF-8 whose backslashes escape nothing but quotes and backslashes.

    The reader drops a backslash before any character; those of ``\N`` (null) and ``C:\temp`` are
    doubled here, so that they stay.
    """

    def __init__(self, file: IO[bytes], encoding: str, separator: str, quote: str | None) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._escapable = frozenset(f"\\\r\n{separator}{quote or ''}")
        self._held = ""
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while not self._ready:
            chunk = self._file.read(_CHUNK)
            text = self._held + self._decoder.decode(chunk, final=not chunk)
            n_held = (len(text) - len(text.rstrip("\\"))) % 2 if chunk else 0
            self._held = text[len(text) - n_held :]
            self._ready = re.sub(r"(?s)\\(.?)", self._doubled, text[: len(text) - n_held]).encode()
            if not chunk:
                break
        taken = self._ready[: len(buffer)]
        buffer[: len(taken)] = taken
        self._ready = self._ready[len(taken) :]
        return len(taken)

    def _doubled(self, match: re.Match[str]) -> str:
        return match[0] if match[1] in self._escapable and match[1] else f"\\\\{match[1]}"

    def close(self) -> None:
        self._file.close()
        super().close()


def count_escapes(path: Path, encoding: str, separator: str) -> tuple[int, int, int]:
    r"""Count the places of ``\"`` in a file.

    Returns
    -------
    inner : int
        How many are within a field, because neither separator, line end nor quote follows.
    at_end : int
        How many may also be a backslash at the end of a field.
    line : int
        The first line with one.
    """
    end = re.escape(separator)
    is_inner = re.compile(rf'(?<!\\)\\"(?![{end}\r\n"]|$)')
    is_at_end = re.compile(rf'(?<!\\)\\"(?=[{end}\r\n]|$)')
    inner = at_end = first = 0
    with open_bytes(path) as file:
        for number, line in enumerate(io.TextIOWrapper(file, encoding), start=1):
            if '\\"' not in line:
                continue
            counts = len(is_inner.findall(line)), len(is_at_end.findall(line))
            inner, at_end = inner + counts[0], at_end + counts[1]
            first = first or (number if any(counts) else 0)
    return inner, at_end, first
