"""The mounted constant, with a record of how long garbage collection stopped the worker."""

import gc
import os
import time
from typing import Any

import bentoml
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.serving.apps.floor import score

_pauses: dict[int, list[float]] = {0: [], 1: [], 2: []}  # milliseconds, by generation
_began = 0.0


def _watch(phase: str, info: dict[str, Any]) -> None:
    global _began
    if phase == "start":
        _began = time.perf_counter()
    else:
        _pauses[info["generation"]].append(1e3 * (time.perf_counter() - _began))


async def pauses(_: Request) -> Response:
    """Answer what was recorded since the last call, and how many objects a collection visits."""
    found = {
        str(generation): {"count": len(times), "max_ms": max(times, default=0.0)}
        for generation, times in _pauses.items()
    }
    for times in _pauses.values():
        times.clear()
    found["objects"] = {"count": len(gc.get_objects()), "frozen": gc.get_freeze_count()}
    return Response(msgspec.json.encode(found), media_type="application/json")


app = Starlette(routes=[Route("/score", score, methods=["POST"]), Route("/pauses", pauses)])


@bentoml.service
@bentoml.asgi_app(app, path="/mounted")
class Watched:
    """As :class:`~benchmarks.serving.apps.bento_constants.MountedConstant`."""

    def __init__(self) -> None:
        gc.callbacks.append(_watch)

    @bentoml.on_startup
    def treat(self) -> None:
        """Do with the collector what the environment says."""
        if os.environ.get("BENCHMARK_GC") == "freeze":
            gc.collect()
            gc.freeze()
        elif os.environ.get("BENCHMARK_GC") == "off":
            gc.disable()
