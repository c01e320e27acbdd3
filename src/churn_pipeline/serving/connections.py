"""What a connection may send, and for how long, before its request reaches the application."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
"""Of a request's line and headers, and of what comes between and behind the pieces of a body."""
HEAD_SECONDS = 30.0
"""A client may take so long to send them, and the first piece of the body."""


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol with bounds: its own keeps all headers it gets, however many and slow.

    The first packet of a request is not counted, so that one packet costs no more than before.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._unused = 0  # bytes since a request began or a piece of its body came
        self._is_waiting = True
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._unset_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a packet, and refuse a request that is too long."""
        self._unused += len(data)
        super().data_received(data)
        if self._unused > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"The headers are larger than {MAX_HEAD_BYTES} bytes.")
        elif self._is_waiting and self._deadline is None:
            self._set_deadline()

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._unused = 0
        self._is_waiting = True
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Wait no more; the application times the rest."""
        self._unused = 0
        self._unset_deadline()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait no more."""
        self._unset_deadline()
        super().on_message_complete()

    def _set_deadline(self) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(HEAD_SECONDS, self.transport.close)

    def _unset_deadline(self) -> None:
        self._is_waiting = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
