"""Hosts share revoked tokens and subjects over a real Redis server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from churn_pipeline.serving import shared_state
from churn_pipeline.serving.identity.caller import Unauthorized
from churn_pipeline.serving.identity.revocations import restore, revoke
from churn_pipeline.serving.identity.shared_revocations import FOREVER, SharedRevocations
from churn_pipeline.serving.identity.token_settings import TokenSettings, read_token_settings
from churn_pipeline.serving.identity.tokens import Tokens
from churn_pipeline.serving.shared_state import SharedState
from tests.servers import RedisServer, redis_server
from tests.serving.identity.provider import AUDIENCE, ISSUER, public_jwk, signed


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    monkeypatch.setattr(shared_state, "TIMEOUT_SECONDS", 1.0)  # this machine may be busy
    with redis_server() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path) -> TokenSettings:
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [public_jwk("ES256")]}))
    section = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "jwks": "jwks.json",
        "scopes": {"a": "score"},
    }
    settings = read_token_settings(section)
    assert settings is not None
    return settings.located(tmp_path, tmp_path / "api_keys.json")


class Host:
    """A worker of a host with a file of revocations of its own, which is not there at first."""

    def __init__(self, settings: TokenSettings, server: RedisServer, name: str) -> None:
        assert settings.revoked is not None
        self.file = settings.revoked.with_name(f"{name}.json")
        self.tokens = Tokens(replace(settings, revoked=self.file))
        shared = SharedRevocations(self.tokens.revoked_here, self.tokens.revoke_elsewhere)
        self.state = SharedState(
            server.address, lambda: "a", lambda *_: 0.0, set, lambda: None, shared
        )

    async def turn(self) -> None:
        """Do what a worker does twice a second."""
        await self.tokens.refresh()
        await self.state.refresh()

    async def refuses(self, token: str) -> bool:
        try:
            await self.tokens.authenticate(b"Bearer " + token.encode())
        except Unauthorized as refusal:
            return refusal.cause == "token_revoked"
        return False


def run(hosts: list[Host], steps: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        try:
            async with asyncio.timeout(60):
                await steps()
        finally:
            for host in hosts:
                await host.state.close()

    asyncio.run(main())


LATER = int(time.time()) + 7200  # the suite may take longer than a token of a usual age
ONE = signed("ES256", jti="token-1", sub="service-1", exp=LATER)
TWO = signed("ES256", jti="token-2", sub="service-2", exp=LATER)


def test_a_token_and_a_subject_are_refused_by_all_hosts(
    settings: TokenSettings, server: RedisServer
) -> None:
    hosts = [Host(settings, server, name) for name in ("one", "two")]
    one = hosts[0]

    async def steps() -> None:
        for host in hosts:
            await host.turn()
            assert [await host.refuses(token) for token in (ONE, TWO)] == [False, False]
        revoke(one.file, jti="token-1")
        revoke(one.file, subject="service-2")
        for host in hosts:
            await host.turn()
            assert [await host.refuses(token) for token in (ONE, TWO)] == [True, True]
        restore(one.file, subject="service-2")
        for host in hosts:
            await host.turn()
            assert [await host.refuses(token) for token in (ONE, TWO)] == [True, False]
        names = await one.state._redis.zrange("churn:a:revoked-tokens", 0, -1)
        assert len(names) == 1
        assert "token" not in names[0]

    run(hosts, steps)


def test_a_host_whose_own_file_names_a_subject_goes_on_refusing(
    settings: TokenSettings, server: RedisServer
) -> None:
    one, two = hosts = [Host(settings, server, name) for name in ("one", "two")]

    async def steps() -> None:
        for host in hosts:
            revoke(host.file, subject="service-1")
            await host.turn()
        restore(one.file, subject="service-1")
        for host in (one, two, one):
            await host.turn()
        assert [await host.refuses(ONE) for host in hosts] == [True, True]
        restore(two.file, subject="service-1")
        for host in (two, one):
            await host.turn()
        assert [await host.refuses(ONE) for host in hosts] == [False, False]

    run(hosts, steps)


def test_what_is_known_holds_while_redis_is_down_and_after_it_lost_its_data(
    settings: TokenSettings, server: RedisServer
) -> None:
    one, two, three = hosts = [Host(settings, server, name) for name in ("one", "two", "three")]

    async def steps() -> None:
        revoke(one.file, jti="token-1")
        for host in (one, two):
            await host.turn()
        server.stop()
        revoke(two.file, subject="service-2")
        for host in (one, two):
            await host.turn()
        assert await one.refuses(ONE)
        assert not await one.refuses(TWO)  # known to the other host alone
        assert [await two.refuses(token) for token in (ONE, TWO)] == [True, True]
        server.start()  # without its data; the host that revoked the first token is gone
        for host in (two, three):
            await host.turn()
        assert [await three.refuses(token) for token in (ONE, TWO)] == [True, True]

    run(hosts, steps)


def test_a_token_is_named_until_it_has_expired_and_a_subject_for_ever(
    settings: TokenSettings, server: RedisServer
) -> None:
    host = Host(settings, server, "one")
    before = time.time()
    revoke(host.file, jti="token-1")
    revoke(host.file, subject="service-2")

    async def steps() -> None:
        await host.tokens.refresh()
        of_token, of_subject = host.tokens.revoked_here().values()
        # issued at that moment by a clock that is ahead, it is taken until then
        assert of_token >= int(before) + settings.max_lifetime + 2 * settings.leeway
        assert of_subject == FOREVER

    run([host], steps)


def test_an_entry_goes_when_its_time_has_come(server: RedisServer) -> None:
    seen: list[set[str]] = []
    until = {"a": time.time() + 1.0, "b": FOREVER, "c": time.time() - 1.0}
    revocations = SharedRevocations(lambda: until, lambda names: seen.append(set(names)))
    state = SharedState(server.address, lambda: "a", lambda *_: 0.0, set, lambda: None, revocations)

    async def steps() -> None:
        await state.refresh()
        assert seen[-1] == {"a", "b"}
        while "a" in seen[-1]:
            await state.refresh()
        assert time.time() >= until["a"]
        assert await state._redis.zrange("churn:a:revoked-tokens", 0, -1) == ["b"]
        await state.close()

    asyncio.run(steps())
