"""Check a running service from inside its container: its walls, its answers, its memory.

Only the standard library, since it runs with what the image holds. The variable ``STARTED`` is
when the container was started, in nanoseconds of the epoch; ``CHURN_API_KEY`` a key that may score.
"""

import errno
import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

_URL = "http://127.0.0.1:3000"
_DEADLINE = 60.0  # seconds until it has to be ready


def request(path: str, body: bytes | None = None, key: str | None = None) -> tuple[int, bytes]:
    """Return the status and the body of an answer; status 0 if nobody listens."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    try:
        with urllib.request.urlopen(
            urllib.request.Request(_URL + path, body, headers), timeout=10
        ) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def wait_until_ready(started: float) -> float:
    """Return the seconds between the start and the first answer that says ready."""
    while request("/readyz")[0] != 200:
        if time.time() - started > _DEADLINE:
            sys.exit(f"not ready after {_DEADLINE:.0f} s")
        time.sleep(0.02)
    return time.time() - started


def example(document: Any) -> dict[str, Any]:
    """Return the OpenAPI document's example of a customer."""
    body = document["paths"]["/v1/score"]["post"]["requestBody"]
    return dict(body["content"]["application/json"]["example"])


def _error_of(action: Callable[[], object]) -> int | None:
    try:
        action()
    except OSError as error:
        return error.errno
    return None


def check_walls() -> None:
    """Fail unless the process is confined as the check says."""
    status = dict(
        line.split(":\t", 1)
        for line in Path("/proc/self/status").read_text().splitlines()
        if ":\t" in line
    )
    assert os.getuid() != 0, "it runs as root"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, "it has capabilities"
    assert status["NoNewPrivs"].strip() == "1", "it may gain privileges"
    for folder in ("/", "/home/bentoml/bento/src", "/app/.venv", "/etc/churn"):
        number = _error_of((Path(folder) / "written").touch)
        assert number in (errno.EROFS, errno.EACCES), f"{folder} can be written to"
    number = _error_of(lambda: socket.create_connection(("192.0.2.1", 80), 2).close())
    assert number == errno.ENETUNREACH, "there is a way out to the network"
    tools = ("gcc", "make", "git", "uv", "curl")
    found = [tool for tool in tools if any((Path(p) / tool).exists() for p in os.get_exec_path())]
    assert not found, f"the image holds {', '.join(found)}"


def check_answers(key: str) -> None:
    """Fail unless good requests are answered and bad ones refused."""
    status, body = request("/openapi.json")
    assert status == 200, f"/openapi.json answers {status}"
    customer = example(json.loads(body))
    good = json.dumps(customer).encode()
    status, body = request("/v1/score", good, key)
    assert status == 200, f"/v1/score answers {status}: {body[:300]!r}"
    assert 0 <= json.loads(body)["churn_probability"] <= 1, body
    status, body = request("/v1/explain", good, key)
    assert status == 200, f"/v1/explain answers {status}: {body[:300]!r}"
    assert json.loads(body)["reasons"], body
    expected = [
        (401, request("/v1/score", good)),
        (401, request("/v1/score", good, "churn_0_unknown")),
        (400, request("/v1/score", b"{", key)),
        (422, request("/v1/score", json.dumps(customer | {"surprise": 1}).encode(), key)),
        (403, request("/v1/admin/models", key=key)),
        (404, request("/v1/nothing", key=key)),
    ]
    for wanted, (status, body) in expected:
        assert status == wanted, f"{status} instead of {wanted}: {body[:300]!r}"
        assert json.loads(body)["error"], body
    status, body = request("/metrics")
    assert status == 200, f"/metrics answers {status}"
    for metric in ("churn_requests_total", "churn_request_seconds", "churn_model_info"):
        assert metric in body.decode(), f"/metrics has no {metric}"


def memory() -> dict[str, float]:
    """Return the proportional memory of every other process of the container, in MB."""
    used = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and folder.name != str(os.getpid()):
            lines = (folder / "smaps_rollup").read_text().splitlines()
            used[folder.name] = next(int(x.split()[1]) for x in lines if x.startswith("Pss:")) / 1e3
    return used


def main() -> None:
    """Print what was measured; exit with a sentence at the first thing that is wrong."""
    print(f"ready after {wait_until_ready(int(os.environ['STARTED']) / 1e9):.1f} s")
    try:
        check_walls()
        print("confined: user, read-only, no capabilities, no network, no build tools")
        check_answers(os.environ["CHURN_API_KEY"])
        print("answers: score, explain, six refusals, metrics")
    except AssertionError as error:
        sys.exit(f"{error}")
    used = memory()
    print(f"memory: {sum(used.values()):.0f} MB in {len(used)} processes")


if __name__ == "__main__":
    main()
