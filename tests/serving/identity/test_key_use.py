from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from churn_pipeline.serving.identity.key_use import KeyUse, read_uses


def at(minute: int, second: int = 0) -> datetime:
    return datetime(2026, 1, 2, 3, minute, second, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "key_use.json"


def test_the_last_minute_is_kept_over_workers_and_restarts(path: Path) -> None:
    times = [at(4)]
    workers = [KeyUse(path, lambda: times[-1]) for _ in range(2)]
    workers[0].note(["a", "b"])
    times.append(at(5))
    workers[1].note(["a"])
    times.append(at(3))  # a clock that was set back
    KeyUse(path, lambda: times[-1]).note(["a", "c"])
    assert read_uses(path) == {
        "a": "2026-01-02T03:05Z",
        "b": "2026-01-02T03:04Z",
        "c": "2026-01-02T03:03Z",
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_minute_is_written_once(path: Path) -> None:
    times = [at(4)]
    use = KeyUse(path, lambda: times[-1])
    use.note([])
    assert not path.exists()
    use.note(["a"])
    first = path.stat().st_ino
    times.append(at(4, 59))
    use.note(["a"])
    assert path.stat().st_ino == first
    times.append(at(5))
    use.note(["a"])
    assert read_uses(path) == {"a": "2026-01-02T03:05Z"}


def test_what_cannot_be_written_is_logged_once_and_written_later(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.write_text("a file where the folder should be")
    use = KeyUse(path, lambda: at(4))
    use.note(["a"])
    use.note(["b"])
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert str(path) in record.getMessage()
    assert read_uses(path) is None
    path.parent.unlink()
    use.note([])
    assert read_uses(path) == {"a": "2026-01-02T03:04Z", "b": "2026-01-02T03:04Z"}


def test_a_broken_file_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"a": ')
    KeyUse(path, lambda: at(4)).note(["b"])
    assert json.loads(path.read_text()) == {"b": "2026-01-02T03:04Z"}


def test_processes_at_once_lose_no_use(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from churn_pipeline.serving.identity.key_use import KeyUse\n"
        "use = KeyUse(Path(sys.argv[1]))\n"
        "for i in range(20): use.note([f'{sys.argv[2]}{i}'])\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in "abc"]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(read_uses(path) or {}) == 60
    assert [p.name for p in path.parent.iterdir() if ".partial" in p.name] == []
