from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from churn_pipeline.serving.http.bounds import CLOSED_AT_ONCE, Bounds
from churn_pipeline.serving.settings import ServingSettings


@dataclass(eq=False)
class Slow:
    """A connection whose client has been too slow."""

    closed: list[float]
    bounds: Bounds
    since: float = 0.0
    is_surplus: bool = False
    is_waiting: bool = field(default=True)

    def check(self, now: float) -> bool:
        self.closed.append(now)
        self.bounds.closed(self)
        return True

    def drop(self) -> None:
        raise AssertionError("there is room")


def test_many_slow_clients_are_closed_a_few_at_a_time() -> None:
    async def closing() -> list[float]:
        bounds = Bounds(replace(ServingSettings(), request_seconds=0.2), lambda reason: None)
        closed: list[float] = []
        for _ in range(5 * CLOSED_AT_ONCE):
            bounds.opened(Slow(closed, bounds))
        while len(closed) < 5 * CLOSED_AT_ONCE:
            await asyncio.sleep(0.005)
        return closed

    moments = asyncio.run(asyncio.wait_for(closing(), timeout=5))
    together = [moments.count(moment) for moment in sorted(set(moments))]
    assert max(together) <= CLOSED_AT_ONCE
    assert len(together) >= 5
