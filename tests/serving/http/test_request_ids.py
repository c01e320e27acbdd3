from __future__ import annotations

import pytest

from churn_pipeline.serving.http.request_ids import RequestIds, trace_id, trace_parent

GOOD = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    "given", [b"a", b"3f2504e0-4f89-11d3-9a0c-0305e82c3301", b"x" * 128, b"a=/b+"]
)
def test_a_good_request_id_is_taken(given: bytes) -> None:
    assert RequestIds().of({b"x-request-id": given}) == given.decode()


@pytest.mark.parametrize(
    "given",
    [b"", b"x" * 129, b"a b", b'a"', b"a\n", "ä".encode(), b"a\x00", b"<script>", b"a\\u0041"],
)
def test_another_one_is_replaced(given: bytes) -> None:
    assert RequestIds().of({b"x-request-id": given}) != given.decode("latin-1")


def test_new_ids_differ() -> None:
    ids = [RequestIds(), RequestIds()]
    assert len({one.of({}) for one in ids for _ in range(100)}) == 200


@pytest.mark.parametrize("given", [GOOD, b"01" + GOOD[2:], b"01" + GOOD[2:] + b"-more"])
def test_a_good_traceparent_is_taken(given: bytes) -> None:
    assert trace_parent({b"traceparent": given}) == given
    assert trace_id(given) == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "given",
    [
        b"",
        GOOD.upper(),
        GOOD[:-1],
        GOOD + b"-more",
        b"ff" + GOOD[2:],
        GOOD[:3] + b"0" * 32 + GOOD[35:],
        GOOD[:36] + b"0" * 16 + GOOD[52:],
        GOOD + b"\n",
    ],
)
def test_another_one_is_left_out(given: bytes) -> None:
    assert trace_parent({b"traceparent": given}) is None
