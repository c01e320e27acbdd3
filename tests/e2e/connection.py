"""A raw connection to a service, over which anything can be sent."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from typing import Any

from tests.serving.support import Server

SECONDS = 5.0


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A connection that is kept alive; a raw one, since clients refuse to send some requests."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._socket: socket.socket | None = None
        self._rest = b""

    def send(self, request: bytes) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._server.port), SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._rest = b""
        # an answer may come before all of a large body is read
        with contextlib.suppress(ConnectionError):
            self._socket.sendall(request)

    def receive(self) -> Answer:
        """Return the answer; a hang is a TimeoutError."""
        head, _, rest = self._until(lambda data: b"\r\n\r\n" in data).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        length = int(headers["content-length"])
        self._rest = rest
        data = self._until(lambda data: len(data) >= length)
        body, self._rest = data[:length], data[length:]
        if headers.get("connection") == "close":
            self.close()
        return Answer(int(first.split()[1]), headers, body)

    def _until(self, is_enough: Any) -> bytes:
        assert self._socket is not None
        data = self._rest
        while not is_enough(data):
            part = self._socket.recv(65536)
            assert part, "the connection was closed without an answer"
            data += part
        return data

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
