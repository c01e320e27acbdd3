"""Whether the files of an audit log are as they were written."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from churn_pipeline.serving.audit.chain import NO_HASH, ChainKey, SealedLine, read_sealed
from churn_pipeline.serving.audit.journal import journal_path, read_journal
from churn_pipeline.serving.audit.names import file_path, log_files
from churn_pipeline.serving.audit.report import LogReport, Position

MAX_PROBLEMS = 20
"""Of one log; then its verification ends."""


class _Head(msgspec.Struct):
    log: str
    n: int
    event: str
    number: int
    after: str
    keep: int
    audit_key: str | None


class _Torn(msgspec.Struct):
    event: str = ""
    bytes: int = -1


def verify_folder(
    folder: Path,
    audit_keys: Sequence[bytes],
    heads: Mapping[str, Position] | None = None,
    *,
    accept_unkeyed: bool = False,
) -> list[LogReport]:
    """Read all logs of a folder and check every line against the one before.

    Parameters
    ----------
    folder : Path
    audit_keys : sequence of bytes
        With which the logs may have been written.
    heads : mapping of str to Position, optional
        Where the logs ended before, by name: these lines must still be there.
    accept_unkeyed : bool
        Whether a log may end in a file without a key although there is one.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    keys = {key.fingerprint: key for key in (ChainKey(None), *map(ChainKey, audit_keys))}
    must_be_keyed = bool(audit_keys) and not accept_unkeyed
    names = sorted(log_files(folder)) if folder.is_dir() else []
    expected = heads or {}
    reports = []
    for log in sorted({*names, *expected}):
        for attempt in range(3):
            verification = _Verification(folder, log, keys, must_be_keyed, expected.get(log))
            try:
                reports.append(verification.run())
                break
            except FileNotFoundError:  # rotated away while it was read
                if attempt == 2:
                    raise
    return reports


class _Verification:
    def __init__(
        self,
        folder: Path,
        log: str,
        keys: Mapping[str | None, ChainKey],
        must_be_keyed: bool,
        expected: Position | None,
    ) -> None:
        self._folder = folder
        self._keys = keys
        self._must_be_keyed = must_be_keyed
        self._expected = expected
        self._report = LogReport(log)
        self._seen_expected = False
        self._before: str | None = None  # hash of the line before; None: not known
        self._n: int | None = None
        self._lowest = 1  # number that retention has left

    def run(self) -> LogReport:
        report = self._report
        files = log_files(self._folder).get(report.log, {})
        if not files:
            report.problems.append(f"{self._folder}: all files of {report.log} are missing")
            return report
        numbers = list(files)
        for number in range(numbers[0] + 1, numbers[-1]):
            if number not in files:
                self._problem(f"{files[numbers[0]].with_name(self._name(number))} is missing")
        key: ChainKey | None = None
        for number in numbers:
            if number - 1 not in files and number != numbers[0]:
                self._before = self._n = None
            key = self._file(number, files[number]) or key
            report.files += 1
            if len(report.problems) >= MAX_PROBLEMS:
                report.notes.append(f"{report.log}: further problems are not listed")
                break
        else:
            self._finish(numbers, files, key)
        return report

    def _finish(self, numbers: list[int], files: Mapping[int, Path], key: ChainKey | None) -> None:
        missing = [self._name(number) for number in range(self._lowest, numbers[0])]
        if missing:
            self._problem(
                f"{files[numbers[0]]}: the files before it should still be there, but are missing: "
                f"{', '.join(missing)}"
            )
        self._waiting()
        last = files[numbers[-1]]
        if key is not None and key.fingerprint is None and self._must_be_keyed:
            self._problem(
                f"{last}: it is chained without a key though there is one, so anybody who may "
                "write it may have forged it; if the service ran without a file of keys, say "
                "--accept-unkeyed"
            )
        if self._expected is not None and not self._seen_expected:
            gone = self._expected.number < numbers[0]
            if not gone or self._expected.number >= self._lowest:
                self._problem(
                    f"{file_path(self._folder, self._report.log, self._expected.number)}: line "
                    f"number {self._expected.n}, which was the last one at an earlier "
                    "verification, is missing or another one"
                )
        if self._n is not None and self._before is not None:
            self._report.end = Position(numbers[-1], self._n, self._before)

    def _waiting(self) -> None:
        """Note lines that are not in the file yet."""
        path = journal_path(self._folder, self._report.log)
        count = len(read_journal(path, self._n or 0))
        if count:
            self._report.notes.append(
                f"{path}: {count} lines wait here; the service moves them to the log, after a kill "
                "when it starts again"
            )

    def _name(self, number: int) -> str:
        return file_path(self._folder, self._report.log, number).name

    def _problem(self, sentence: str) -> None:
        if len(self._report.problems) < MAX_PROBLEMS:
            self._report.problems.append(sentence)

    def _file(self, number: int, path: Path) -> ChainKey | None:
        """Check one file; return its key.

        What a power cut took away at its end is covered by the first line of the next file.
        """
        key: ChainKey | None = None
        torn: tuple[int, bytes] | None = None
        place = 0
        for place, line in _lines(path):
            sealed = read_sealed(line)
            if sealed is None or not line.endswith(b"\n"):
                if torn is not None:
                    self._problem(f"{path}, line {torn[0]}: it is not a line of an audit log")
                torn = place, line
                continue
            if torn is not None:
                self._check_torn(path, *torn, sealed)
                torn = None
            if place == 1:
                key = self._head(number, path, sealed)
                if key is None:
                    return None
            elif key is None:
                self._problem(f"{path}, line 1: the first line of the file is missing or damaged")
                self._before = self._n = None
                return None
            self._check(path, place, sealed, key)
            self._report.lines += 1
        if torn is not None:
            if torn[1].endswith(b"\n"):
                self._problem(f"{path}, line {torn[0]}: it is not a line of an audit log")
            else:
                self._report.notes.append(
                    f"{path}, line {place}: the last line is torn, as a killed process or a power "
                    "cut leaves it"
                )
        elif not place:
            self._report.notes.append(f"{path}: it is empty, as a power cut leaves it")
        return key

    def _check_torn(self, path: Path, place: int, line: bytes, after: SealedLine) -> None:
        note = _decoded(after, _Torn)
        if note is not None and (note.event, note.bytes) == ("torn_line", len(line) - 1):
            self._report.notes.append(
                f"{path}, line {place}: it is torn, as a killed process or a power cut leaves it"
            )
        else:
            self._problem(f"{path}, line {place}: it is not a line of an audit log; it was changed")

    def _head(self, number: int, path: Path, sealed: SealedLine) -> ChainKey | None:
        head = _decoded(sealed, _Head)
        if head is None or head.event != "file":
            self._problem(f"{path}, line 1: the first line of the file is missing or damaged")
            self._before = self._n = None
            return None
        if (head.log, head.number) != (self._report.log, number):
            self._problem(
                f"{path}, line 1: the file was written as "
                f"{file_path(self._folder, head.log, head.number).name}"
            )
        if head.audit_key not in self._keys:
            self._problem(
                f"{path}, line 1: the file was written with another audit key "
                f"({head.audit_key}), so it cannot be verified; name the file of API keys of that "
                "time by --keys"
            )
            self._before = self._n = None
            return None
        self._lowest = max(self._lowest, number - head.keep + 1)
        if self._before is None:
            self._before, self._n = head.after, sealed.n - 1
            if number == 1 and head.after != NO_HASH:
                self._problem(f"{path}, line 1: it is not the first line of a log")
        elif head.after != self._before:
            missing = sealed.n - 1 - (self._n or 0)
            lines = f"{missing} lines are" if missing > 1 else "a line is"
            self._problem(
                f"{self._name(number - 1)}: {lines} missing at its end, or changed; the next file "
                "goes on after another one"
            )
            self._before, self._n = head.after, sealed.n - 1
        return self._keys[head.audit_key]

    def _check(self, path: Path, place: int, sealed: SealedLine, key: ChainKey) -> None:
        assert self._before is not None
        assert self._n is not None
        if key.hash(self._before.encode(), sealed.hashed) != sealed.hash.encode():
            expected = self._n + 1
            if sealed.log != self._report.log:
                what = f"it is a line of {sealed.log}"
            elif sealed.n > expected:
                count = sealed.n - expected
                lines = f"{count} lines before it are" if count > 1 else "the line before it is"
                what = f"{lines} missing"
            elif sealed.n < expected:
                what = "it was moved or doubled"
            else:
                what = "it was changed"
            self._problem(f"{path}, line {place}: {what}")
        self._before, self._n = sealed.hash, sealed.n
        expected_end = self._expected
        if expected_end is not None and (sealed.n, sealed.hash) == (
            expected_end.n,
            expected_end.hash,
        ):
            self._seen_expected = True


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        yield from enumerate(file, start=1)


def _decoded(sealed: SealedLine, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(sealed.hashed + b"}", type=kind)
    except msgspec.MsgspecError:
        return None
