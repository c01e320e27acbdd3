"""What only this project's service is asked for: its start, its memory, its scorer, its batches."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.serving.closed_loop import Load, closed_loop
from benchmarks.serving.machine import Machine
from benchmarks.serving.scorer_speed import BATCH_CUSTOMERS
from benchmarks.serving.servers import ROOT, Memory, Server, running


@dataclass(frozen=True)
class Start:
    """One start of the service: seconds until it is ready, memory then and after some load."""

    seconds_to_ready: float
    memory: Memory
    memory_after_load: Memory


def measure_starts(
    server: Server, bodies: Path, machine: Machine, *, starts: int, seconds: int
) -> list[Start]:
    """Start a server several times, each time with some load over 16 connections."""
    found = []
    for _ in range(starts):
        with running(server, machine.port, machine.folder) as server_up:
            memory = server_up.memory()
            closed_loop(
                server_up.url, bodies, connections=16, seconds=seconds, api_key=server.api_key
            )
            found.append(Start(server_up.seconds_to_ready, memory, server_up.memory()))
    return found


@dataclass(frozen=True)
class ScorerSpeed:
    """The scorer alone with one bundle.

    Attributes
    ----------
    candidate
        What the bundle holds.
    score_microseconds, explain_microseconds
        Median time from a decoded record to its probability, and to its explanation.
    customers_per_second
        From decoded records to probabilities, in batches of 1,000.
    """

    candidate: str
    score_microseconds: float
    explain_microseconds: float
    customers_per_second: float


def measure_scorer(bundle: Path, records: Path, cpus: Sequence[int], *, rounds: int) -> ScorerSpeed:
    """Measure the scorer in processes of its own; the medians over some of them."""
    pinned = ["taskset", "-c", ",".join(map(str, cpus))] if cpus else []
    command = [sys.executable, "-m", "benchmarks.serving.scorer_speed", str(bundle), str(records)]
    found = []
    for _ in range(rounds):
        done = subprocess.run(
            [*pinned, *command], cwd=ROOT, capture_output=True, text=True, timeout=300
        )
        if done.returncode:
            raise RuntimeError(f"the scorer with {bundle} failed: {done.stderr[-2000:]}")
        found.append(ScorerSpeed(**json.loads(done.stdout)))
    return ScorerSpeed(
        candidate=found[0].candidate,
        score_microseconds=median(one.score_microseconds for one in found),
        explain_microseconds=median(one.explain_microseconds for one in found),
        customers_per_second=median(one.customers_per_second for one in found),
    )


def measure_batches(server: Server, batches: Path, machine: Machine, *, seconds: int) -> float:
    """Return how many customers a second a client gets scored who sends 1,000 at a time.

    One request is under way at a time, so that its answer has the worker for itself.
    """
    batched = replace(server, path=f"{server.path}/batch")
    with running(batched, machine.port, machine.folder, machine.server_cpus) as server_up:

        def load(seconds: int) -> Load:
            return closed_loop(
                server_up.url,
                batches,
                connections=1,
                seconds=seconds,
                api_key=server.api_key,
                cpus=machine.load_cpus,
            )

        load(1)  # to warm up
        found = load(seconds)
    if found.errors:
        raise RuntimeError(f"{found.errors} batches of {server.name} failed")
    return BATCH_CUSTOMERS * found.requests_per_second
