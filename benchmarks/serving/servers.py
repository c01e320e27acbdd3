"""Start a server as its own process, wait until it answers, measure its memory, stop it."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
_START_SECONDS = 90.0  # `mlflow models serve` on a busy machine
_STOP_SECONDS = 15.0
_QUIET = {  # nothing phones home
    "BENTOML_DO_NOT_TRACK": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@dataclass(frozen=True)
class Server:
    """How to start a server and what to ask it.

    Attributes
    ----------
    name
        As the tables show it.
    command
        Program and arguments; ``{port}`` stands for the port.
    path
        Where to POST.
    ready
        Path that answers 200 once the server is ready.
    shape
        Of the bodies, see :mod:`benchmarks.serving.bodies`.
    environment
        Added to this process's own.
    api_key
        Sent as the bearer token, if any.
    """

    name: str
    command: tuple[str, ...]
    path: str
    ready: str = "/readyz"
    shape: str = "record"
    environment: Mapping[str, str] = field(default_factory=dict)
    api_key: str | None = None


@dataclass(frozen=True)
class Memory:
    """Resident memory in MB: a worker's (the largest), and of all processes together.

    ``pss`` counts a page that several processes share in equal parts.
    """

    worker_rss: float
    worker_pss: float
    total_pss: float


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    server: Server
    process: psutil.Process
    port: int
    seconds_to_ready: float

    @property
    def url(self) -> str:
        """Where to POST."""
        return f"http://{HOST}:{self.port}{self.server.path}"

    def ask(self, path: str, body: bytes) -> bytes:
        """POST one body and return the answer.

        Raises
        ------
        RuntimeError
            If the status is not 200.
        """
        headers = {"Content-Type": "application/json"}
        if self.server.api_key is not None:
            headers["Authorization"] = f"Bearer {self.server.api_key}"
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        with closing(connection):
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{self.server.name} answers {answer.status}: {content[:500]!r}")
        return content

    def workers(self) -> list[psutil.Process]:
        """Return the processes that answer: those without children of their own."""
        tree = [self.process, *self.process.children(recursive=True)]
        return [process for process in tree if not process.children()]

    def cpu_seconds(self) -> float:
        """Return the processor time of all its processes so far, the system's work for them too."""
        tree = [self.process, *self.process.children(recursive=True)]
        times = [process.cpu_times() for process in tree]
        return sum(found.user + found.system for found in times)

    def memory(self) -> Memory:
        """Measure the memory that is resident now."""
        workers = [process.memory_full_info() for process in self.workers()]
        tree = [self.process, *self.process.children(recursive=True)]
        return Memory(
            worker_rss=max(found.rss for found in workers) / 1e6,
            worker_pss=max(found.pss for found in workers) / 1e6,
            total_pss=sum(process.memory_full_info().pss for process in tree) / 1e6,
        )


def bentoml_serve(service: str, workers: int = 1) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the command and environment that serve ``module:Service`` with BentoML."""
    name = service.partition(":")[2]
    serve = (sys.executable, "-m", "bentoml", "serve", service, "--host", HOST, "--port", "{port}")
    return serve, {"BENTOML_CONFIG_OPTIONS": f"services.{name}.workers={workers}"}


@contextmanager
def running(server: Server, port: int, folder: Path, cpus: Sequence[int] = ()) -> Iterator[Running]:
    """Run a server for the length of a `with` block.

    Parameters
    ----------
    server
        What to start.
    port
        Where it shall listen.
    folder
        For its log.
    cpus
        The processors that it and its children may use; empty: all.

    Raises
    ------
    RuntimeError
        With the end of its log, if it stops or is not ready in time.
    """
    log = folder / f"{server.name.replace(' ', '_')}.log"
    python_path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    with log.open("wb") as output:
        begin = time.perf_counter()
        started = subprocess.Popen(
            [part.format(port=port) for part in server.command],
            cwd=ROOT,
            env={**os.environ, **_QUIET, "PYTHONPATH": python_path, **server.environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,
        )
    try:
        _wait_until_ready(started, server, port, begin + _START_SECONDS, log)
        seconds = time.perf_counter() - begin
        yield Running(server, psutil.Process(started.pid), port, seconds)
    finally:
        _stop(started)


def _wait_until_ready(
    started: subprocess.Popen[bytes], server: Server, port: int, deadline: float, log: Path
) -> None:
    while not _answers(port, server.ready):
        if started.poll() is not None:
            raise RuntimeError(f"{server.name} stopped at its start: {_tail(log)}")
        if time.perf_counter() > deadline:
            raise RuntimeError(f"{server.name} is not ready in {_START_SECONDS:g} s: {_tail(log)}")
        time.sleep(0.01)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _stop(started: subprocess.Popen[bytes]) -> None:
    started.terminate()
    with suppress(subprocess.TimeoutExpired):
        started.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):  # whatever it left behind
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()
