from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from churn_pipeline.errors import ParameterError
from churn_pipeline.serving.audit import AuditLog, AuditUnavailable, log, refusals
from churn_pipeline.serving.audit.stdout import Stdout
from churn_pipeline.serving.audit.verification import verify_folder
from churn_pipeline.serving.settings import AuditFailure
from tests.serving.audit.support import KEY, NOON, answer, answers, asked, lines, opened


def hashed(customer_id: str) -> str:
    return hashlib.blake2b(customer_id.encode(), key=KEY, digest_size=16).hexdigest()


def assert_whole(folder: Path) -> None:
    for report in verify_folder(folder, [KEY]):
        assert report.problems == []


def test_a_line_says_who_asked_what_when_and_from_where(tmp_path: Path) -> None:
    audit_log = opened(tmp_path)
    answer(audit_log, 7)
    (line,) = answers(tmp_path)
    assert {k: v for k, v in line.items() if k not in ("log", "n", "chain")} == {
        "time": "2026-01-01T12:00:07.250000Z",
        "request_id": "request 7",
        "key": "0123abcd",
        "address": "10.0.0.1",
        "route": "/v1/score",
        "status": 200,
        "model": "3f9a",
        "customer": hashed("customer 7"),
        "tier": "low",
    }


def test_one_search_for_the_hash_finds_a_customer_of_a_batch(tmp_path: Path) -> None:
    audit_log = opened(tmp_path)
    customers = [(f"customer {i}", "low" if i % 2 else "high", "3f9a", 200) for i in range(1000)]
    customers[10] = (None, None, "3f9a", 422)  # type: ignore[assignment]
    customers[20] = ("customer 20", "high", "other", 200)
    answer(audit_log, 1, customers)
    found = answers(tmp_path)
    assert sum(len(line["customers"]) for line in found) == 999
    assert sum(line.get("failed", 0) for line in found) == 1
    (line,) = [line for line in found if hashed("customer 777") in json.dumps(line)]
    assert [hashed("customer 777"), "low"] in line["customers"]
    assert (line["key"], line["request_id"]) == ("0123abcd", "request 1")
    assert any([hashed("customer 20"), "high", "other"] in line["customers"] for line in found)
    longest = max(len(text) for p in tmp_path.glob("audit*") for text in p.read_text().splitlines())
    assert longest < 4096  # so that lines of several workers are not mixed in a pipe


def test_a_batch_without_a_good_record_has_a_line(tmp_path: Path) -> None:
    audit_log = opened(tmp_path)
    answer(audit_log, 1, [(None, None, "3f9a", 422)] * 3)
    answer(audit_log, 2, [])
    assert [line.get("failed", 0) for line in answers(tmp_path)] == [3, 0]


def test_ids_need_the_key(tmp_path: Path) -> None:
    for name, key in (("a", KEY), ("b", bytes(32))):
        answer(AuditLog(tmp_path / name, 1, 10**6, 5, key), 7)
    assert "customer 7" not in (tmp_path / "a" / "audit-1-000001.jsonl").read_text()
    assert answers(tmp_path / "a")[0]["customer"] != answers(tmp_path / "b")[0]["customer"]


def test_half_a_surrogate_pair_is_an_id_too(tmp_path: Path) -> None:
    answer(opened(tmp_path), 0, [("\ud800", None, "3f9a", 200)])
    assert len(answers(tmp_path)) == 1


@pytest.mark.parametrize("files", [1, 2, 4])
def test_full_files_are_followed_by_others_and_the_oldest_go(tmp_path: Path, files: int) -> None:
    audit_log = opened(tmp_path, max_bytes=30_000, files=files)
    for number in range(600):
        answer(audit_log, number)
    found = sorted(tmp_path.glob("audit-*"))
    assert len(found) == files
    assert all(path.stat().st_size <= 30_000 for path in found)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())
    kept = [line["request_id"] for line in answers(tmp_path)]
    assert kept == [f"request {number}" for number in range(600 - len(kept), 600)]
    assert_whole(tmp_path)


def test_lines_follow_those_of_the_run_before(tmp_path: Path) -> None:
    for _ in range(3):
        audit_log = opened(tmp_path)
        answer(audit_log)
        audit_log.close()
    assert [line["n"] for line in lines(tmp_path)] == [1, 2, 3, 4]
    assert_whole(tmp_path)


def test_a_torn_line_is_ended_and_noted(tmp_path: Path) -> None:
    audit_log = opened(tmp_path)
    answer(audit_log)
    audit_log.close()
    with (tmp_path / "audit-1-000001.jsonl").open("a") as file:
        file.write('{"log":"audit-1","n":3,"ti')
    (report,) = verify_folder(tmp_path, [KEY])
    assert report.problems == []
    assert "line 3: the last line is torn" in report.notes[0]
    answer(opened(tmp_path))
    (report,) = verify_folder(tmp_path, [KEY])
    assert report.problems == []
    assert "line 3: it is torn" in report.notes[0]
    assert (tmp_path / "audit-1-000001.jsonl").read_text().count("\n") == 5


def test_two_services_on_one_folder_write_to_files_of_their_own(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    answer(first)
    answer(second)
    assert len(answers(tmp_path, "audit-1")) == len(answers(tmp_path, "audit-2")) == 1
    first.close()
    third = opened(tmp_path)
    answer(third)
    assert len(answers(tmp_path, "audit-1")) == 2
    assert_whole(tmp_path)


def test_answers_of_many_threads_and_batches_make_one_chain(tmp_path: Path) -> None:
    audit_log = opened(tmp_path, max_bytes=100_000, files=100)
    stop = threading.Event()

    def flush() -> None:
        while not stop.is_set():
            audit_log.happened("something")
            audit_log.flush()

    thread = threading.Thread(target=flush)
    thread.start()

    async def ask() -> None:
        many = [("a", "low", "3f9a", 200)] * 1000
        await asyncio.gather(
            *(
                audit_log.answered(asked(i), NOON, many if i % 50 == 0 else many[:1])
                for i in range(400)
            )
        )

    asyncio.run(ask())
    stop.set()
    thread.join()
    audit_log.flush()
    assert len({line["request_id"] for line in answers(tmp_path)}) == 400
    assert_whole(tmp_path)


def test_another_key_begins_another_file(tmp_path: Path) -> None:
    audit_log = AuditLog(tmp_path, 1, 10**6, 5, bytes(32), is_kept=False)
    answer(audit_log)
    (report,) = verify_folder(tmp_path, [KEY])
    assert "without a key" in report.problems[0]
    audit_log.use_key(KEY)
    assert_whole(tmp_path)  # the file without a key is vouched for by the next one
    answer(audit_log)
    assert [line["audit_key"] is None for line in lines(tmp_path) if "number" in line] == [
        True,
        False,
    ]
    assert_whole(tmp_path)


def test_a_file_that_is_taken_away_is_followed_by_another(tmp_path: Path) -> None:
    audit_log = opened(tmp_path)
    answer(audit_log, 1)
    (tmp_path / "audit-1-000001.jsonl").unlink()
    answer(audit_log, 2, flush=False)
    answer(audit_log, 3)
    assert [line["request_id"] for line in answers(tmp_path)] == ["request 2", "request 3"]
    (report,) = verify_folder(tmp_path, [KEY])
    assert "audit-1-000001.jsonl" in report.problems[0]


FULL_DISK = """
import asyncio, json, logging, resource, signal, sys
from pathlib import Path
from churn_pipeline.serving.audit import AuditUnavailable
from tests.serving.audit.support import answer, opened, KEY, asked
logging.basicConfig(format="%(message)s")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, failure = Path(sys.argv[1]), sys.argv[2]
log = opened(folder, failure=failure)
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))
sent, many = [], [("a", "low", "3f9a", 200)] * 1000
for number in range(40):
    try:
        answer(log, number, many if number == 5 else None)
        log.flush()
        sent.append(f"request {number}")
    except AuditUnavailable:
        pass
log.refused(asked(0, 403), "scope", 1e9)
log.flush()
lost = log.take_lost()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.flush()
answer(log, 99)
print(json.dumps([sent, lost]))
"""


@pytest.mark.parametrize("failure", ["refuse", "continue"])
def test_a_full_disk_is_never_silent(tmp_path: Path, failure: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), failure],
        capture_output=True,
        text=True,
        check=True,
    )
    sent, lost = json.loads(done.stdout)
    written = list(dict.fromkeys(line["request_id"] for line in answers(tmp_path)))
    gaps = [line for line in lines(tmp_path) if line.get("event") == "audit_gap"]
    if failure == "refuse":
        assert 0 < len(sent) < 40
        assert written == [*sent, "request 99"]
        assert (lost, sum(gap["refused"] for gap in gaps)) == (0, 40 - len(sent))
    else:
        assert len(sent) == 40
        assert 0 < lost == sum(gap["lost"] for gap in gaps) == 41 - len(written) < 40
    said = done.stderr.splitlines()
    assert len(said) == 2 * len(gaps)
    assert all("cannot be written (File too large)" in line for line in said[::2])
    assert all("is written again" in line for line in said[1::2])
    assert len(answers(tmp_path, "refusals-1")) == 0
    assert [line["reason"] for line in lines(tmp_path, "refusals-1")[1:]] == ["scope"]
    assert_whole(tmp_path)


KILLED = """
import sys
from pathlib import Path
from tests.serving.audit.support import answer, opened
log = opened(Path(sys.argv[1]), max_bytes=20_000, files=1000)
for number in range(10**6):
    answer(log, number, flush=number % 150 == 140)
    print(number, flush=True)
"""


def test_a_kill_loses_no_line_of_an_answer_that_was_sent(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(300)]
    process.kill()
    said += process.stdout.read().splitlines(keepends=True)
    process.wait()
    last = max(int(line) for line in said if line.endswith("\n"))
    (report,) = verify_folder(tmp_path, [KEY])
    assert "wait here" in report.notes[0]
    opened(tmp_path, files=1000).close()
    written = [line["request_id"] for line in answers(tmp_path)]
    assert written[: last + 1] == [f"request {number}" for number in range(last + 1)]
    assert_whole(tmp_path)


def test_lines_that_were_moved_before_a_kill_are_not_doubled(tmp_path: Path) -> None:
    audit_log = opened(tmp_path)
    answer(audit_log, 1, flush=False)
    left = (tmp_path / ".audit-1.journal").read_bytes()
    audit_log.close()
    (tmp_path / ".audit-1.journal").write_bytes(left)
    answer(opened(tmp_path), 2)
    assert [line["request_id"] for line in answers(tmp_path)] == ["request 1", "request 2"]
    assert_whole(tmp_path)


def test_a_collector_that_reads_slowly_loses_nothing(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    audit_log = opened(tmp_path, to="both")
    assert audit_log._stdout is not None
    audit_log._stdout = type(audit_log._stdout)(writing)
    read: list[bytes] = []

    def collect() -> None:
        while chunk := os.read(reading, 1000):
            read.append(chunk)

    thread = threading.Thread(target=collect)

    async def ask() -> None:
        many = [("a", "low", "3f9a", 200)] * 3000
        asking = [asyncio.create_task(audit_log.answered(asked(i), NOON, many)) for i in range(10)]
        while audit_log._stdout.has_room():  # type: ignore[union-attr]
            await asyncio.sleep(0)
        assert not all(task.done() for task in asking)
        thread.start()
        await asyncio.gather(*asking)

    asyncio.run(ask())
    audit_log.flush()
    os.close(writing)
    thread.join()
    collected = [json.loads(line) for line in b"".join(read).splitlines()]
    by_number = sorted((line for line in collected if "event" not in line), key=lambda x: x["n"])
    assert by_number == answers(tmp_path)


@pytest.mark.parametrize(("failure", "lost"), [("refuse", 0), ("continue", 1)])
def test_a_collector_that_does_not_read_stops_answers_not_the_process(
    tmp_path: Path, failure: str, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "COLLECTOR_SECONDS", 0.05)
    reading, writing = os.pipe()
    audit_log = opened(tmp_path, to="stdout", failure=failure)
    stdout = audit_log._stdout = Stdout(writing)
    while stdout.has_room():
        stdout.write(b"x" * 4000 + b"\n")
    if failure == "refuse":
        with pytest.raises(AuditUnavailable):
            answer(audit_log)
    else:
        answer(audit_log)
    assert audit_log.take_lost() == lost
    os.close(reading)
    os.close(writing)


def test_refusals_are_counted_in_files_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit_log = opened(tmp_path, max_bytes=3000, files=2)
    answer(audit_log, 7)
    for number in range(3000):
        audit_log.refused(asked(number, 403), "scope", NOON)
        audit_log.refused(asked(number, 401, key=None), "unauthorized", NOON)
    audit_log.flush()
    audit_log.flush(is_over=True)
    assert [line["request_id"] for line in answers(tmp_path)] == ["request 7"]
    found = lines(tmp_path, "refusals-1")
    in_full = [line for line in found if line.get("event") == "refused"]
    assert len(in_full) == 2 * refusals.IN_FULL
    assert {(line["key"], line["reason"], line["status"]) for line in in_full if "key" in line} == {
        ("0123abcd", "scope", 403)
    }
    counted = {line["reason"]: line for line in found if line.get("event") == "refusals"}
    assert {reason: line["count"] for reason, line in counted.items()} == {
        "scope": 3000 - refusals.IN_FULL,
        "unauthorized": 3000 - refusals.IN_FULL,
    }
    assert counted["unauthorized"]["address"] == "10.0.0.1"
    assert_whole(tmp_path)


def test_many_senders_of_refusals_are_bounded_and_none_is_uncounted(tmp_path: Path) -> None:
    audit_log = opened(tmp_path)
    for number in range(5000):
        address = f"10.0.{number // 250}.{number % 250}"
        audit_log.refused(asked(number, 401, key=None, address=address), "unauthorized", NOON)
    audit_log.flush(is_over=True)
    found = lines(tmp_path, "refusals-1")[1:]
    assert len(found) <= refusals.SENDERS + 1
    assert sum(line.get("count", 1) for line in found) == 5000


def test_events_wait_for_a_disk_that_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    audit_log = opened(tmp_path)
    answer(audit_log)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("churn_pipeline.serving.audit.files.append_whole", fail)
        audit_log.flush()
        audit_log.happened("models_in_use", to={"champion": "3f9a"})
        audit_log.flush()
        assert "the audit log cannot be written" in caplog.text
    audit_log.flush()
    events = [line.get("event") for line in lines(tmp_path)]
    assert events == ["file", None, "models_in_use"]
    audit_log.flush()
    assert lines(tmp_path)[-1]["event"] == "audit_gap"


def test_a_start_on_a_full_disk_is_tried_again_with_each_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", fail)
        audit_log = opened(tmp_path)
        for number in range(3):
            with pytest.raises(AuditUnavailable):
                answer(audit_log, number)
    answer(audit_log, 3)
    assert [line["request_id"] for line in answers(tmp_path)] == ["request 3"]
    assert_whole(tmp_path)


def test_a_folder_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ParameterError, match=r"file.* cannot be written .*serving\.audit_log"):
        opened(tmp_path / "file" / "audit")


def test_the_folder_is_private(tmp_path: Path) -> None:
    opened(tmp_path / "a" / "audit")
    assert (tmp_path / "a" / "audit").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("failure", ["refuse", "continue"])
def test_answers_are_refused_before_files_that_nobody_archived_are_removed(
    tmp_path: Path, failure: AuditFailure, caplog: pytest.LogCaptureFixture
) -> None:
    folder, archive = tmp_path / "audit", tmp_path / "archive"
    archive.mkdir()
    log = opened(folder, 2000, 3, full="refuse", failure=failure)
    count = 0
    with suppress(AuditUnavailable):
        while not log.take_lost():
            answer(log, count)
            count += 1
    assert count > 10
    assert len(list(folder.glob("audit-1-*.jsonl"))) == 3
    assert [line["request_id"] for line in answers(folder)][:2] == ["request 0", "request 1"]
    assert "there are 3 files of audit-1 already, serving.audit_files" in caplog.text
    for path in sorted(folder.glob("audit-1-*.jsonl"))[:-1]:
        path.rename(archive / path.name)
    log.flush()
    answer(log, 1000)
    log.close()
    kept = [line["request_id"] for line in [*answers(archive), *answers(folder)]]
    written = count if failure == "refuse" else count - 1
    assert [name for name in kept if name != "request 1000"][:written] == [
        f"request {number}" for number in range(written)
    ]
    assert kept[-1] == "request 1000"
    (report,) = verify_folder(folder, [KEY])
    assert report.problems == []
    for path in folder.glob("audit-1-*.jsonl"):
        path.rename(archive / path.name)
    (report,) = verify_folder(archive, [KEY])
    assert report.problems == []
