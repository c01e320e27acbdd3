"""The floor: Starlette alone answers a constant, encoded anew each time; the body is not read."""

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.serving.apps.constants import ANSWER

_encode = msgspec.json.Encoder().encode


async def score(_: Request) -> Response:
    return Response(_encode(ANSWER), media_type="application/json")


async def ready(_: Request) -> Response:
    return Response()


app = Starlette(routes=[Route("/score", score, methods=["POST"]), Route("/readyz", ready)])
