from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from churn_pipeline.serving.http.bounds import Bounds
from churn_pipeline.serving.http.listening import adapt_uvicorn
from churn_pipeline.serving.http.networks import AllowedNetworks, parse_network, trust_no_proxy
from churn_pipeline.serving.http.tls import Certificate
from churn_pipeline.serving.settings import ServingSettings

NETWORKS = AllowedNetworks(map(parse_network, ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]))


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7", "2001:db8::1", "2001:0db8:0:0:0:0:0:1"],
)
def test_addresses_inside_are_allowed(address: str) -> None:
    assert NETWORKS.allows(address)
    assert NETWORKS.allows(address)  # from what is remembered, too


@pytest.mark.parametrize(
    "address",
    ["11.0.0.1", "::ffff:11.0.0.1", "192.0.2.8", "2001:db9::1", "::1", "testclient", "", None,
     "10.1.2", "010.1.2.3", "10.1.2.3, 127.0.0.1"],
)  # fmt: skip
def test_all_others_are_refused(address: str | None) -> None:
    assert not NETWORKS.allows(address)
    assert not NETWORKS.allows(address)


def test_without_networks_everybody_is_allowed() -> None:
    everybody = AllowedNetworks([])
    assert everybody.allows("203.0.113.9")
    assert everybody.allows(None)


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_ipv4_written_as_ipv6_is_the_same_network(address: object, prefix: int) -> None:
    network = ip_network(f"{address}/{prefix}", strict=False)
    mapped = parse_network(f"::ffff:{network.network_address}/{96 + prefix}")
    assert mapped == network
    assert AllowedNetworks([mapped]).allows(f"::ffff:{address}")


@given(st.ip_addresses())
def test_an_address_alone_is_a_network_of_itself(address: object) -> None:
    network = parse_network(str(address))
    assert network.num_addresses == 1
    assert AllowedNetworks([network]).allows(str(address))


def test_what_is_remembered_is_bounded_and_right() -> None:
    networks = AllowedNetworks([parse_network("10.0.0.0/14")])
    first = int(ip_address("10.3.200.0"))
    found = [networks.allows(str(ip_address(first + i))) for i in range(25_000)]
    assert found == [i < 0x3800 for i in range(25_000)]
    assert len(networks._known) <= 10_000


def test_uvicorn_believes_no_forwarded_address(monkeypatch: pytest.MonkeyPatch) -> None:
    environ: dict[str, str] = {}
    trust_no_proxy(environ)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", environ["FORWARDED_ALLOW_IPS"])
    seen = []

    async def app(scope: object, receive: object, send: object) -> None:
        seen.append(scope["client"][0])  # type: ignore[index]

    config = uvicorn.Config(app, log_config=None)
    config.load()
    scope = {
        "type": "http",
        "client": ("127.0.0.1", 5),
        "headers": [(b"x-forwarded-for", b"10.0.0.1")],
        "asgi": {"version": "3.0"},
    }
    with pytest.raises(StopIteration):
        config.loaded_app(scope, None, None).__await__().send(None)
    assert seen == ["127.0.0.1"]


def test_an_operators_own_choice_of_proxies_stands() -> None:
    environ = {"FORWARDED_ALLOW_IPS": "10.0.0.5"}
    trust_no_proxy(environ)
    assert environ == {"FORWARDED_ALLOW_IPS": "10.0.0.5"}


@pytest.mark.parametrize(("trusted", "is_read"), [("", False), ("10.0.0.5", True)])
def test_headers_of_proxies_are_read_only_where_one_is_trusted(
    trusted: str, is_read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, sockets: None)
    monkeypatch.setattr(uvicorn.Server, "shutdown", uvicorn.Server.shutdown)
    adapt_uvicorn(Bounds(ServingSettings(), lambda reason: None), Certificate(lambda _: None))
    config = uvicorn.Config(app, log_config=None)
    uvicorn.Server(config).run()
    config.load()
    assert isinstance(config.loaded_app, ProxyHeadersMiddleware) is is_read
