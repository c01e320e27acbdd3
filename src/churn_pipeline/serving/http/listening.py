"""How a worker listens: uvicorn and its loop, with the worker's bounds."""

import asyncio
import resource
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn
import uvloop

from churn_pipeline.serving.http.bounds import Bounds
from churn_pipeline.serving.http.connections import BoundedProtocol
from churn_pipeline.serving.http.tls import Certificate

ACCEPTED = 32
"""Connections accepted in a turn of the loop, so that a thousand clients who arrive at once neither
wait for a thousand turns nor meet the limit of open files before others have been closed."""
DRAIN_SECONDS = 2.0
"""A worker that ends answers so long on the connections that are kept alive, and closes each with
its next answer; closed at once, a request already on its way would meet a reset."""
SHUTDOWN_SECONDS = 7
"""Requests under way may take so long from then on, unless ``bentoml serve`` is told otherwise;
then the logs are written. Docker kills after 10 s."""
SEND_BYTES = 128 * 1024
"""Of a connection's buffer in the system, which otherwise grows to megabytes for a client that does
not read, and counts as memory of the container."""
RECEIVE_BYTES = 64 * 1024
"""Likewise; and so much of every connection is read before any request is answered."""
HANDSHAKE_SECONDS = 10.0
"""A TLS handshake may take so long."""
MAX_HANDSHAKES = 200
"""TLS handshakes at once; beyond, the oldest ends. An honest one takes milliseconds."""


def adapt_uvicorn(bounds: Bounds, certificate: Certificate) -> None:
    """Let the server that BentoML starts in this process keep the bounds and speak modern TLS.

    Parameters
    ----------
    bounds : Bounds
    certificate : Certificate
    """
    run, shutdown = uvicorn.Server.run, uvicorn.Server.shutdown

    def bounded_run(server: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        bounds.fit_open_files()
        config = server.config
        config.http = partial(BoundedProtocol, bounds=bounds)  # type: ignore[assignment]
        certificate.harden(config)
        # which would read each client's address to find that it trusts nobody
        config.proxy_headers = config.proxy_headers and bool(config.forwarded_allow_ips)
        config.ws = "none"  # there is nothing to upgrade to, and uvicorn logs each attempt
        config.get_loop_factory = lambda: partial(BoundedLoop, bounds)  # type: ignore[method-assign]
        if config.timeout_graceful_shutdown is None:
            config.timeout_graceful_shutdown = SHUTDOWN_SECONDS
        for listener in sockets or ():  # connections inherit it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        run(server, sockets)

    async def bounded_shutdown(
        server: uvicorn.Server, sockets: list[socket.socket] | None = None
    ) -> None:
        bounds.is_draining = True
        end = time.monotonic() + DRAIN_SECONDS
        while bounds.n_open and time.monotonic() < end and not server.force_exit:
            await asyncio.sleep(0.05)
        await shutdown(server, sockets)

    uvicorn.Server.run = bounded_run  # type: ignore[assignment,method-assign]
    uvicorn.Server.shutdown = bounded_shutdown  # type: ignore[assignment,method-assign]


class BoundedLoop(uvloop.Loop):
    """uvloop's loop, but for accepting.

    Its own server takes all who wait in one turn, whatever the limit of open files, one listener in
    turn with the others; and it shows nobody the connections in a TLS handshake.

    Parameters
    ----------
    bounds : Bounds
    """

    def __init__(self, bounds: Bounds) -> None:
        super().__init__()
        self.bounds = bounds

    async def create_server(self, protocol_factory: Any, *arguments: Any, **options: Any) -> Any:
        """Create a server on a listening socket."""
        listener = options.get("sock")
        if listener is None:
            return await super().create_server(protocol_factory, *arguments, **options)
        return BoundedServer(self, listener, protocol_factory, options.get("ssl"))


class BoundedServer:
    """Accepts some connections a turn, with a bound on those that are not established yet.

    Parameters
    ----------
    loop : BoundedLoop
    listener : socket
        Listening; other processes may share it.
    protocol_factory : callable
        Makes the protocol of each connection.
    context : ssl.SSLContext or None
        For TLS.
    """

    def __init__(
        self,
        loop: BoundedLoop,
        listener: socket.socket,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        context: ssl.SSLContext | None,
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._protocol_factory = protocol_factory
        self._is_tls = context is not None
        self._options: dict[str, Any] = {}
        if context is not None:
            self._options = {
                "ssl": context,
                "ssl_handshake_timeout": HANDSHAKE_SECONDS,
                "ssl_shutdown_timeout": HANDSHAKE_SECONDS,
            }
        self._most = min(MAX_HANDSHAKES, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 8)
        self._new: dict[socket.socket, asyncio.Task[None]] = {}  # the oldest first
        listener.setblocking(False)
        loop.add_reader(listener.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more."""
        self._loop.remove_reader(self._listener.fileno())

    async def wait_closed(self) -> None:
        """Do nothing: connections end on their own."""

    def _accept(self) -> None:
        for _ in range(ACCEPTED):
            if self._loop.bounds.n_open >= self._loop.bounds.max_connections + ACCEPTED:
                self._loop.bounds.make_room()
                return
            if len(self._new) >= self._most:
                if not self._is_tls:
                    return  # they are established in the next turn, and the rest comes then
                oldest = next(iter(self._new))
                del self._new[oldest]
                with suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)  # which its handshake meets as an end
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return  # nobody waits, or another worker was quicker
            connected.setblocking(False)
            with suppress(OSError):
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._new[connected] = self._loop.create_task(self._establish(connected))

    async def _establish(self, connected: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._protocol_factory, connected, **self._options
            )
        except OSError:
            connected.close()
        finally:
            self._new.pop(connected, None)
