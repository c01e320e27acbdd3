"""Two hosts on one machine: services in two network namespaces that share a folder and Redis.

A reload on one host must reach the other, a rate must hold over both, and a key that is revoked in
the keys of one must be refused by the other. Needs root, ``ip`` and redis-server.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import yaml

from churn_pipeline.scorer import load_scorer
from churn_pipeline.serving.identity.key_changes import create_key, revoke_key

ROOT = Path(__file__).resolve().parents[2]
PORT = 3000
_NETWORK = "10.201.77"
_HERE = f"{_NETWORK}.254"  # of the machine, on the bridge; Redis listens there


class Host:
    """A network namespace with an address, a project folder and a service of its own."""

    def __init__(self, number: int, folder: Path, shared: Path, champion: Path) -> None:
        self.name = f"churn{os.getpid()}-{number}"
        self.address = f"{_NETWORK}.{number}"
        self.keys = folder / "conf/local/api_keys.json"
        self.folder = folder
        models = folder / "models"
        models.mkdir(parents=True)
        shutil.copytree(champion, models / "bundle")
        section = {
            "champion": "models/bundle",
            "deployment": str(shared),
            "deployment_group": "front",
            "redis": f"redis://{_HERE}:6379/0",
        }
        (folder / "params.yaml").write_text(yaml.safe_dump({"serving": section}))
        self.token = ""

    def start(self, stack: ExitStack) -> None:
        """Start the service in the namespace."""
        command = ["ip", "netns", "exec", self.name, sys.executable, "-m", "bentoml", "serve"]
        command += ["churn_pipeline.serving.service:ChurnService", "--host", self.address]
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "CHURN_PARAMS": str(self.folder / "params.yaml"),
            "BENTOML_HOME": str(self.folder / "bentoml"),
            "TMPDIR": str(self.folder),  # the disk of the host itself
        }
        log = stack.enter_context((self.folder / "log").open("wb"))
        process = subprocess.Popen(
            [*command, "--port", str(PORT)],
            cwd=self.folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)

    def ask(self, method: str, path: str, content: Any = None, token: str = "") -> tuple[int, Any]:
        """Ask the service; return status and answer."""
        connection = http.client.HTTPConnection(self.address, PORT, timeout=10)
        headers = {
            "Authorization": f"Bearer {token or self.token}",
            "Content-Type": "application/json",
        }
        with closing(connection):
            body = b"" if content is None else json.dumps(content).encode()
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text.startswith(b"{") else None


def connect(hosts: list[Host], stack: ExitStack) -> None:
    """Make the namespaces and a bridge between them and the machine."""
    bridge = f"churn{os.getpid() % 100000}"

    def ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    ip("link", "add", bridge, "type", "bridge")
    stack.callback(ip, "link", "delete", bridge)
    ip("address", "add", f"{_HERE}/24", "dev", bridge)
    ip("link", "set", bridge, "up")
    for i, host in enumerate(hosts):
        outside = f"ch{os.getpid() % 100000}-{i}"
        ip("netns", "add", host.name)
        stack.callback(ip, "netns", "delete", host.name)
        ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", host.name)
        ip("link", "set", outside, "master", bridge, "up")
        for arguments in (
            ("address", "add", f"{host.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            ip("-n", host.name, *arguments)


def seconds_until(condition: Callable[[], bool], longest: float = 60.0) -> float:
    """Wait for a condition; return how long that took."""
    begin = time.monotonic()
    while True:
        try:
            if condition():
                return time.monotonic() - begin
        except OSError:
            pass
        if time.monotonic() > begin + longest:
            raise SystemExit("a condition did not come true; see the lines before")
        time.sleep(0.02)


def main() -> int:
    """Run the trial and print what was seen."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.two_hosts", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("champion", type=Path, help="folder of a bundle")
    parser.add_argument("second", type=Path, help="folder of another bundle of the same contract")
    arguments = parser.parse_args()
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "redis-server"))):
        raise SystemExit("this needs root, ip (iproute2) and redis-server")
    example = dict(load_scorer(arguments.champion).example)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hosts = [
            Host(n, folder / f"host{n}", folder / "shared", arguments.champion) for n in (1, 2)
        ]
        connect(hosts, stack)
        redis = ["redis-server", "--bind", _HERE, "--port", "6379", "--save", ""]
        server = subprocess.Popen(
            [*redis, "--protected-mode", "no"], stdout=subprocess.DEVNULL, cwd=folder
        )
        stack.callback(server.wait, 30)
        stack.callback(server.terminate)
        one, two = hosts
        one.token, _ = create_key(one.keys, "operator", ["score", "admin"], 1e4, 10_000)
        limited, _ = create_key(one.keys, "limited", ["score"], 0.01, 6)
        stolen, stolen_key = create_key(one.keys, "stolen", ["score"])
        two.token = one.token
        two.keys.parent.mkdir(parents=True)
        shutil.copyfile(one.keys, two.keys)  # a copy: a change of one file is none of the other
        shutil.copytree(arguments.second, one.folder / "models/second")
        for host in hosts:
            host.start(stack)
        for host in hosts:
            seconds_until(lambda host=host: host.ask("GET", "/readyz")[0] == 200)  # type: ignore[misc]

        def version(host: Host) -> str:
            return str(host.ask("POST", "/v1/score", example)[1]["model_version"])

        first, second = version(one), load_scorer(arguments.second).version
        assert version(two) == first != second
        status, _ = one.ask("POST", "/v1/admin/reload", {"champion": "second"})
        assert (status, version(one)) == (200, second)
        seconds = seconds_until(lambda: version(two) == second)
        print(f"a reload reached the other host after {seconds:.2f} s")
        two.ask("POST", "/v1/admin/rollback")
        seconds = seconds_until(lambda: version(one) == first)
        print(f"a rollback after {seconds:.2f} s")
        found = [host.ask("POST", "/v1/score", example, limited)[0] for host in hosts * 8]
        answers, refusals = found.count(200), found.count(429)
        print(f"burst of 6, asked 8 times on each host: {answers} answers, {refusals} refusals")
        assert (answers, refusals) == (6, 10)
        assert two.ask("POST", "/v1/score", example, stolen)[0] == 200
        revoke_key(one.keys, stolen_key.key_id)
        seconds = seconds_until(lambda: two.ask("POST", "/v1/score", example, stolen)[0] == 401)
        print(f"a key revoked in the file of one was refused by the other after {seconds:.2f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
