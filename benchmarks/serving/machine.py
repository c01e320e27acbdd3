"""What of this machine the servers and the load generators use."""

import os
import resource
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """Where servers listen and what runs where.

    Attributes
    ----------
    folder
        For everything that servers and generators write.
    port
        Where a server under test listens.
    server_cpus, load_cpus
        The processors of the servers and of the load generators, so that neither takes the
        other's; both empty, which leaves it to the system, where there is only one.
    """

    folder: Path
    port: int
    server_cpus: tuple[int, ...]
    load_cpus: tuple[int, ...]


def this_machine(folder: Path, port: int) -> Machine:
    """Give one processor to the servers and the others to the load generators."""
    first, *others = sorted(os.sched_getaffinity(0))
    return Machine(folder, port, (first,) if others else (), tuple(others))


def allow_connections(n_connections: int) -> None:
    """Raise the limit of open files of this process and its children, if it is too low.

    Raises
    ------
    SystemExit
        If the system does not allow it.
    """
    needed = n_connections + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise SystemExit(f"{n_connections} connections need `ulimit -Hn {needed}`")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
