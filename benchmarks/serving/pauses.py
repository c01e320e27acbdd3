"""Why a constant mounted in BentoML now and then takes 100 ms.

`python -m benchmarks.serving.pauses` serves it with one thing changed at a time, and prints next
to the latency how long collections of garbage stopped the worker, how many objects they had to
visit, and how its memory grew.
"""

import argparse
import http.client
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.serving.bodies import draw_customers, write_bodies
from benchmarks.serving.closed_loop import closed_loop
from benchmarks.serving.machine import this_machine
from benchmarks.serving.report import number, table
from benchmarks.serving.servers import HOST, Server, bentoml_serve, running

_CONNECTIONS = 16


@dataclass(frozen=True)
class _Variant:
    """What differs from BentoML as it comes."""

    name: str
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


_SHORT_TIMERS = "traffic.timeout=1"
_NO_LOG = "logging.access.enabled=false"
_NO_METRICS = "metrics.enabled=false"
_NO_TRACES = {"OTEL_SDK_DISABLED": "true"}
_FROZEN = {"BENCHMARK_GC": "freeze"}
_VARIANTS = (
    _Variant("as it comes"),
    _Variant("no collections", environment={"BENCHMARK_GC": "off"}),
    _Variant("objects of the start frozen", environment=_FROZEN),
    _Variant("timeout of 1 s, not 60", (_SHORT_TIMERS,)),
    _Variant("timeout of 1 s, frozen", (_SHORT_TIMERS,), _FROZEN),
    _Variant("no tracing", environment=_NO_TRACES),
    _Variant("no access log", (_NO_LOG,)),
    _Variant("no metrics", (_NO_METRICS,)),
    _Variant(
        "all of these, frozen",
        (_SHORT_TIMERS, _NO_LOG, _NO_METRICS),
        {**_NO_TRACES, **_FROZEN},
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.pauses",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=int, default=20, help="of load for each variant")
    parser.add_argument("--port", type=int, default=21301)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for variant in tqdm(_VARIANTS, desc="variants", disable=None):
            rows.append(_row(variant, Path(folder), arguments.port, arguments.seconds))
    header = [f"{_CONNECTIONS} connections, {arguments.seconds} s", "requests/s", "p50 ms"]
    header += ["p99 ms", "max ms", "full collections", "longest ms", "objects", "RSS grew MB"]
    print(table(header, rows))
    return 0


def _row(variant: _Variant, folder: Path, port: int, seconds: int) -> list[str]:
    machine = this_machine(folder, port)
    bodies = write_bodies("record", draw_customers(200), folder)
    command, environment = bentoml_serve("benchmarks.serving.apps.pauses:Watched")
    options = " ".join(f"services.Watched.{option}" for option in ("workers=1", *variant.options))
    environment = {**environment, **variant.environment, "BENTOML_CONFIG_OPTIONS": options}
    server = Server(variant.name, command, "/mounted/score", environment=environment)
    with running(server, port, folder, machine.server_cpus) as server_up:

        def load(seconds: int) -> Any:
            return closed_loop(
                server_up.url,
                bodies,
                connections=_CONNECTIONS,
                seconds=seconds,
                cpus=machine.load_cpus,
            )

        load(1)  # to warm up
        _pauses(port)
        before = server_up.memory().worker_rss
        found = load(seconds)
        pauses = _pauses(port)
        figures = (
            found.requests_per_second,
            found.p50_ms,
            found.p99_ms,
            found.max_ms,
            pauses["2"]["count"],
            pauses["2"]["max_ms"],
            pauses["objects"]["count"],
            server_up.memory().worker_rss - before,
        )
    return [variant.name, *map(number, figures)]


def _pauses(port: int) -> dict[str, Any]:
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    connection.request("GET", "/mounted/pauses")
    return json.loads(connection.getresponse().read())


if __name__ == "__main__":
    sys.exit(main())
