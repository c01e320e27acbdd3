"""The closed loop at few connections: every server in turn, then all again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tqdm import tqdm

from benchmarks.serving.closed_loop import Load, closed_loop
from benchmarks.serving.machine import Machine
from benchmarks.serving.servers import Memory, Server, running


@dataclass(frozen=True)
class Round:
    """One start of one server: what the generator saw, and what that cost the server.

    Attributes
    ----------
    load
        What the generator saw.
    memory
        After the load.
    cpu_microseconds
        Processor time a request of all the server's processes; other work on the machine changes
        it little, the requests a second much.
    """

    load: Load
    memory: Memory
    cpu_microseconds: float


def measure_rounds(
    servers: Sequence[Server],
    bodies: Mapping[str, Path],
    machine: Machine,
    *,
    rounds: int,
    seconds: int,
    connections: int,
) -> dict[str, list[Round]]:
    """Measure every server once a round, each time in new processes.

    Parameters
    ----------
    servers
        In their order, which every second round turns around.
    bodies
        File of the bodies by shape.
    machine
        Where all this runs.
    rounds, seconds, connections
        How often, how long at a time, and with how many requests under way.

    Returns
    -------
    dict
        For each server's name its rounds.
    """
    found: dict[str, list[Round]] = {server.name: [] for server in servers}
    bar = tqdm(total=rounds * len(servers), desc="closed loop", disable=None)
    for number in range(rounds):
        for server in servers if number % 2 == 0 else reversed(servers):
            one = _measure(server, bodies[server.shape], machine, seconds, connections)
            found[server.name].append(one)
            bar.update()
    bar.close()
    return found


def _measure(
    server: Server, bodies: Path, machine: Machine, seconds: int, connections: int
) -> Round:
    def load(seconds: int) -> Load:
        return closed_loop(
            server_up.url,
            bodies,
            connections=connections,
            seconds=seconds,
            api_key=server.api_key,
            cpus=machine.load_cpus,
        )

    with running(server, machine.port, machine.folder, machine.server_cpus) as server_up:
        with bodies.open("rb") as lines:
            server_up.ask(server.path, next(lines).strip())
        load(max(1, seconds // 4))  # to warm up
        before = server_up.cpu_seconds()
        found = load(seconds)
        spent = server_up.cpu_seconds() - before
        return Round(found, server_up.memory(), 1e6 * spent / max(1, found.requests))


def middle(rounds: Sequence[Round], figure: Callable[[Round], float]) -> float:
    """Return the median of a figure over the rounds."""
    return median(figure(one) for one in rounds)


def speed(one: Round) -> float:
    """Return the answers a second of a round."""
    return one.load.requests_per_second


def cost(one: Round) -> float:
    """Return the processor time a request of a round, in microseconds."""
    return one.cpu_microseconds


def ratio(
    found: Mapping[str, Sequence[Round]], server: str, other: str, figure: Callable[[Round], float]
) -> float:
    """Return one server's figure divided by another's, the median by rounds."""
    pairs = zip(found[server], found[other], strict=True)
    return median(figure(one) / figure(two) for one, two in pairs)
