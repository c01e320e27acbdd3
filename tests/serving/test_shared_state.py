"""Hosts share rates and revoked keys over a real Redis server, and do without one that fails."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise

import pytest

from churn_pipeline.serving import shared_state as module
from churn_pipeline.serving.shared_state import SharedState
from tests.servers import RedisServer, redis_server

HERE = 7.0  # what the limiter of the host answers in these tests


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFRESH_SECONDS", 0.02)
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 1.0)  # this machine may be busy


class Hosts:
    """Workers of some hosts, for the length of a block."""

    def __init__(self, server: RedisServer, n: int = 2, name: str = "production") -> None:
        self.name = name
        self.failures = 0
        self.revoked: list[set[str]] = [set() for _ in range(n)]
        self.states = [self._state(server.address, ids) for ids in self.revoked]

    def _state(self, address: str, ids: set[str]) -> SharedState:
        return SharedState(address, lambda: self.name, lambda *_: HERE, lambda: ids, self._failed)

    def _failed(self) -> None:
        self.failures += 1

    async def __aenter__(self) -> list[SharedState]:
        for state in self.states:
            await state.refresh()
        self.tasks = [asyncio.create_task(state.follow()) for state in self.states]
        return self.states

    async def __aexit__(self, *error: object) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for state in self.states:
            await state.close()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(bounded())


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():
        await asyncio.sleep(0.01)


def test_hosts_share_a_burst_and_a_rate(server: RedisServer) -> None:
    async def scenario() -> None:
        async with Hosts(server) as hosts:
            waits = await asyncio.gather(
                *(host.wait_of("key", 0.01, 7) for _ in range(10) for host in hosts)
            )
            assert waits.count(0.0) == 7
            # a request that was refused does not count: all are told to wait as long as the first
            refused = [wait for wait in waits if wait]
            assert all(99 < wait <= 100.1 for wait in refused)
            assert await hosts[0].wait_of("another", 0.01, 1) == 0.0
            assert await hosts[1].wait_of("another", 0.01, 1) > 0

    run(scenario)


def test_who_waits_as_long_as_told_is_let_through(server: RedisServer) -> None:
    async def scenario() -> None:
        async with Hosts(server) as (one, two):
            assert await one.wait_of("key", 20.0, 1) == 0.0
            for host in (two, one, two):
                wait = await host.wait_of("key", 20.0, 1)
                assert 0 <= wait < 0.0501
                await asyncio.sleep(wait)
                assert await host.wait_of("key", 20.0, 1) == 0.0

    run(scenario)


def test_a_rate_lasts(server: RedisServer) -> None:
    async def scenario() -> None:
        async with Hosts(server) as hosts:
            loop, times = asyncio.get_running_loop(), []
            begin = loop.time()
            while loop.time() < begin + 1.0:
                for host in hosts:
                    if await host.wait_of("key", 50.0, 5) == 0.0:
                        times.append(loop.time() - begin)
            assert len(times) <= 5 + 50 * (loop.time() - begin) + 1
            assert len(times) > 30
            assert all(b >= a for a, b in pairwise(times))

    run(scenario)


def test_a_revoked_key_is_known_everywhere(server: RedisServer) -> None:
    fleet = Hosts(server)

    async def scenario() -> None:
        async with fleet as (one, two):
            fleet.revoked[0].add("0123abcd")

            async def known() -> bool:
                return one.revoked == two.revoked == {"0123abcd"}

            await until(known)
            server.stop()
            server.start()  # without its data
            fleet.revoked[1].add("4567cdef")

            async def all_known() -> bool:
                return one.revoked == two.revoked == {"0123abcd", "4567cdef"}

            await until(all_known)
            async with Hosts(server, 1) as (three,):
                assert three.revoked == {"0123abcd", "4567cdef"}  # before its first request

    run(scenario)


def test_services_of_other_names_share_nothing(server: RedisServer) -> None:
    production, staging = Hosts(server, 1), Hosts(server, 1, name="staging")

    async def scenario() -> None:
        async with production as (one,), staging as (two,):
            assert await one.wait_of("t_5d41402abc4b2a", 0.01, 1) == 0.0
            assert await one.wait_of("t_5d41402abc4b2a", 0.01, 1) > 0
            assert await two.wait_of("t_5d41402abc4b2a", 0.01, 1) == 0.0
            staging.revoked[0].add("0123abcd")
            for host in (two, two, one):
                await host.refresh()
            assert (set(one.revoked), set(two.revoked)) == (set(), {"0123abcd"})

    run(scenario)


@pytest.mark.parametrize("how", ["gone", "silent"])
def test_without_the_server_each_host_counts_and_then_comes_back(
    server: RedisServer, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    fleet = Hosts(server)
    caplog.set_level("INFO")

    async def scenario() -> None:
        async with fleet as (one, two):
            assert await one.wait_of("key", 0.01, 1) == 0.0
            if how == "gone":
                server.stop()
            else:
                server.process.send_signal(signal.SIGSTOP)
            waits = await asyncio.gather(*(h.wait_of("key", 0.01, 1) for h in (one, two) * 5))
            assert set(waits) == {HERE}
            assert fleet.failures >= 2
            # said once by each, not for each request
            assert caplog.text.count("counts the rates of keys by itself") == 2
            if how == "gone":
                server.start()
            else:
                server.process.send_signal(signal.SIGCONT)

            async def both_ask() -> bool:
                return HERE not in [await h.wait_of("other", 1e6, 1000) for h in (one, two)]

            await until(both_ask)
            assert "answers again" in caplog.text

    run(scenario)


def test_a_server_that_cannot_be_written_to_counts_as_failing(server: RedisServer) -> None:
    async def scenario() -> None:
        async with Hosts(server, 1) as (one,):
            await one._redis.config_set("maxmemory", 1)

            async def by_itself() -> bool:
                return await one.wait_of("key", 1e6, 1000) == HERE

            await until(by_itself)
            for _ in range(3):
                await one.refresh()
                assert await by_itself()

    run(scenario)


def test_the_password_is_not_logged(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    address = server.address.replace("redis://", "redis://user:Xq7secret@")

    async def scenario() -> None:
        state = SharedState(address, lambda: "a", lambda *_: HERE, set, lambda: None)
        await state.refresh()
        assert await state.wait_of("key", 1.0, 1) == HERE
        await state.close()

    run(scenario)
    assert f"127.0.0.1:{server.port} fails" in caplog.text
    assert "Xq7secret" not in caplog.text
