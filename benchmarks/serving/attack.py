"""Attack the service in every way its clients could, beside one honest client.

Each attack gets a service of its own on the loopback, started here under a memory limit, with the
default settings but for keys that no rate limits and audit files that are all kept. Some attackers
hold a valid key, others none. Prints a Markdown table and exits 1 if the system killed a process
for want of memory, an acknowledged customer is missing in the audit log, or the honest client's
p99 misses its target. `--seconds 600` writes some gigabytes of audit log below --folder.
"""

import argparse
import asyncio
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import psutil
import yaml

from benchmarks.serving.attackers import ATTACKS, Target, attack
from benchmarks.serving.bodies import draw_customers, write_batches, write_bodies
from benchmarks.serving.fence import Fence
from benchmarks.serving.machine import allow_connections
from benchmarks.serving.report import number, table
from benchmarks.serving.servers import HOST, ROOT
from churn_pipeline.serving.identity.key_changes import create_key

_MB = 1_000_000
_RATE = 20.0  # requests a second of the honest client
_P99_MS = 100.0
_START_SECONDS = 90.0


@dataclass
class Honest:
    """What the honest client saw: latencies from the moment each request was due, and failures."""

    milliseconds: list[float] = field(default_factory=list)
    errors: int = 0


@dataclass(frozen=True)
class Found:
    """The figures of one attack."""

    name: str
    workers: int
    answers: dict[int, int]
    refused: dict[str, int]
    peak_bytes: int
    killed: int
    honest: Honest
    audit_expected: int
    audit_found: int

    @property
    def p99_ms(self) -> float:
        """Of the honest client."""
        return float(np.percentile(self.honest.milliseconds or [np.nan], 99))

    @property
    def is_good(self) -> bool:
        """Whether nothing was killed or lost, and the honest client served in time."""
        is_whole = self.audit_found >= self.audit_expected
        return not self.killed and is_whole and self.p99_ms <= _P99_MS

    def row(self) -> list[str]:
        """Return the cells of the table."""
        p50 = float(np.percentile(self.honest.milliseconds or [np.nan], 50))
        return [
            f"{self.name}, {self.workers} worker{'s' if self.workers > 1 else ''}",
            f"{sum(count for status, count in self.answers.items() if status):,}",
            ", ".join(f"{name} {n:,}" for name, n in sorted(self.refused.items())) or "–",
            number(self.peak_bytes / _MB),
            number(p50),
            number(self.p99_ms),
            str(self.honest.errors),
            f"{self.audit_expected:,}",
            f"{self.audit_found:,}",
        ]


_HEADER = (
    "attack",
    "answers",
    "refused",
    "peak MB",
    "honest p50 ms",
    "p99 ms",
    "errors",
    "customers answered",
    "in the audit log",
)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.attack",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=600, help="of each attack")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--attacks", nargs="+", choices=list(ATTACKS), default=list(ATTACKS))
    parser.add_argument("--memory-mb", type=int, default=512, help="limit of the whole service")
    parser.add_argument("--bundle", type=Path, default=ROOT / "data/06_models/bundle")
    parser.add_argument("--port", type=int, default=21400)
    parser.add_argument("--folder", type=Path, help="for settings, keys and audit logs")
    arguments = parser.parse_args()
    if not arguments.bundle.is_dir():
        raise SystemExit(f"{arguments.bundle} is no bundle; make it with `make repro`")
    allow_connections(2000)
    found, kinds = [], set()
    for workers in arguments.workers:
        for name in arguments.attacks:
            with (
                tempfile.TemporaryDirectory(dir=arguments.folder) as folder,
                Fence(arguments.memory_mb * 1024 * 1024) as fence,
            ):
                kinds.add(fence.kind)
                one = measure(name, workers, arguments, Path(folder), fence)
            print(f"{' | '.join(one.row())}", file=sys.stderr, flush=True)
            found.append(one)
    print(f"Memory limit {arguments.memory_mb} MB ({', '.join(sorted(kinds))}).\n")
    print(table(_HEADER, [one.row() for one in found]))
    print(f"\nProcesses killed for want of memory: {sum(one.killed for one in found)}.")
    return int(not all(one.is_good for one in found))


def measure(
    name: str, workers: int, arguments: argparse.Namespace, folder: Path, fence: Fence
) -> Found:
    """Start a service, attack it, and gather what it cost whom."""
    target = _prepare(name, workers, arguments, folder)
    process = _start(target, folder, fence)
    try:
        _wait_until_ready(target, process, folder)
        fence.watch(psutil.Process(process.pid))
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
            attacking = executor.submit(attack, name, target, arguments.seconds)
            honest = asyncio.run(_be_honest(target, arguments.seconds))
            answers = dict(attacking.result())
        refused = _refused(target)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            _kill(process)
    customers = json.loads(target.batch)["customers"]
    batches = answers.get(200, 0) * len(customers) if name == "full batches" else 0
    return Found(
        name,
        workers,
        answers,
        refused,
        fence.peak_bytes,
        fence.killed,
        honest,
        audit_expected=batches + len(honest.milliseconds),
        audit_found=count_acknowledged(folder / "audit"),
    )


def count_acknowledged(folder: Path) -> int:
    """Count the customers that the audit log says were answered; a batch has many in a line."""
    count = 0
    for path in folder.rglob("audit-*.jsonl"):
        with path.open("rb") as lines:
            for line in lines:
                if b'"status":200' in line:
                    found = json.loads(line)
                    count += len(found.get("customers") or ()) or int("customer" in found)
    return count


def _prepare(name: str, workers: int, arguments: argparse.Namespace, folder: Path) -> Target:
    paths = {"audit_log": "audit", "feedback": "feedback", "deployment": "deployment"}
    section: dict[str, Any] = {
        "champion": str(arguments.bundle.resolve()),
        "workers": workers,
        "audit_files": 1000,
        **paths,
    }
    (folder / "params.yaml").write_text(yaml.safe_dump({"serving": section}), encoding="utf-8")
    file = folder / "conf/local/api_keys.json"
    keys = {
        "good": create_key(file, "good", ["score"], 1e6, 1_000_000)[0],
        "narrow": create_key(file, "narrow", ["explain"], 1e6, 1_000_000)[0],
        "poor": create_key(file, "poor", ["score"], 1.0, 1)[0],
    }
    customers = draw_customers(1000)
    record = write_bodies("record", customers, folder).read_bytes().splitlines()[0]
    batch = write_batches(customers, 1000, folder).read_bytes().splitlines()[0]
    return Target(arguments.port, keys, record, batch, ATTACKS[name].needs_tls)


def _start(target: Target, folder: Path, fence: Fence) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "bentoml",
        "serve",
        "churn_pipeline.serving.service:ChurnService",
    ]
    command += ["--host", HOST, "--port", str(target.port)]
    if target.is_tls:
        certificate, key = folder / "cert.pem", folder / "key.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
                *("ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
                *("-keyout", key, "-out", certificate),
            ],
            check=True,
            capture_output=True,
        )
        command += ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(key)]
    environment = {
        **os.environ,
        "BENTOML_DO_NOT_TRACK": "true",
        "BENTOML_HOME": str(folder / "bentoml"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]),
    }
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, preexec_fn=fence.join
        )


def _ask(target: Target, path: str) -> str:
    scheme = "https" if target.is_tls else "http"
    headers = {"Authorization": f"Bearer {target.keys['good']}"}
    request = Request(f"{scheme}://{HOST}:{target.port}{path}", headers=headers)
    with urlopen(request, timeout=10, context=_trusting(target)) as answer:
        return str(answer.read().decode())


def _trusting(target: Target) -> ssl.SSLContext | None:
    return ssl._create_unverified_context() if target.is_tls else None


def _wait_until_ready(target: Target, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = perf_counter() + _START_SECONDS
    while True:
        try:
            _ask(target, "/readyz")
        except OSError:
            if process.poll() is not None or perf_counter() > end:
                log = (folder / "server.log").read_text(errors="replace")
                raise SystemExit(f"the service does not start: {log[-2000:]}") from None
        else:
            return


def _refused(target: Target) -> dict[str, int]:
    found: dict[str, int] = {}
    pattern = r'^churn_rejected_total\{.*?reason="(\w+)".*?\} ([0-9.e+]+)$'
    for reason, count in re.findall(pattern, _ask(target, "/metrics"), re.MULTILINE):
        found[reason] = found.get(reason, 0) + int(float(count))
    return {reason: count for reason, count in found.items() if count}


async def _be_honest(target: Target, seconds: float) -> Honest:
    """Ask for one score after the other at a modest rate, over one connection while it lasts."""
    honest = Honest()
    request = target.post("/v1/score", target.record)
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None
    begin = perf_counter()
    for number_ in range(int(seconds * _RATE)):
        due = begin + number_ / _RATE
        await asyncio.sleep(max(0.0, due - perf_counter()))
        for attempt in range(2):  # a kept connection may have been closed meanwhile
            is_new = writer is None
            try:
                async with asyncio.timeout(10):
                    if reader is None or writer is None:
                        reader, writer = await asyncio.open_connection(
                            HOST, target.port, ssl=_trusting(target)
                        )
                    writer.write(request)
                    head = await reader.readuntil(b"\r\n\r\n")
                    size = re.search(rb"content-length: (\d+)", head.lower())
                    await reader.readexactly(int(size[1]) if size else 0)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                if writer is not None:
                    writer.close()
                reader = writer = None
                if is_new or attempt:
                    honest.errors += 1
                    break
            else:
                if head.split(b" ", 2)[1] == b"200":
                    honest.milliseconds.append(1e3 * (perf_counter() - due))
                else:
                    honest.errors += 1
                break
    if writer is not None:
        writer.close()
    return honest


def _kill(process: subprocess.Popen[bytes]) -> None:
    for child in psutil.Process(process.pid).children(recursive=True):
        child.kill()
    process.kill()
    process.wait()


if __name__ == "__main__":
    sys.exit(main())
