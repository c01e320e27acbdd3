from __future__ import annotations

import asyncio
import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.serving import feedback
from churn_pipeline.serving.feedback import MAX_ID_CHARACTERS, FeedbackLog, read_feedback


def log_in(folder: Path, file_bytes: int = 10**6, max_bytes: int = 10**8) -> FeedbackLog:
    return FeedbackLog(folder, file_bytes, max_bytes)


TODAY = date(2026, 3, 1)
GOOD = {"id": "C-1", "outcome": "churned", "date": "2026-02-28"}


def test_good_feedback_is_taken() -> None:
    entry = read_feedback(GOOD, "id", TODAY)
    assert entry == {"customer_id": "C-1", "outcome": "churned", "date": "2026-02-28"}


def test_blanks_around_an_id_do_not_count_as_in_a_score() -> None:
    entry = read_feedback({**GOOD, "id": " C-1\t"}, "id", TODAY)
    assert isinstance(entry, dict)
    assert entry["customer_id"] == "C-1"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", "   "),
        ("id", "x" * (MAX_ID_CHARACTERS + 1)),
        ("id", 5),
        ("id", None),
        ("outcome", "left"),
        ("outcome", True),
        ("outcome", ["churned"]),
        ("date", "2026-02-30"),
        ("date", "20260228"),
        ("date", "2026-W09-1"),
        ("date", "28.02.2026"),
        ("date", "2026-03-03"),
        ("date", "9999-12-31"),
        ("date", 20260228),
        ("date", "２０２６-02-28"),
    ],
)
def test_a_faulty_field_is_named_without_its_value(field: str, value: Any) -> None:
    errors = read_feedback({**GOOD, field: value}, "id", TODAY)
    assert isinstance(errors, list)
    assert [error["field"] for error in errors] == [field]
    assert field in errors[0]["message"]
    assert len(str(value)) < 4 or str(value) not in errors[0]["message"]


@pytest.mark.parametrize("field", GOOD)
def test_a_missing_field_is_named(field: str) -> None:
    errors = read_feedback({k: v for k, v in GOOD.items() if k != field}, "id", TODAY)
    assert isinstance(errors, list)
    assert [error["field"] for error in errors] == [field]
    assert "missing" in errors[0]["message"]


@pytest.mark.parametrize("content", [None, [], "x", 1, [GOOD]])
def test_feedback_is_an_object(content: Any) -> None:
    assert isinstance(read_feedback(content, "id", TODAY), list)


def test_more_fields_are_refused() -> None:
    errors = read_feedback({**GOOD, "secret": "value"}, "id", TODAY)
    assert isinstance(errors, list)
    assert "secret" not in errors[0]["message"]


def lines(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]


def test_concurrent_entries_are_on_disk_when_they_return_and_share_syncs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def counted(file: int) -> None:
        synced.append(file)
        fsync(file)

    monkeypatch.setattr(os, "fsync", counted)

    async def one(log: FeedbackLog, number: int) -> None:
        await log.append({"customer_id": str(number)})
        assert str(number) in {line["customer_id"] for line in lines(tmp_path)}

    async def many() -> None:
        log = log_in(tmp_path)
        await asyncio.gather(*(one(log, number) for number in range(100)))
        await log.close()

    asyncio.run(many())
    stored = lines(tmp_path)
    assert sorted(int(line["customer_id"]) for line in stored) == list(range(100))
    assert all(line["received"].endswith("Z") for line in stored)
    assert len(synced) < 10


def test_what_could_not_be_stored_is_an_error_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        log = log_in(tmp_path)
        await log.append({"customer_id": "first"})
        with monkeypatch.context() as broken:

            def fail(file: int) -> None:
                raise OSError(28, "No space left on device")

            broken.setattr(os, "fsync", fail)
            with pytest.raises(OSError, match="space"):
                await log.append({"customer_id": "second"})
        await log.append({"customer_id": "third"})
        await log.close()

    asyncio.run(scenario())
    assert [line["customer_id"] for line in lines(tmp_path)] == ["first", "third"]


def test_each_log_has_a_file_of_its_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        for name in ("a", "b"):
            log = log_in(tmp_path)
            await log.append({"customer_id": name})
            await log.close()

    asyncio.run(scenario())
    assert len(list(tmp_path.glob("feedback-*.jsonl"))) == 2


def test_a_log_without_entries_makes_no_file(tmp_path: Path) -> None:
    asyncio.run(log_in(tmp_path / "new").close())
    assert not (tmp_path / "new").exists()


def test_entries_go_to_a_new_file_when_somebody_removed_the_old_one(tmp_path: Path) -> None:
    async def append() -> None:
        log = log_in(tmp_path)
        await log.append({"customer_id": "C-1"})
        for path in tmp_path.iterdir():
            path.unlink()
        await log.append({"customer_id": "C-2"})
        await log.close()

    asyncio.run(append())
    (path,) = tmp_path.iterdir()
    assert json.loads(path.read_text())["customer_id"] == "C-2"


def test_a_folder_that_could_not_be_synced_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_file: int) -> None:
        raise OSError(5, "Input/output error")

    async def append() -> None:
        log = log_in(tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fail)
            with pytest.raises(OSError, match="Input/output"):
                await log.append({"customer_id": "C-1"})
        await log.append({"customer_id": "C-2"})
        await log.close()

    asyncio.run(append())
    (path,) = tmp_path.iterdir()
    assert [json.loads(line)["customer_id"] for line in path.read_text().splitlines()] == ["C-2"]


def test_a_full_file_is_followed_by_the_next_and_none_is_removed(tmp_path: Path) -> None:
    async def scenario() -> None:
        log = log_in(tmp_path, file_bytes=1000)
        for number in range(100):
            await log.append({"customer_id": str(number)})
        await log.close()

    asyncio.run(scenario())
    assert [line["customer_id"] for line in lines(tmp_path)] == list(map(str, range(100)))
    sizes = [path.stat().st_size for path in sorted(tmp_path.iterdir())]
    assert len(sizes) > 5
    assert all(1000 <= size < 1200 for size in sizes[:-1])


def test_a_full_folder_refuses_until_files_are_moved_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feedback, "_LOOK_SECONDS", 0.0)
    folder, archive = tmp_path / "feedback", tmp_path / "archive"
    archive.mkdir()
    stored: list[str] = []

    async def append(log: FeedbackLog, number: int) -> None:
        await log.append({"customer_id": str(number)})
        stored.append(str(number))

    async def fill(one: FeedbackLog, two: FeedbackLog) -> None:
        for number in range(0, 1000, 2):
            await append(one, number)
            await append(two, number + 1)

    async def scenario() -> None:
        one, two = (log_in(folder, file_bytes=1000, max_bytes=5000) for _ in range(2))
        with pytest.raises(OSError, match=r"serving\.feedback_max_bytes allows; move files away"):
            await fill(one, two)
        for log in (one, two):
            with pytest.raises(OSError, match="allows"):
                await append(log, 1000)
        assert caplog.text.count("feedback cannot be stored") == 2  # once by each
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 5000
        assert 50 < len(stored) < 100
        for path in list(folder.iterdir()):
            path.rename(archive / path.name)
        await append(one, 1001)
        for log in (one, two):
            await log.close()

    asyncio.run(scenario())
    found = [line["customer_id"] for line in [*lines(folder), *lines(archive)]]
    assert sorted(found) == sorted(stored)
