"""The parts of the benchmark: each measures and says what it found, with its targets."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.serving import contestants
from benchmarks.serving.bodies import draw_customers, write_batches, write_bodies
from benchmarks.serving.endurance import endure
from benchmarks.serving.machine import Machine
from benchmarks.serving.pickled_pipeline import fit_pipeline, save_pipeline
from benchmarks.serving.report import Check, number, table
from benchmarks.serving.rounds import Round, cost, measure_rounds, middle, ratio, speed
from benchmarks.serving.scorer_speed import BATCH_CUSTOMERS
from benchmarks.serving.servers import Server
from benchmarks.serving.service_figures import measure_batches, measure_scorer, measure_starts

CONNECTIONS: Final = 16
MANY_CONNECTIONS: Final = 1000
RATE: Final = 500.0  # requests a second of the open loop
_GROWTH_MB = 10.0  # of a worker's memory under a minute of load: what still counts as flat
_CUSTOMERS = 2000


@dataclass(frozen=True)
class Plan:
    """What to measure and how thoroughly.

    Attributes
    ----------
    machine
        Where all this runs.
    bundles
        The first is served; the scorer alone is measured with each.
    only
        Words of which one is in the name of every server that is compared; empty: all servers.
    rounds, seconds
        How often, and how long each load is.
    endurance_seconds
        Of each of the two loads over all workers.
    """

    machine: Machine
    bundles: Sequence[Path]
    only: Sequence[str]
    rounds: int
    seconds: int
    endurance_seconds: int

    def service(self, workers: int = 1) -> Server:
        """Return the service with everything on."""
        return contestants.services(self.bundles[0], self.machine.folder, workers)[0]

    def bodies(self, shape: str = "record") -> Path:
        """Write simulated customers, each of them a body."""
        return write_bodies(shape, draw_customers(_CUSTOMERS), self.machine.folder)


@dataclass(frozen=True)
class Result:
    """What a part found: a Markdown text, figures beside targets, figures for machines."""

    text: str
    checks: list[Check]
    figures: dict[str, Any] = field(default_factory=dict)


def compare_servers(plan: Plan) -> Result:
    """Compare the service with the floor and with what people write first."""
    customers = draw_customers(_CUSTOMERS)
    pipeline = save_pipeline(fit_pipeline(customers), customers, plan.machine.folder)
    servers = [
        *contestants.services(plan.bundles[0], plan.machine.folder),
        *contestants.comparisons(*pipeline),
    ]
    servers = [s for s in servers if not plan.only or any(word in s.name for word in plan.only)]
    found = measure_rounds(
        servers,
        {shape: plan.bodies(shape) for shape in {server.shape for server in servers}},
        plan.machine,
        rounds=plan.rounds,
        seconds=plan.seconds,
        connections=CONNECTIONS,
    )
    columns: dict[str, Callable[[Round], float]] = {
        "CPU µs a request": cost,
        "requests/s": speed,
        "p50 ms": lambda one: one.load.p50_ms,
        "p99 ms": lambda one: one.load.p99_ms,
        "worker RSS MB": lambda one: one.memory.worker_rss,
    }
    rows = []
    for name, rounds in found.items():
        cells = [number(middle(rounds, figure)) for figure in columns.values()]
        has_floor = contestants.FLOOR in found
        of_floor = number(ratio(found, name, contestants.FLOOR, cost)) if has_floor else "–"
        errors = f"{sum(one.load.errors for one in rounds):,}"
        rows.append([name, of_floor, *cells, errors])
    return Result(
        text=table(["one worker, 16 connections", "CPU of the floor's", *columns, "errors"], rows),
        checks=_comparison_checks(found),
        figures={name: [asdict(one) for one in rounds] for name, rounds in found.items()},
    )


def _comparison_checks(found: Mapping[str, Sequence[Round]]) -> list[Check]:
    ours = contestants.SERVICE
    if ours not in found:
        return []
    targets = {
        contestants.PICKLED_BENTO: 40.0,
        contestants.MLFLOW: 40.0,
        contestants.PICKLED_FASTAPI: 40.0,
        contestants.NATIVE: 2.0,
    }
    return [
        *(
            Check(f"CPU a request, {ours} / {other}", ratio(found, ours, other, cost), 2.9)
            for other in (contestants.FLOOR,)
            if other in found
        ),
        *(
            Check(f"requests/s of {ours} / {other}", ratio(found, ours, other, speed), limit, True)
            for other, limit in targets.items()
            if other in found
        ),
        Check(f"p99 of {ours}", middle(found[ours], lambda one: one.load.p99_ms), 10, unit=" ms"),
        Check("failed requests", sum(one.load.errors for one in found[ours]), 0),
    ]


def scorer_alone(plan: Plan) -> Result:
    """Time the scorer in the process, without any server, with each bundle."""
    records = plan.bodies()
    found = [
        measure_scorer(bundle, records, plan.machine.server_cpus, rounds=plan.rounds)
        for bundle in plan.bundles
    ]
    rows = [
        [
            one.candidate,
            number(one.score_microseconds),
            number(one.explain_microseconds),
            number(one.customers_per_second),
        ]
        for one in found
    ]
    header = ["scorer alone", "score µs (p50)", "explain µs (p50)", "customers/s, batches of 1,000"]
    champion = found[0]
    return Result(
        text=table(header, rows),
        checks=[
            Check("scorer, record to probability", champion.score_microseconds, 60, unit=" µs"),
            Check("scorer, record to explanation", champion.explain_microseconds, 600, unit=" µs"),
        ],
        figures={one.candidate: asdict(one) for one in found},
    )


def batches(plan: Plan) -> Result:
    """Compare batches of 1,000 customers over HTTP with the scorer's own speed."""
    customers = draw_customers(10 * BATCH_CUSTOMERS)
    file = write_batches(customers, BATCH_CUSTOMERS, plan.machine.folder)
    service, records = plan.service(), plan.bodies()
    pairs = []
    for _ in range(plan.rounds):  # side by side
        over_http = measure_batches(service, file, plan.machine, seconds=plan.seconds)
        alone = measure_scorer(plan.bundles[0], records, plan.machine.server_cpus, rounds=1)
        pairs.append((over_http, alone.customers_per_second))
    share = 100 * median(over_http / alone for over_http, alone in pairs)
    rows = [
        [name, number(median(pair[i] for pair in pairs))]
        for i, name in enumerate(("over HTTP", "scorer alone"))
    ]
    return Result(
        text=table(["batches of 1,000 customers", "customers/s"], rows),
        checks=[Check("batch over HTTP / scorer alone", share, 50, True, unit=" %")],
        figures={"customers_per_second_over_http_and_alone": pairs},
    )


def start_and_memory(plan: Plan) -> Result:
    """Time the service's start and measure a worker's memory."""
    starts = measure_starts(
        plan.service(), plan.bodies(), plan.machine, starts=plan.rounds, seconds=plan.seconds
    )
    seconds = median(start.seconds_to_ready for start in starts)
    header = ["memory of one worker", "RSS MB", "PSS MB", "PSS MB, supervisor included"]
    rows = []
    for name, memories in (
        ("after the start", [start.memory for start in starts]),
        ("after load", [start.memory_after_load for start in starts]),
    ):
        figures = (
            median(memory.worker_rss for memory in memories),
            median(memory.worker_pss for memory in memories),
            median(memory.total_pss for memory in memories),
        )
        rows.append([name, *map(number, figures)])
    rss = max(start.memory_after_load.worker_rss for start in starts)
    return Result(
        text=table(header, rows),
        checks=[
            Check("start to ready", seconds, 3, unit=" s"),
            Check("resident memory of a worker", rss, 200, unit=" MB"),
        ],
        figures={"starts": [asdict(start) for start in starts]},
    )


def endurance(plan: Plan) -> Result:
    """Load all workers: very many connections, then requests that arrive whatever happens."""
    found = endure(
        plan.service(workers=os.cpu_count() or 1),
        plan.bodies(),
        plan.machine,
        seconds=plan.endurance_seconds,
        connections=MANY_CONNECTIONS,
        rate=RATE,
    )
    many, opened = found.many_connections, found.open_loop
    rows = [
        [
            name,
            number(load.requests_per_second),
            *map(number, (load.p50_ms, load.p99_ms, load.max_ms)),
            *(f"{count:,}" for count in (load.broken, load.late, load.refused)),
        ]
        for name, load in (("1,000 connections", many), ("open loop, 500 requests/s", opened))
    ]
    header = [f"{found.workers} workers, {plan.endurance_seconds} s", "requests/s"]
    memory = " → ".join(
        number(sample.worker_rss) for sample in found.memory[:: len(found.memory) - 1]
    )
    text = table([*header, "p50 ms", "p99 ms", "max ms", "broken", "late", "refused"], rows)
    return Result(
        text=f"{text}\n\nRSS of a worker under 1,000 connections: {memory} MB.",
        checks=[
            Check("1,000 connections: failed requests and connections", many.errors, 0),
            Check("1,000 connections: growth of a worker", found.growth_mb, _GROWTH_MB, unit=" MB"),
            Check("open loop: failed requests", opened.errors, 0),
            Check("open loop: p50", opened.p50_ms, 10, unit=" ms"),
            Check("open loop: p99", opened.p99_ms, 100, unit=" ms"),
        ],
        figures=asdict(found),
    )


PARTS: Final[Mapping[str, Callable[[Plan], Result]]] = {
    "servers": compare_servers,
    "scorer": scorer_alone,
    "batches": batches,
    "start": start_and_memory,
    "endurance": endurance,
}
