from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from churn_pipeline.errors import TrackingError
from churn_pipeline.tracking.store import (
    mlflow_artifact_location,
    mlflow_tracking_uri,
    open_store,
    tracking_root,
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


def test_store_lies_in_the_project_wherever_it_is_called_from(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert tracking_root() == root
    assert mlflow_tracking_uri() == f"sqlite:///{root}/mlflow.db"
    assert mlflow_artifact_location() == "churn-artifacts:/"


def test_throw_away_copies_use_the_store_of_the_real_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert mlflow_tracking_uri() == f"sqlite:///{tmp_path}/mlflow.db"
    assert mlflow_artifact_location() == "churn-artifacts:/"


def test_a_server_wins_and_keeps_its_artifacts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert mlflow_tracking_uri() == "http://localhost:5000"
    assert mlflow_artifact_location() is None


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert mlflow_tracking_uri().startswith("sqlite:///")
    assert mlflow_artifact_location() is not None


@contextmanager
def server(status: int, body: bytes) -> Iterator[str]:
    """A server that answers every request alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://user:secret@127.0.0.1:{http.server_port}"
        http.shutdown()


def refusal(uri: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    started = time.monotonic()
    with pytest.raises(TrackingError) as error:
        open_store(create=True, write=True)
    assert time.monotonic() - started < 30  # seconds on a quiet machine
    message = str(error.value)
    assert "\n" not in message
    assert "secret" not in message
    assert "unset MLFLOW_TRACKING_URI" in message
    return message


@pytest.mark.parametrize("scheme", ["http", "postgresql+psycopg"])
def test_nobody_listens(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        message = refusal(f"{scheme}://user:secret@{address}/x", monkeypatch)
    assert message.startswith(f"MLflow's store at {scheme}://{address}/x cannot be used (")
    assert "refused" in message


def test_a_host_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as full:  # its queue of connections is full
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):
            message = refusal(f"http://127.0.0.1:{full.getsockname()[1]}", monkeypatch)
    assert "(no connection within 3 seconds)" in message or "(no answer in time)" in message


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, b"Internal Server Error", "500"),
        (401, b"You are not authenticated", "401"),
        (200, b"<html>Welcome</html>", "not in a valid JSON format"),
    ],
)
def test_a_server_that_answers_otherwise(
    status: int, body: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(status, body) as uri:
        message = refusal(uri, monkeypatch)
    assert words in message
    assert "<html>" not in message
