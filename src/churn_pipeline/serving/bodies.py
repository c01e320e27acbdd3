"""Read a request's JSON body from an ASGI channel, within limits."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

import msgspec

from churn_pipeline.serving.refusals import ClientGone, Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

BODY_SECONDS = 30.0
"""A client may take so long to send its body."""

_decode = msgspec.json.Decoder().decode


async def read_json(headers: Mapping[bytes, bytes], receive: Receive, max_bytes: int) -> Any:
    """Read and decode the body of a request.

    Parameters
    ----------
    headers : mapping
        The request's headers, names in lower case.
    receive : callable
        ASGI channel of the request.
    max_bytes : int
        Larger bodies are refused: before they are read when ``Content-Length`` says so, and while
        they are read.

    Returns
    -------
    object
        The decoded JSON value.

    Raises
    ------
    Refusal
        400 if it is not JSON, 408 if it comes too slowly, 413 if it is too large, 415 if it is
        announced as something else.
    ClientGone
        If the connection closes before the body is complete.
    """
    if headers.get(b"content-type") != b"application/json":
        _check_content_type(headers.get(b"content-type", b""))
    if b"content-encoding" in headers:
        raise Refusal(
            415, "content_type", "Content-Encoding is not supported; send the body uncompressed."
        )
    return decode(await read_body(headers, receive, max_bytes))


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, max_bytes: int) -> bytes:
    """Read the body of a request; see :func:`read_json`."""
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > max_bytes:
        raise _too_large(max_bytes)
    # BoundedProtocol ends the wait for this one, so that bodies in one piece need no timer
    message = await receive()
    body: bytes = _content(message)
    if message.get("more_body"):
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read_rest(body, receive, max_bytes)
        except TimeoutError:
            raise Refusal(
                408,
                "timeout",
                f"The body was not complete after {BODY_SECONDS:g} seconds; send it faster.",
                headers=((b"connection", b"close"),),
            ) from None
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


async def _read_rest(first: bytes, receive: Receive, max_bytes: int) -> bytes:
    body = bytearray(first)
    more = True
    while more:
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        message = await receive()
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
