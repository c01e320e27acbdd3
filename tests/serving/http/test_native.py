"""What becomes of a request on its way through BentoML that cannot be answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from churn_pipeline.serving.http.bodies import Body
from churn_pipeline.serving.http.bounds import Bounds
from churn_pipeline.serving.http.exchange import Answer, Request
from churn_pipeline.serving.http.native import NativeRoutes
from churn_pipeline.serving.http.native_api import CALL
from churn_pipeline.serving.settings import ServingSettings

BODY = b'{"customer": {}}'


class Faulty:
    """Answers by a fault."""

    async def score(self, request: Request) -> Answer:
        raise KeyError("of the service itself")

    score_batch = explain = explain_batch = score


async def bentoml_app(scope: Any, receive: Any, send: Any) -> None:
    status = 200
    try:
        await scope[CALL].run({})
    except Exception:  # as BentoML does
        status = 500
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def ask() -> Answer:
    routes = NativeRoutes(bentoml_app, Faulty(), 1000).routes  # type: ignore[arg-type]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY}

    headers = {b"content-type": b"application/json", b"content-length": b"%d" % len(BODY)}
    body = Body(headers, receive, Bounds(ServingSettings(), lambda reason: None))
    return await routes[0].handle(Request("id", headers, None, body))


def test_a_fault_of_the_service_is_one_here_too() -> None:
    with pytest.raises(KeyError) as caught:
        asyncio.run(ask())
    assert caught.traceback[-1].name == "score"  # the log names the place
