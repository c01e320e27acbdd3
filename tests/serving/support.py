"""What tests of the service share: small real bundles, and a real ``bentoml serve`` process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import psutil
import yaml

from churn_pipeline.contract import Contract
from churn_pipeline.scorer.bundle import write_bundle
from churn_pipeline.serving.identity.caller import SCOPES
from churn_pipeline.serving.identity.key_changes import create_key
from tests.bundles import packaged

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0


def make_bundles(folder: Path, customers: pd.DataFrame, contract: Contract, **names: str) -> Path:
    """Package candidates into folders of the given names."""
    for name, candidate in names.items():
        write_bundle(packaged(candidate, customers, contract), folder / name)
    return folder


def write_settings(folder: Path, **settings: Any) -> None:
    """Write ``params.yaml`` with the section ``serving``."""
    section = {"requests_per_second": 100_000, "burst": 100_000, **settings}
    (folder / "params.yaml").write_text(yaml.safe_dump({"serving": section}))


def poll(condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Return the condition's value as soon as it is true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.02)
    return value


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Server:
    """A ``bentoml serve`` process in a project folder with bundles and ``params.yaml``."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.port = free_port()
        scheme = "https" if "--ssl-certfile" in arguments else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.token, _ = create_key(folder / "conf/local/api_keys.json", "tests", SCOPES)  # type: ignore[arg-type]
        self.log_path = folder / "server.log"
        variables = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "BENTOML_HOME": str(folder / "bentoml"),
            **(environment or {}),
        }
        target = "churn_pipeline.serving.service:ChurnService"
        command = [sys.executable, "-m", "bentoml", "serve", target, "--host", "127.0.0.1"]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port), *arguments],
                cwd=folder,
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def workers(self) -> list[psutil.Process]:
        found = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # which a zombie is, too
                if "_bentoml_impl.worker.service" in child.cmdline():
                    found.append(child)
        return found

    def status(self, path: str) -> int | None:
        try:
            return httpx.get(self.url + path, timeout=10, verify=False).status_code
        except httpx.TransportError:
            return None

    def wait_until_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, self.log
            return self.status("/readyz") == 200

        poll(is_ready)

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20)

    def metrics(self) -> dict[str, float]:
        """Return each sample of ``/metrics`` by its name and labels."""
        text = httpx.get(f"{self.url}/metrics", timeout=20).text
        lines = (line.rpartition(" ") for line in text.splitlines() if line[:1] not in ("#", ""))
        return {name: float(value) for name, _, value in lines}

    def stop(self, seconds: float = 30) -> None:
        """End it as a service manager does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(seconds)


@contextlib.contextmanager
def serving(
    folder: Path, environment: Mapping[str, str] | None = None, arguments: Sequence[str] = ()
) -> Iterator[Server]:
    """Run a server until the end of the block."""
    server = Server(folder, environment, arguments)
    try:
        server.wait_until_ready()
        yield server
    finally:
        try:
            server.stop()
        finally:
            for worker in server.workers if server.process.poll() is None else []:
                worker.kill()
            server.process.kill()
