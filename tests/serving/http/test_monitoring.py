"""How often the metrics are rendered, and where."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from churn_pipeline.serving.http.exchange import Request
from churn_pipeline.serving.http.monitoring import LASTING_SECONDS, Monitoring
from churn_pipeline.serving.settings import ServingSettings


class Metrics:
    """Counts what is asked of it."""

    def __init__(self) -> None:
        self.flushed = 0
        self.rendered = 0
        self.threads: set[int] = set()
        self.may_end = threading.Event()
        self.may_end.set()
        self.error: Exception | None = None

    def flush(self) -> None:
        self.flushed += 1

    def render(self) -> bytes:
        self.threads.add(threading.get_ident())
        self.rendered += 1
        assert self.may_end.wait(20)
        if self.error is not None:
            raise self.error
        return b"text %d" % self.rendered


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    made = Metrics()
    yield made
    made.may_end.set()


class Page:
    """The route with a clock of the test's own."""

    def __init__(self, metrics: Metrics) -> None:
        self.now = 100.0
        worker: Any = SimpleNamespace(metrics=metrics, settings=ServingSettings())
        self._monitoring = Monitoring(worker, lambda: self.now)

    async def ask(self) -> bytes:
        no_body: Any = None
        answer = await self._monitoring.metrics(Request("1", {}, None, no_body))
        return bytes(answer.content)


async def _many(page: Page, n: int) -> set[bytes]:
    return set(await asyncio.gather(*(page.ask() for _ in range(n))))


def test_a_flood_is_answered_by_one_text_a_second(metrics: Metrics) -> None:
    page = Page(metrics)

    async def flood() -> None:
        assert await _many(page, 200) == {b"text 1"}
        page.now += LASTING_SECONDS * 0.99
        assert await _many(page, 200) == {b"text 1"}
        page.now += LASTING_SECONDS * 0.02
        assert await _many(page, 200) == {b"text 2"}

    asyncio.run(flood())
    assert (metrics.rendered, metrics.flushed) == (2, 2)


def test_others_are_answered_while_the_text_is_rendered(metrics: Metrics) -> None:
    page = Page(metrics)
    metrics.may_end.clear()

    async def both() -> None:
        asked = asyncio.create_task(page.ask())
        while not metrics.rendered:
            await asyncio.sleep(0)  # the loop goes on
        assert not asked.done()
        metrics.may_end.set()
        assert await asked == b"text 1"

    asyncio.run(both())
    assert threading.get_ident() not in metrics.threads


def test_a_client_that_leaves_takes_the_text_from_nobody(metrics: Metrics) -> None:
    page = Page(metrics)
    metrics.may_end.clear()

    async def two() -> None:
        first, second = asyncio.create_task(page.ask()), asyncio.create_task(page.ask())
        while not metrics.rendered:
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        metrics.may_end.set()
        assert await second == b"text 1"

    asyncio.run(two())


def test_after_a_failure_the_next_one_tries_again(metrics: Metrics) -> None:
    page = Page(metrics)
    metrics.error = OSError("gone")

    async def twice() -> None:
        with pytest.raises(OSError, match="gone"):
            await page.ask()
        metrics.error = None
        assert await page.ask() == b"text 2"

    asyncio.run(twice())
