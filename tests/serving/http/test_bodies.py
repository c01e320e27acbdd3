from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.serving.http.bodies import Body, decode
from churn_pipeline.serving.http.bounds import FREE_BYTES, Bounds
from churn_pipeline.serving.http.refusals import ClientGone, Refusal
from churn_pipeline.serving.settings import ServingSettings

JSON = {b"content-type": b"application/json"}


def channel(*messages: dict[str, Any] | None) -> Callable[[], Any]:
    """Give the messages one by one; None never comes."""
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        message = waiting.pop(0)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    return receive


def parts(*contents: bytes) -> Callable[[], Any]:
    last = len(contents) - 1
    return channel(
        *(
            {"type": "http.request", "body": content, "more_body": i < last}
            for i, content in enumerate(contents)
        )
    )


def bounds(**settings: Any) -> Bounds:
    return Bounds(ServingSettings(**settings), lambda reason: None)


def read(
    receive: Any, headers: dict[bytes, bytes] = JSON, limit: int = 100, **settings: Any
) -> Any:
    return asyncio.run(Body(headers, receive, bounds(**settings)).json(limit))


def refused(
    receive: Any, headers: dict[bytes, bytes] = JSON, limit: int = 100, **settings: Any
) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        read(receive, headers, limit, **settings)
    return refusal.value


@pytest.mark.parametrize("pieces", [(b'{"a": [1]}',), (b'{"a"', b"", b": [1]", b"}")])
def test_a_body_may_come_in_pieces(pieces: tuple[bytes, ...]) -> None:
    assert read(parts(*pieces)) == {"a": [1]}


@pytest.mark.parametrize(
    "value",
    [
        b"application/json",
        b"Application/JSON",
        b"application/json; charset=utf-8",
        b'application/json;charset="UTF-8"',
        b"application/json; boundary=x",
    ],
)
def test_json_may_be_announced_in_many_ways(value: bytes) -> None:
    assert read(parts(b"1"), {b"content-type": value}) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"content-type": b"text/plain"},
        {b"content-type": b"application/x-www-form-urlencoded"},
        {b"content-type": b"application/json; charset=latin-1"},
        {b"content-type": b"\xff\xfe"},
        {**JSON, b"content-encoding": b"gzip"},
    ],
)
def test_other_content_is_refused(headers: dict[bytes, bytes]) -> None:
    assert refused(parts(b"1"), headers).status == 415


def test_a_body_announced_as_too_large_is_not_read() -> None:
    refusal = refused(channel(None), {**JSON, b"content-length": b"101"})
    assert refusal.status == 413
    assert "100 bytes" in refusal.sentence


@pytest.mark.parametrize("length", [b"-1", b"1e3", b"", b"0x10", b"0" * 5000 + b"2"])
def test_a_length_that_is_no_number_is_refused(length: bytes) -> None:
    assert refused(channel(None), {**JSON, b"content-length": length}).status == 413


@pytest.mark.parametrize("pieces", [(b'"' + b"x" * 100 + b'"',), (b" " * 60, b" " * 60, b"1")])
def test_a_body_that_turns_out_too_large_is_refused(pieces: tuple[bytes, ...]) -> None:
    assert refused(parts(*pieces), {**JSON, b"content-length": b"9"}).status == 413


def test_reading_stops_at_the_limit() -> None:
    endless = channel(*[{"type": "http.request", "body": b" " * 60, "more_body": True}] * 3, None)
    assert refused(endless).status == 413


@pytest.mark.parametrize(
    "before", [(), ({"type": "http.request", "body": b"{", "more_body": True},)]
)
def test_a_client_that_goes_is_noticed(before: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(ClientGone):
        read(channel(*before, {"type": "http.disconnect"}))


def test_a_client_that_stalls_is_refused() -> None:
    stalled = channel({"type": "http.request", "body": b"{", "more_body": True}, None)
    refusal = refused(stalled, request_seconds=0.05)
    assert refusal.status == 408
    assert (b"connection", b"close") in refusal.headers


def test_bodies_in_memory_are_bounded_together_but_small_ones_pass() -> None:
    large = b'"' + b"a" * (2 * FREE_BYTES) + b'"'

    async def several() -> list[str]:
        shared = bounds(
            max_bodies_bytes=4 * FREE_BYTES, max_body_bytes=4 * FREE_BYTES, caller_bodies_share=1.0
        )
        unfinished = channel({"type": "http.request", "body": large, "more_body": True}, None)
        first = Body(JSON, unfinished, shared)
        reading = asyncio.create_task(first.json(10**6))
        await asyncio.sleep(0)
        answers = []
        for content in (large, b"1", large):
            body = Body(JSON, parts(content), shared)
            try:
                answers.append(str(await body.json(10**6))[:1])
            except Refusal as refusal:
                answers.append(f"{refusal.status} {refusal.reason} {len(refusal.headers)}")
                reading.cancel()
                first.release()
            finally:
                body.release()
        return answers

    assert asyncio.run(several()) == ["503 bodies 1", "1", "a"]


def test_one_caller_holds_its_share_alone_and_others_are_served() -> None:
    shared = bounds(max_bodies_bytes=8 * FREE_BYTES, max_body_bytes=2 * FREE_BYTES)
    large = b'"' + b"a" * (3 * FREE_BYTES // 2) + b'"'

    async def answer(caller: str) -> str:
        body = Body(JSON, parts(large), shared, caller)
        try:
            return str(len(await body.json(2 * FREE_BYTES)))
        except Refusal as refusal:
            return f"{refusal.status} {refusal.reason}"
        finally:
            body.release()

    async def several() -> None:
        unfinished: list[Body] = []
        for _ in range(2):
            rest = channel({"type": "http.request", "body": large, "more_body": True}, None)
            unfinished.append(Body(JSON, rest, shared, "greedy"))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0):
                    await unfinished[-1].content(10**6)
        assert await answer("greedy") == "429 caller_bodies"
        assert await answer("other") == str(len(large) - 2)
        for body in unfinished:
            body.release()
        assert await answer("greedy") == str(len(large) - 2)

    asyncio.run(several())


def test_one_body_always_has_room() -> None:
    content = b'"' + b"a" * (3 * FREE_BYTES) + b'"'
    limits: dict[str, Any] = {"max_bodies_bytes": 4 * FREE_BYTES, "caller_bodies_share": 0.1}
    assert read(parts(content), limit=10**6, max_body_bytes=4 * FREE_BYTES, **limits)


@pytest.mark.parametrize("piece", [b"[]", b"{}", b'{"":1}', b"1", b'""'])
def test_a_body_whose_values_would_fill_the_memory_is_refused(piece: bytes) -> None:
    body = b"[" + b",".join([piece] * 300_000) + b"]"
    refusal = refused(parts(body), limit=10**7)
    assert (refusal.status, refusal.reason) == (413, "body_too_large")


BAD = {
    b"": "truncated",
    b"{": "truncated",
    b"{]": "keys",
    b'{"a": 1} x': "trailing",
    b'{"a": NaN}': "character",
    b'{"a": -Infinity}': "character",
    b'{"a": 1e999}': "too large",
    b'{"a": ' + b"9" * 5000 + b"}": "too large",
    b'{"a": 01}': "number",
    b'\xef\xbb\xbf{"a": 1}': "character",
    b'{"a": "\xff"}': "UTF-8",
    b'{"\xed\xa0\x80": 1}': "UTF-8",
    '{"a": 1}'.encode("utf-16"): "character",
    b'{"a": "\\ud800"}': "truncated",
    b'{"a": "\\ud800 and more"}': "surrogate",
    b'{"a": "\x00"}': "character",
    b"[" * 100_000: "deeply",
    b'{"a":' * 100_000: "deeply",
    b'{"a": 1, "a": 1}': "twice",
    b'{"a": 1, "\\u0061": 1}': "twice",
    b'{"a": [{"b": 1}, {"b": 1, "b": 2}]}': "twice",
    b'{"a": "x:y", "a": 1e5}': "twice",
}


@pytest.mark.parametrize(("body", "words"), BAD.items(), ids=range(len(BAD)))
def test_what_is_no_json_is_refused_with_the_reason(body: bytes, words: str) -> None:
    with pytest.raises(Refusal) as refusal:
        decode(body)
    assert refusal.value.status == 400
    assert words in refusal.value.sentence
    assert refusal.value.sentence.endswith(".")


@pytest.mark.parametrize(
    "body", [b'{"a": "b:c"}', b'{"a:": {"b": 1}, "c": [{"a:": "::"}]}', b'":"', b'{"a":"\\u0000"}']
)
def test_colons_in_texts_are_no_fields(body: bytes) -> None:
    assert decode(body) == json.loads(body)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(values)
def test_every_json_text_is_decoded(value: Any) -> None:
    value = json.loads(json.dumps(value).replace("Infinity", "1"))
    try:
        body = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return
    assert decode(body) == value


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\u0019aeE+-.d8ntf ').map(str.encode))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    with contextlib.suppress(Refusal):
        decode(body)
