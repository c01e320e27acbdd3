from __future__ import annotations

import io
import sys

import pytest

from churn_pipeline import progress
from churn_pipeline.progress import Progress


class Clock:
    """Seconds that pass only where a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_line_every_ten_seconds_says_how_much_is_left(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="churn_pipeline"), Progress("scored", 4000) as steps:
        for _ in range(8):
            clock.now += 4
            steps.advance(500)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "  scored 1,500 of 4,000 rows, 20 s left",
        "  scored 3,000 of 4,000 rows, 8 s left",
    ]


def test_what_an_earlier_run_has_done_does_not_make_this_one_fast(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="churn_pipeline")
    with Progress("checked", 10_000, is_about=True) as steps:
        steps.skip(8000)
        clock.now += 20
        steps.advance(1000)
    assert [record.getMessage() for record in caplog.records] == [
        "  checked 9,000 of about 10,000 rows, 20 s left"
    ]


def test_without_a_total_what_is_done_is_said(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="churn_pipeline"), Progress("read", None) as steps:
        clock.now += 11
        steps.advance(20_000)
    assert [record.getMessage() for record in caplog.records] == ["  read 20,000 rows"]


def test_a_terminal_shows_a_bar_and_no_lines(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with caplog.at_level("INFO", logger="churn_pipeline"), Progress("scored", 10) as steps:
        clock.now += 60
        steps.advance(10)
    assert "scored" in terminal.getvalue()
    assert not caplog.records
