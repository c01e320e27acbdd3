"""How a worker listens: uvicorn and its loop, with the worker's bounds."""

import asyncio
import os
import resource
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn
import uvloop

from churn_pipeline.serving.bounds import Bounds
from churn_pipeline.serving.connections import BoundedProtocol
from churn_pipeline.serving.tls import harden

LISTENERS = 32
"""uvloop accepts one connection a listener and turn of its loop. A busy worker turns a few times a
second, so that of a thousand clients who arrive at once the last would wait for a minute."""
DRAIN_SECONDS = 2.0
"""A worker that ends answers so long on the connections that are kept alive, and closes each with
its next answer; closed at once, a request already on its way would meet a reset."""
SHUTDOWN_SECONDS = 7
"""Requests under way may take so long from then on, unless ``bentoml serve`` is told otherwise;
then the logs are written. Docker kills after 10 s."""
SOCKET_BYTES = 128 * 1024
"""Of each connection's two buffers in the system, which otherwise grow to megabytes for clients
that do not read, and count as memory of the container."""
HANDSHAKE_SECONDS = 10.0
"""A TLS handshake may take so long."""
MAX_HANDSHAKES = 200
"""TLS handshakes at once; beyond, the oldest ends. An honest one takes milliseconds."""


def adapt_uvicorn(bounds: Bounds, on_certificate: Callable[[float], None]) -> None:
    """Let the server that BentoML starts in this process keep the bounds and speak modern TLS.

    Parameters
    ----------
    bounds : Bounds
    on_certificate : callable
        Takes the time at which the certificate expires, in seconds since the epoch.
    """
    run, shutdown = uvicorn.Server.run, uvicorn.Server.shutdown

    def bounded_run(server: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        bounds.fit_open_files()
        config = server.config
        config.http = partial(BoundedProtocol, bounds=bounds)  # type: ignore[assignment]
        harden(config, on_certificate)
        config.ws = "none"  # there is nothing to upgrade to, and uvicorn logs each attempt
        config.loop = f"{__name__}:BoundedLoop"
        if config.timeout_graceful_shutdown is None:
            config.timeout_graceful_shutdown = SHUTDOWN_SECONDS
        for listener in sockets or ():  # connections inherit it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
        # not listener.dup(), which makes the socket a blocking one in all workers for a moment: one
        # that looks for a client just then would wait for one, and answer nobody
        more = [
            socket.socket(fileno=os.dup(listener.fileno()))
            for listener in sockets or ()
            for _ in range(LISTENERS - 1)
        ]
        run(server, [*(sockets or ()), *more] or None)

    async def bounded_shutdown(
        server: uvicorn.Server, sockets: list[socket.socket] | None = None
    ) -> None:
        bounds.is_draining = True
        end = time.monotonic() + DRAIN_SECONDS
        while bounds.has_connections and time.monotonic() < end and not server.force_exit:
            await asyncio.sleep(0.05)
        await shutdown(server, sockets)

    uvicorn.Server.run = bounded_run  # type: ignore[assignment,method-assign]
    uvicorn.Server.shutdown = bounded_shutdown  # type: ignore[assignment,method-assign]


class BoundedLoop(uvloop.Loop):
    """uvloop's loop; its own server shows nobody the connections in a TLS handshake."""

    async def create_server(self, protocol_factory: Any, *arguments: Any, **options: Any) -> Any:
        """Create a server; for TLS, one that bounds the handshakes."""
        context, listener = options.get("ssl"), options.get("sock")
        if context is None or listener is None:
            return await super().create_server(protocol_factory, *arguments, **options)
        return TlsServer(self, listener, protocol_factory, context)


_handshakes: dict[socket.socket, asyncio.Task[None]] = {}
"""Those of this process, the oldest first."""


class TlsServer:
    """Accepts TLS connections with a bound on handshakes, their number and their time.

    Parameters
    ----------
    loop : uvloop.Loop
    listener : socket
        Listening.
    protocol_factory : callable
        Makes the protocol of each connection.
    context : ssl.SSLContext
    """

    def __init__(
        self,
        loop: uvloop.Loop,
        listener: socket.socket,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        context: Any,
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._options = {
            "ssl": context,
            "ssl_handshake_timeout": HANDSHAKE_SECONDS,
            "ssl_shutdown_timeout": HANDSHAKE_SECONDS,
        }
        self._protocol_factory = protocol_factory
        self._most = min(MAX_HANDSHAKES, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 8)
        listener.setblocking(False)
        loop.add_reader(listener.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more."""
        self._loop.remove_reader(self._listener.fileno())

    async def wait_closed(self) -> None:
        """Do nothing: connections end on their own."""

    def _accept(self) -> None:
        try:
            connected, _ = self._listener.accept()
        except OSError:
            return  # another worker took it, or its client is gone
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _handshakes[connected] = self._loop.create_task(self._shake_hands(connected))
        if len(_handshakes) > self._most:
            oldest = next(iter(_handshakes))
            del _handshakes[oldest]
            with suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)  # which its handshake meets as an end

    async def _shake_hands(self, connected: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._protocol_factory, connected, **self._options
            )
        except OSError:
            connected.close()
        finally:
            _handshakes.pop(connected, None)
