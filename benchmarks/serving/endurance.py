"""All workers for a minute: very many connections, then requests that arrive whatever happens."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.closed_loop import Load, closed_loop
from benchmarks.serving.machine import Machine, allow_connections
from benchmarks.serving.open_loop import open_loop, post_requests
from benchmarks.serving.servers import HOST, Memory, Server, running

_SAMPLES = 12  # of the memory during the load


@dataclass(frozen=True)
class Endurance:
    """What a minute of load did.

    Attributes
    ----------
    workers
        Number of processes that answered.
    many_connections
        The closed loop over very many connections.
    memory
        Measured at equal distances while that went on; the first one when all were connected.
    open_loop
        The requests that arrived whatever happened.
    """

    workers: int
    many_connections: Load
    memory: list[Memory]
    open_loop: Load

    @property
    def growth_mb(self) -> float:
        """How much a worker's resident memory grew under the load."""
        return self.memory[-1].worker_rss - self.memory[0].worker_rss


def endure(
    server: Server,
    bodies: Path,
    machine: Machine,
    *,
    seconds: int,
    connections: int,
    rate: float,
) -> Endurance:
    """Measure a server whose workers may use every processor.

    Parameters
    ----------
    server
        With as many workers as it shall have.
    bodies
        File of the bodies.
    machine
        Where all this runs.
    seconds
        Of each of the two loads.
    connections
        Of the first.
    rate
        Requests a second of the second.
    """
    allow_connections(connections)
    with running(server, machine.port, machine.folder) as server_up:

        def load(connections: int, seconds: int) -> Load:
            return closed_loop(
                server_up.url,
                bodies,
                connections=connections,
                seconds=seconds,
                api_key=server.api_key,
            )

        load(connections, max(1, seconds // 10))  # to warm up
        with ThreadPoolExecutor(1) as executor:
            waited_for = executor.submit(load, connections, seconds)
            memory = []
            for _ in range(_SAMPLES):
                time.sleep(seconds / (_SAMPLES + 1))
                memory.append(server_up.memory())
            many_connections = waited_for.result()
        requests = post_requests(HOST, machine.port, server.path, bodies, server.api_key)
        return Endurance(
            workers=len(server_up.workers()),
            many_connections=many_connections,
            memory=memory,
            open_loop=open_loop(HOST, machine.port, requests, rate=rate, seconds=seconds),
        )
