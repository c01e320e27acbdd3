"""A closed loop of `wrk`: each connection sends its next request once the last one is answered."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("post.lua")


@dataclass(frozen=True)
class Load:
    """What a load generator saw.

    Attributes
    ----------
    seconds
        How long it ran.
    requests
        Answers received.
    p50_ms, p99_ms, max_ms
        Latency in milliseconds.
    broken, late, refused
        Connections that failed or broke; answers that took longer than ten seconds; answers with
        an error's status.
    """

    seconds: float
    requests: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    broken: int
    late: int
    refused: int

    @property
    def errors(self) -> int:
        """Whatever went wrong."""
        return self.broken + self.late + self.refused

    @property
    def requests_per_second(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def require_wrk() -> str:
    """Return the path of `wrk`.

    Raises
    ------
    SystemExit
        If it is not installed.
    """
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("wrk is not installed: apt-get install wrk (or brew install wrk)")
    return found


def closed_loop(
    url: str,
    bodies: Path,
    *,
    connections: int,
    seconds: int,
    api_key: str | None = None,
    cpus: Sequence[int] = (),
) -> Load:
    """POST the lines of a file in turn over some connections.

    Parameters
    ----------
    url
        Where to.
    bodies
        File with one body a line.
    connections
        How many, each with one request under way.
    seconds
        How long.
    api_key
        Sent as the bearer token.
    cpus
        The processors that `wrk` may use; empty: all.
    """
    command = [require_wrk(), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    environment = {**os.environ, "BENCHMARK_BODIES": str(bodies)}
    if api_key is not None:
        environment["BENCHMARK_API_KEY"] = api_key
    done = subprocess.run(
        [*command, "-s", str(_SCRIPT), url],
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,
    )
    if done.returncode:
        raise RuntimeError(f"wrk failed: {done.stderr or done.stdout}")
    found = json.loads(done.stdout.splitlines()[-1])
    return Load(
        seconds=found["seconds"],
        requests=found["requests"],
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        max_ms=found["max_ms"],
        broken=sum(found[f"{kind}_errors"] for kind in ("connect", "read", "write")),
        late=found["timeouts"],
        refused=found["bad_statuses"],
    )
