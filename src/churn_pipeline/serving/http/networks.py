"""Which client addresses may ask."""

from collections.abc import Iterable, MutableMapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

_MAPPED_BITS = 96  # ::ffff:0:0/96 holds the IPv4 addresses, RFC 4291 section 2.5.5.2
_CACHED_ADDRESSES = 10_000


def parse_network(text: str) -> Network:
    """Read one network such as ``10.0.0.0/8``, ``2001:db8::/32`` or a single address.

    A network of IPv4 addresses written as IPv6 (``::ffff:10.0.0.0/104``) becomes the IPv4 one.

    Raises
    ------
    ValueError
        If it is no network; the message names the one that is meant where host bits are set.
    """
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("is no network; write it like 10.0.0.0/8") from None
    if "/" in text and ip_address(text.partition("/")[0]) != network.network_address:
        raise ValueError(f"has bits set behind its prefix; did you mean {network}?")
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def parse_address(text: str) -> IPv4Address | IPv6Address:
    """Read a client's address; IPv4 seen through an IPv6 socket counts as IPv4.

    Raises
    ------
    ValueError
        If it is no address.
    """
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


class AllowedNetworks:
    """The networks from which requests are answered.

    What counts is the address of the connection. ``X-Forwarded-For`` is a claim of the client
    and is not looked at; see :func:`trust_no_proxy`.

    Parameters
    ----------
    networks : iterable of Network
        Empty: everybody is allowed.
    """

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)
        self._known: dict[str | None, bool] = {}

    def allows(self, address: str | None) -> bool:
        """Say whether the client at ``address`` may ask; None is a connection without one."""
        if not self._networks:
            return True
        allowed = self._known.get(address)
        if allowed is None:
            if len(self._known) >= _CACHED_ADDRESSES:
                self._known.clear()
            allowed = self._known[address] = self._contains(address)
        return allowed

    def _contains(self, text: str | None) -> bool:
        try:
            address = parse_address(text or "")
        except ValueError:
            return False
        return any(
            address.version == network.version and address in network for network in self._networks
        )


def trust_no_proxy(environ: MutableMapping[str, str]) -> None:
    """Make uvicorn take the address of the connection, whatever ``X-Forwarded-For`` claims.

    By default it believes that header when the connection comes from 127.0.0.1, so that anyone on
    the machine could choose an address. To be called before the server starts; a setting of
    uvicorn's own variable ``FORWARDED_ALLOW_IPS`` stands.
    """
    environ.setdefault("FORWARDED_ALLOW_IPS", "")
