"""A service of two models: the folder it runs in, and clients that score."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from tests.serving.support import Server, write_settings

ID = "customerID"


def service_folder(folder: Path, bundles: Path, **settings: Any) -> Path:
    """Make a project folder with both bundles and the settings of a service."""
    shutil.copytree(bundles, folder / "data/06_models")
    write_settings(folder, **settings)
    return folder


class Load(threading.Thread):
    """A client that scores one customer after the other over one connection."""

    def __init__(self, server: Server, example: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.server, self.example = server, example
        self.answers: Counter[tuple[int, str]] = Counter()
        self.problems: list[str] = []
        self.ended = threading.Event()

    def run(self) -> None:
        with self.server.client() as client:
            while not self.ended.is_set():
                try:
                    answer = client.post("/v1/score", json=self.example)
                except httpx.TransportError as error:
                    self.problems.append(type(error).__name__)
                    continue
                version = answer.json().get("model_version", "")
                self.answers[answer.status_code, version] += 1

    @classmethod
    def of(cls, server: Server, example: dict[str, Any], n: int) -> list[Load]:
        loads = [cls(server, example) for _ in range(n)]
        for load in loads:
            load.start()
        return loads

    def finish(self) -> None:
        self.ended.set()
        self.join(30)


def score(server: Server, example: dict[str, Any]) -> dict[str, Any]:
    with server.client() as client:
        return client.post("/v1/score", json=example).raise_for_status().json()
