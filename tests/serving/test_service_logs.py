"""A real service whose log and audit log go to the standard output, as in a container."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from churn_pipeline.serving.audit.verification import verify_folder
from churn_pipeline.serving.identity.key_file import read_keys
from tests.serving.support import Server, poll, serving, write_settings


@pytest.fixture
def server(tmp_path: Path, bundles: Path) -> Any:
    shutil.copytree(bundles / "champion", tmp_path / "data/06_models/bundle")
    write_settings(tmp_path, log_format="json", audit_to="both")
    with serving(tmp_path) as server:
        yield server


def audit(server: Server) -> list[dict[str, Any]]:
    files = sorted((server.folder / "data/09_serving/audit").glob("audit-1-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_every_line_is_json_and_a_kill_loses_no_answer(server: Server) -> None:
    example = httpx.get(f"{server.url}/openapi.json").json()["paths"]["/v1/score"]["post"]
    record = example["requestBody"]["content"]["application/json"]
    record = record.get("example") or next(iter(record["examples"].values()))["value"]
    sent = []
    with server.client() as client:
        client.post("/v1/admin/rollback", headers={"X-Request-ID": "my-rollback"})
        for number in range(200):
            headers = {"X-Request-ID": f"mine-{number}"}
            answer = client.post("/v1/score", json=record, headers=headers)
            assert answer.status_code == 200
            sent.append(answer.headers["x-request-id"])
    (worker,) = server.workers
    worker.kill()
    poll(
        lambda: (
            server.status("/readyz") == 200 and worker.pid not in [w.pid for w in server.workers]
        )
    )
    poll(
        lambda: (
            [line["event"] for line in audit(server) if "event" in line].count("worker_started")
            == 2
        )
    )
    written = [line["request_id"] for line in audit(server) if line.get("route") == "/v1/score"]
    assert written == sent
    server.stop()
    folder = server.folder / "data/09_serving/audit"
    stored = read_keys(server.folder / "conf/local/api_keys.json")
    assert stored is not None
    for report in verify_folder(folder, [bytes.fromhex(stored.audit_key)]):
        assert report.problems == []
    lines = [json.loads(line) for line in server.log.splitlines()]
    shipped = [line["request_id"] for line in lines if line.get("route") == "/v1/score"]
    assert shipped == sent
    (rollback,) = [
        line for line in lines if line.get("request_id") == "my-rollback" and "level" in line
    ]
    assert (rollback["level"], rollback["logger"]) == ("WARNING", "bentoml.churn")
    assert {"time", "level", "logger", "message"} <= set(rollback)
