"""What a score costs by the fast route, by BentoML's own, and with limits shared over Redis.

CPU of the worker process a request, over alternating rounds. Needs wrk and redis-server.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

import psutil

from benchmarks.serving.closed_loop import closed_loop
from benchmarks.serving.contestants import services
from benchmarks.serving.report import number, table
from benchmarks.serving.servers import running
from churn_pipeline.scorer import load_scorer
from churn_pipeline.serving.http.exchange import encode
from tests.servers import redis_server

_CONNECTIONS = (1, 16)


def main() -> int:
    """Print a table of CPU and latency."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.ways", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--bundle", type=Path, default=Path("data/06_models/bundle"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of load in a round")
    parser.add_argument("--port", type=int, default=21310)
    arguments = parser.parse_args()
    record = dict(load_scorer(arguments.bundle).example)
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(redis_server())
        alone, _ = services(arguments.bundle, folder)
        shared = replace(
            alone,
            name="shared",
            environment={**alone.environment, "CHURN_SERVING_REDIS": redis.address},
        )
        ports = (arguments.port, arguments.port + 1)
        one, two = (
            stack.enter_context(running(server, port, folder))
            for server, port in zip((alone, shared), ports, strict=True)
        )
        plain, wrapped = folder / "plain", folder / "wrapped"
        plain.write_bytes(encode(record) + b"\n")
        wrapped.write_bytes(encode({"customer": record}) + b"\n")
        ways = (
            ("/v1/score", one, "/v1/score", plain),
            ("/score (BentoML)", one, "/score", wrapped),
            ("/v1/score, Redis", two, "/v1/score", plain),
        )
        for _ in range(arguments.rounds):
            for connections in _CONNECTIONS:
                for name, server, path, bodies in ways:
                    before = _cpu(server.workers())
                    load = closed_loop(
                        f"http://127.0.0.1:{server.port}{path}",
                        bodies,
                        connections=connections,
                        seconds=arguments.seconds,
                        api_key=alone.api_key,
                    )
                    cpu = 1e6 * (_cpu(server.workers()) - before) / load.requests
                    found.setdefault((name, connections), []).append(
                        (cpu, load.p50_ms, load.p99_ms)
                    )
    rows = [
        [name, str(n), *(number(median(column)) for column in zip(*rounds, strict=True))]
        for (name, n), rounds in found.items()
    ]
    print(table(["way", "connections", "CPU µs/request", "p50 ms", "p99 ms"], rows))
    return 0


def _cpu(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


if __name__ == "__main__":
    raise SystemExit(main())
