from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from churn_pipeline.serving.audit import AuditLog
from churn_pipeline.serving.audit.chain import ChainKey, End, read_sealed, seal
from churn_pipeline.serving.audit.commands import audit
from churn_pipeline.serving.identity.key_changes import create_key
from churn_pipeline.serving.identity.key_file import read_keys
from tests.serving.audit.support import answer


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    create_key(tmp_path / "keys.json", "tests", ["score"])
    return tmp_path / "keys.json"


def audit_key(keys: Path) -> bytes:
    stored = read_keys(keys)
    assert stored is not None
    return bytes.fromhex(stored.audit_key)


@pytest.fixture
def folder(tmp_path: Path, keys: Path) -> Path:
    """Five files with some ten lines each."""
    log = AuditLog(tmp_path / "audit", 1, 3000, 100, audit_key(keys))
    for number in range(45):
        answer(log, number)
    log.close()
    return tmp_path / "audit"


def verify(folder: Path, keys: Path, *more: str) -> Result:
    arguments = ["verify", "--folder", str(folder), "--keys", str(keys), *more]
    return CliRunner().invoke(audit, arguments)


def path(folder: Path, number: int) -> Path:
    return folder / f"audit-1-{number:06}.jsonl"


def edit(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def edited(folder: Path) -> None:
        lines = path(folder, 2).read_text().splitlines(keepends=True)
        path(folder, 2).write_text("".join(change(lines)))

    return edited


def rechained(folder: Path) -> None:
    """Change a line and chain all that follow anew, as somebody without the key would."""
    key, end = ChainKey(b"another"), None
    for file in sorted(folder.glob("audit-1-*.jsonl")):
        changed = []
        for line in file.read_bytes().splitlines():
            sealed = read_sealed(line)
            assert sealed is not None
            end = end or End(0, "0" * 32)
            record = b"{" + sealed.hashed.split(b",", 2)[2] + b"}"
            (sealed_line,), end = seal("audit-1", key, end, [record.replace(b"low", b"top")])
            changed.append(sealed_line)
        file.write_bytes(b"".join(changed))


def swap_files(folder: Path) -> None:
    path(folder, 2).rename(folder / "x")
    path(folder, 3).rename(path(folder, 2))
    (folder / "x").rename(path(folder, 3))


def test_what_was_written_is_whole(folder: Path, keys: Path) -> None:
    result = verify(folder, keys)
    assert result.exit_code == 0, result.output
    files = len(list(folder.glob("*.jsonl")))
    assert files > 3
    assert f"audit-1: {files} files, {45 + files} lines, whole" in result.output


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (edit(lambda x: [*x[:4], x[4].replace("low", "top"), *x[5:]]), "02.jsonl, line 5: it was"),
        (edit(lambda x: [*x[:4], *x[5:]]), "000002.jsonl, line 5: the line before it is missing"),
        (edit(lambda x: [*x[:4], *x[7:]]), "line 5: 3 lines before it are missing"),
        (edit(lambda x: [*x[:4], x[5], x[4], *x[6:]]), "000002.jsonl, line 5:"),
        (edit(lambda x: [*x[:4], x[3], *x[4:]]), "line 5: it was moved or doubled"),
        (edit(lambda x: [*x[:4], "{}\n", *x[4:]]), "line 5: it is not a line of an audit log"),
        (edit(lambda x: x[:-1]), "000002.jsonl: a line is missing at its end"),
        (edit(lambda x: x[:-3]), "000002.jsonl: 3 lines are missing at its end"),
        (edit(lambda x: [*x[:-1], x[-1][:40]]), "000002.jsonl: a line is missing at its end"),
        (edit(lambda x: x[1:]), "000002.jsonl, line 1: the first line of the file is missing"),
        (lambda folder: path(folder, 2).unlink(), "audit-1-000002.jsonl is missing"),
        (lambda folder: path(folder, 1).unlink(), "are missing: audit-1-000001.jsonl"),
        (lambda folder: path(folder, 2).write_bytes(b""), "000002.jsonl: "),
        (swap_files, "000002.jsonl, line 1: the file was written as audit-1-000003.jsonl"),
        (rechained, "000001.jsonl, line 1:"),
        (lambda folder: [f.unlink() for f in folder.glob("*.jsonl")], "there is no audit log in"),
    ],
)  # fmt: skip
def test_what_was_changed_is_found(
    folder: Path, keys: Path, change: Callable[[Path], object], sentence: str
) -> None:
    change(folder)
    result = verify(folder, keys)
    assert result.exit_code == 1
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_what_retention_removed_is_no_fault_but_one_file_more_is(
    tmp_path: Path, keys: Path
) -> None:
    log = AuditLog(tmp_path / "audit", 1, 3000, 3, audit_key(keys))
    for number in range(60):
        answer(log, number)
    assert verify(tmp_path / "audit", keys).exit_code == 0
    oldest = min((tmp_path / "audit").glob("*.jsonl"))
    oldest.unlink()
    result = verify(tmp_path / "audit", keys)
    assert result.exit_code == 1
    assert oldest.name in result.output


def test_heads_find_a_tail_that_was_cut_off(tmp_path: Path, folder: Path, keys: Path) -> None:
    heads = str(tmp_path / "heads.json")
    before = tmp_path / "before"
    shutil.copytree(folder, before)
    assert verify(folder, keys, "--heads", heads).exit_code == 0
    log = AuditLog(folder, 1, 3000, 100, audit_key(keys))
    for number in range(3):
        answer(log, number)
    log.close()
    assert verify(folder, keys, "--heads", heads).exit_code == 0
    shutil.rmtree(folder)
    shutil.copytree(before, folder)
    assert verify(folder, keys).exit_code == 0  # the files alone do not tell
    result = verify(folder, keys, "--heads", heads)
    assert result.exit_code == 1
    assert "which was the last one at an earlier verification" in result.output
    shutil.rmtree(folder)
    folder.mkdir()
    result = verify(folder, keys, "--heads", heads)
    assert result.exit_code == 1
    assert "all files of audit-1 are missing" in result.output


def test_a_log_of_another_key_needs_that_key(tmp_path: Path, folder: Path, keys: Path) -> None:
    other = tmp_path / "other.json"
    create_key(other, "other", ["score"])
    result = verify(folder, other)
    assert result.exit_code == 1
    assert "another audit key" in result.output
    log = AuditLog(folder, 1, 3000, 100, audit_key(other))
    answer(log)
    log.close()
    assert verify(folder, other).exit_code == 1
    assert verify(folder, other, "--keys", str(keys)).exit_code == 0


def test_a_log_chained_without_a_key_must_be_accepted(tmp_path: Path, keys: Path) -> None:
    log = AuditLog(tmp_path / "audit", 1, 3000, 100, b"own", is_kept=False)
    answer(log)
    log.close()
    assert verify(tmp_path / "audit", keys).exit_code == 1
    assert verify(tmp_path / "audit", keys, "--accept-unkeyed").exit_code == 0
    result = verify(tmp_path / "audit", tmp_path / "none.json")
    assert result.exit_code == 0
    assert "only accidents are found" in result.output


def test_a_customer_is_found_by_the_id(tmp_path: Path, keys: Path) -> None:
    log = AuditLog(tmp_path / "audit", 1, 100_000, 100, audit_key(keys))
    answer(log, 7)
    answer(log, 8, [(f"customer {i}", "low", "3f9a", 200) for i in range(500)])
    log.close()
    command = ["find", "customer 7", "--folder", str(tmp_path / "audit"), "--keys", str(keys)]
    result = CliRunner().invoke(audit, command)
    assert result.exit_code == 0, result.output
    found = [json.loads(line) for line in result.output.splitlines()]
    assert [line["request_id"] for line in found] == ["request 7", "request 8"]
    assert {line["customer"] for line in found} == {found[0]["customer"]}
    assert {(line["tier"], line["model"], line["status"]) for line in found} == {
        ("low", "3f9a", 200)
    }
    assert "customers" not in found[1]
    nobody = CliRunner().invoke(audit, ["find", "nobody", *command[2:]])
    assert "no line about this customer" in nobody.output
