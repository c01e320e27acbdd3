from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving.support import ROOT, Server, write_settings

LOCUSTFILE = ROOT / "benchmarks" / "serving" / "locustfile.py"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bundle_folder: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(bundle_folder, folder / "data/06_models/bundle")
    write_settings(folder)
    server = Server(folder)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.process.terminate()
        server.process.wait(30)


def locust(url: str, **environment: str) -> tuple[subprocess.CompletedProcess[str], Any]:
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--host", url]
    command += ["--users", "4", "--spawn-rate", "4", "--run-time", "4s", "--json"]
    result = subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=90,
    )
    start = result.stdout.find("[")
    return result, json.loads(result.stdout[start:]) if start >= 0 else None


def test_every_request_is_answered(server: Server) -> None:
    result, entries = locust(server.url, CHURN_API_KEY=server.token, CHURN_BATCH="20")
    assert result.returncode == 0, result.stderr[-2000:]
    asked = {entry["name"]: entry["num_requests"] for entry in entries}
    assert set(asked) == {"/v1/score", "/v1/explain", "/v1/score/batch"}
    assert asked["/v1/score"] > asked["/v1/explain"] > 10
    assert sum(entry["num_failures"] for entry in entries) == 0


def test_a_missing_key_is_said_in_a_sentence(server: Server) -> None:
    result, _ = locust(server.url, CHURN_API_KEY="")
    assert result.returncode == 1
    assert f"cannot test {server.url}: it answers 401" in result.stdout
    assert "Traceback" not in result.stderr


def test_drawn_customers_differ_and_are_scored(server: Server) -> None:
    # in a process of its own, since importing Locust replaces the socket module
    program = f"""
import json, runpy, sys, httpx
module = runpy.run_path({str(LOCUSTFILE)!r})
with httpx.Client(base_url={server.url!r}, headers=module["_headers"]()) as client:
    draw = module["Draw"](client.get("/openapi.json").json())
    def score(customers):
        return client.post("/v1/score/batch", json={{"customers": customers}}).json()["results"]
    json.dump(draw.accepted(score), sys.stdout)
"""
    drawn = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "CHURN_API_KEY": server.token},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    customers = json.loads(drawn)
    assert len({json.dumps(customer) for customer in customers}) > 100
    categories = [name for name, value in customers[0].items() if isinstance(value, str)]
    varied = [name for name in categories if len({customer[name] for customer in customers}) > 1]
    assert len(varied) > 0.6 * len(categories)
    with server.client() as client:
        answer = client.post("/v1/score/batch", json={"customers": customers}).json()
    assert answer["failed"] == 0
