"""Read a request's JSON body from an ASGI channel, within limits."""

import asyncio
import json
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    MutableMapping,
)
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from churn_pipeline.serving.http.bounds import FREE_BYTES, Bounds
from churn_pipeline.serving.http.refusals import ClientGone, Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

MAX_DIGITS = 20
"""Of a length; 64 bits have no more."""

_decode = msgspec.json.Decoder().decode


class Body:
    """The body of one request, counted among those of its worker while it is in memory.

    Parameters
    ----------
    headers : mapping
        The request's headers, names in lower case.
    receive : callable
        ASGI channel of the request.
    bounds : Bounds
        Those of the worker.
    caller : str or None
        Whose body it is: the address, until the key is known.
    """

    __slots__ = ("_bounds", "_headers", "_held", "_receive", "caller")

    def __init__(
        self,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        bounds: Bounds,
        caller: str | None = None,
    ) -> None:
        self._headers = headers
        self._receive = receive
        self._bounds = bounds
        self._held = 0
        self.caller = caller

    async def json(self, max_bytes: int) -> Any:
        """Read and decode the body.

        Parameters
        ----------
        max_bytes : int
            Larger bodies are refused: before they are read when ``Content-Length`` says so, and
            while they are read.

        Returns
        -------
        object
            The decoded JSON value.

        Raises
        ------
        Refusal
            400 if it is not JSON, 408 if it comes too slowly, 413 if it is too large, 415 if it is
            announced as something else, 429 or 503 if too many large ones are in memory.
        ClientGone
            If the connection closes before the body is complete.
        """
        self._check_headers()
        text = await self.content(max_bytes)
        if len(text) <= FREE_BYTES:
            return decode(text)
        async with self._bounds.turn():
            return await self._decoded(text)

    def _check_headers(self) -> None:
        """Refuse a body that is announced as something else than JSON."""
        headers = self._headers
        if headers.get(b"content-type") != b"application/json":
            _check_content_type(headers.get(b"content-type", b""))
        if b"content-encoding" in headers:
            sentence = "Content-Encoding is not supported; send the body uncompressed."
            raise Refusal(415, "content_type", sentence)

    @asynccontextmanager
    async def batch(self, max_bytes: int) -> AsyncIterator[Any]:
        """Read the body and decode it when no other batch is worked on; see :meth:`json`."""
        self._check_headers()
        text = await self.content(max_bytes)
        async with self._bounds.turn():
            yield decode(text) if len(text) <= FREE_BYTES else await self._decoded(text)

    async def content(self, max_bytes: int) -> bytes:
        """Read the body of a request, whatever it is announced as; see :meth:`json`."""
        declared = self._headers.get(b"content-length", b"0")
        # of thousands of digits, which may be zeros, int() makes no number
        if not declared.isdigit() or len(declared) > MAX_DIGITS or int(declared) > max_bytes:
            raise _too_large(max_bytes)
        # BoundedProtocol ends the wait for this one, so that bodies in one piece need no timer
        message = await self._receive()
        body: bytes = _content(message)
        if message.get("more_body"):
            seconds = self._bounds.request_seconds
            try:
                async with asyncio.timeout(seconds):
                    body = await self._rest(body, max_bytes)
            except TimeoutError:
                raise Refusal(
                    408,
                    "timeout",
                    f"The body was not complete after {seconds:g} seconds; send it faster.",
                    headers=((b"connection", b"close"),),
                ) from None
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        self._hold(len(body))
        return body

    def release(self) -> None:
        """Count it no longer: its request has been answered."""
        if self._held:
            self._bounds.release(self._held, self.caller)
            self._held = 0

    async def _decoded(self, text: bytes) -> Any:
        self._bounds.check_decoded(text)
        # up to 0.2 s where fields may stand twice, in which requests of one customer are answered
        return await asyncio.to_thread(decode, text)

    def _hold(self, n_bytes: int) -> None:
        if n_bytes > FREE_BYTES:
            self._bounds.hold(n_bytes - self._held, self.caller)
            self._held = n_bytes

    async def _rest(self, first: bytes, max_bytes: int) -> bytes:
        body = bytearray(first)
        more = True
        while more:
            if len(body) > max_bytes:
                raise _too_large(max_bytes)
            self._hold(len(body))
            message = await self._receive()
            body += _content(message)
            more = message.get("more_body", False)
        return bytes(body)


def _content(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b"")


def _too_large(max_bytes: int) -> Refusal:
    return Refusal(
        413,
        "body_too_large",
        f"The body is larger than {max_bytes} bytes; send fewer customers at once.",
    )


def _check_content_type(value: bytes) -> None:
    media_type, *parameters = value.decode("latin-1").lower().split(";")
    for parameter in parameters:
        name, _, text = parameter.partition("=")
        if name.strip() == "charset" and text.strip().strip('"') not in ("utf-8", "utf8"):
            raise Refusal(415, "content_type", "The charset must be utf-8, as JSON requires.")
    if media_type.strip() != "application/json":
        raise Refusal(415, "content_type", "Content-Type must be application/json.")


def decode(body: bytes) -> Any:
    """Decode a JSON text in which no object has a field twice.

    Raises
    ------
    Refusal
        400, with no piece of the body in the sentence.
    """
    try:
        value = _decode(body)
        # As many colons as fields: no field stands twice. More: one twice, or a colon in a text
        colons = body.count(b":")
        is_plain = colons == _n_outer_fields(value, colons) or colons == _n_fields(value)
    except UnicodeDecodeError:
        raise _not_json("it is not UTF-8") from None
    except RecursionError:
        raise _not_json("it is nested too deeply") from None
    except msgspec.ValidationError:
        raise _not_json("a number is too large") from None
    except msgspec.DecodeError as error:
        # These sentences hold positions, never pieces of the body
        raise _not_json(str(error).removeprefix("JSON is malformed: ")) from None
    if not is_plain:
        _refuse_repeated_fields(body)
    return value


def _not_json(why: str) -> Refusal:
    return Refusal(400, "not_json", f"The body is not valid JSON: {why}.")


def _n_outer_fields(value: Any, colons: int) -> int:
    """Count the fields of a record or of a list of records; deeper ones would add colons."""
    if type(value) is not dict:
        return -1
    n = len(value)
    if n != colons:
        for item in value.values():
            if type(item) is list and set(map(type, item)) == {dict}:
                n += sum(map(len, item))
    return n


def _n_fields(value: Any) -> int:
    """Count the fields of an object and of what it holds directly or in lists."""
    if type(value) is dict:
        n = len(value)
        for item in value.values():
            if type(item) is dict or type(item) is list:
                n += _n_fields(item)
        return n
    if type(value) is list:
        return sum(map(_n_fields, value))
    return 0


def _refuse_repeated_fields(body: bytes) -> None:
    try:
        json.loads(body, object_pairs_hook=_unique, parse_int=len, parse_float=len)
    except RecursionError:
        raise _not_json("it is nested too deeply") from None


def _unique(pairs: Iterable[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise _not_json("an object has the same field twice")
