from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.errors import ParameterError
from churn_pipeline.serving import audit
from churn_pipeline.serving.audit import AuditLog

KEY = bytes(range(32))
NOON = 1_767_268_800.25


def log(folder: Path, max_bytes: int = 1_000_000, files: int = 5) -> AuditLog:
    return AuditLog(folder, 1, max_bytes, files, KEY)


def lines(folder: Path) -> list[dict[str, Any]]:
    """All lines of the worker 1, the oldest first."""
    current = [path for path in [folder / "audit-1.jsonl"] if path.exists()]
    old = sorted(folder.glob("audit-1.*.jsonl"), key=lambda p: -int(p.name.split(".")[1]))
    return [json.loads(line) for p in [*old, *current] for line in p.read_text().splitlines()]


def append(log: AuditLog, number: int = 0) -> None:
    log.append(NOON, "0123abcd", "/v1/score", "3f9a", f"customer {number}", "low", 200)


def test_a_line_says_who_asked_what_and_when(tmp_path: Path) -> None:
    audit_log = log(tmp_path)
    append(audit_log, 7)
    audit_log.append(NOON + 1, None, "/v1/score", None, None, None, 401)
    assert lines(tmp_path) == []  # nothing is written while a request waits
    audit_log.flush()
    customer = hashlib.blake2b(b"customer 7", key=KEY, digest_size=16).hexdigest()
    assert lines(tmp_path) == [
        {"time": "2026-01-01T12:00:00.250000Z", "key": "0123abcd", "route": "/v1/score",
         "model": "3f9a", "customer": customer, "tier": "low", "status": 200},
        {"time": "2026-01-01T12:00:01.250000Z", "key": None, "route": "/v1/score",
         "model": None, "customer": None, "tier": None, "status": 401},
    ]  # fmt: skip
    audit_log.flush()
    assert len(lines(tmp_path)) == 2


def test_ids_do_not_stand_in_the_file_and_need_the_key(tmp_path: Path) -> None:
    first, second = log(tmp_path / "a"), AuditLog(tmp_path / "b", 1, 10**6, 5, bytes(32))
    for audit_log in (first, second):
        append(audit_log, 7)
        append(audit_log, 7)
        audit_log.flush()
    assert "customer 7" not in (tmp_path / "a" / "audit-1.jsonl").read_text()
    a, b = ({line["customer"] for line in lines(tmp_path / name)} for name in ("a", "b"))
    assert len(a) == len(b) == 1  # one customer's lines can be found
    assert a != b


def test_a_batch_gives_a_line_a_customer(tmp_path: Path) -> None:
    audit_log = log(tmp_path)
    for customer, tier, status in (("a", "low", 200), ("b", "high", 200), (None, None, 422)):
        audit_log.append(NOON, "0123abcd", "/v1/score/batch", "3f9a", customer, tier, status)
    audit_log.flush()
    found = [(line["tier"], line["status"]) for line in lines(tmp_path)]
    assert found == [("low", 200), ("high", 200), (None, 422)]


def test_half_a_surrogate_pair_is_an_id_too(tmp_path: Path) -> None:
    audit_log = log(tmp_path)
    audit_log.append(NOON, None, "/v1/score", None, "\ud800", None, 200)
    audit_log.flush()
    assert len(lines(tmp_path)) == 1


@pytest.mark.parametrize("files", [1, 2, 4])
def test_full_files_are_rotated_and_the_oldest_lines_go(tmp_path: Path, files: int) -> None:
    audit_log = log(tmp_path, max_bytes=30_000, files=files)
    n = 2000
    for number in range(n):
        audit_log.append(NOON + number, "0123abcd", "/v1/score", "3f9a", "c", "low", 200)
        if number % 300 == 0:
            audit_log.flush()
    audit_log.flush()
    names = {path.name for path in tmp_path.glob("audit-*")}
    assert names == {"audit-1.jsonl"} | {f"audit-1.{age}.jsonl" for age in range(1, files)}
    assert all(path.stat().st_size <= 30_000 for path in tmp_path.glob("audit-*"))
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())
    times = [line["time"] for line in lines(tmp_path)]
    assert times == sorted(times)
    assert len(set(times)) == len(times) > 60  # those that are kept follow each other
    last = lines(tmp_path)[-1]["time"]
    assert last.startswith("2026-01-01T12:33:19")  # noon and 1,999 seconds
    assert audit_log.lost == 0


def test_lines_follow_those_of_the_run_before(tmp_path: Path) -> None:
    for _ in range(2):
        audit_log = log(tmp_path)
        append(audit_log)
        audit_log.flush()
    with (tmp_path / "audit-1.jsonl").open("a") as file:
        file.write('{"time": "20')  # what a power cut may leave
    audit_log = log(tmp_path)
    append(audit_log)
    audit_log.flush()
    content = (tmp_path / "audit-1.jsonl").read_text().splitlines()
    assert len(content) == 4
    assert json.loads(content[3])["status"] == 200


def test_workers_have_files_of_their_own(tmp_path: Path) -> None:
    for worker in (1, 2):
        audit_log = AuditLog(tmp_path, worker, 10**6, 5, KEY)
        append(audit_log)
        audit_log.flush()
    assert (tmp_path / "audit-1.jsonl").read_text() == (tmp_path / "audit-2.jsonl").read_text()


def test_noting_goes_on_while_lines_are_written(tmp_path: Path) -> None:
    audit_log = log(tmp_path)
    stop = threading.Event()

    def flush() -> None:
        while not stop.is_set():
            audit_log.flush()

    threads = [threading.Thread(target=flush) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(5000):
        append(audit_log, number)
    stop.set()
    for thread in threads:
        thread.join()
    audit_log.flush()
    assert len({line["customer"] for line in lines(tmp_path)}) == len(lines(tmp_path)) == 5000


FULL_DISK = """
import logging, resource, signal, sys
from pathlib import Path
from churn_pipeline.serving.audit import AuditLog
logging.basicConfig(format="%(message)s")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
log = AuditLog(Path(sys.argv[1]), 1, 10**6, 5, bytes(32))
for number in range(40):
    log.append(1e9 + number, "0123abcd", "/v1/score", "3f9a", "c", "low", 200)
    log.flush()
print("lost", log.lost)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.append(2e9, "0123abcd", "/v1/score", "3f9a", "c", "low", 200)
log.flush()
"""


def test_a_full_disk_costs_lines_but_neither_the_service_nor_torn_lines(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    found = lines(tmp_path)
    lost = int(done.stdout.split()[1])
    assert 0 < lost < 40
    assert len(found) == 40 - lost + 1
    assert found[-1]["time"].startswith("2033")
    first, second = done.stderr.splitlines()
    assert "audit-1.jsonl cannot be written" in first
    assert second == f"the audit log is written again; lines lost so far: {lost}"


def test_what_waits_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audit, "_WAITING_LINES", 10)
    audit_log = log(tmp_path)
    for number in range(25):
        append(audit_log, number)
    with caplog.at_level(logging.ERROR):
        audit_log.flush()
    assert audit_log.lost == 15
    assert len(lines(tmp_path)) == 10
    assert "15 lines" in caplog.text


def test_a_folder_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ParameterError, match=r"file.* cannot be written .*serving\.audit_log"):
        log(tmp_path / "file" / "audit")


def test_the_folder_is_private(tmp_path: Path) -> None:
    log(tmp_path / "a" / "audit")
    assert (tmp_path / "a" / "audit").stat().st_mode & 0o777 == 0o700
