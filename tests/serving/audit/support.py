"""What tests of the audit log share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from churn_pipeline.serving.audit import Asked, AuditLog

KEY = bytes(range(32))
NOON = 1_767_268_800.25


def opened(folder: Path, max_bytes: int = 1_000_000, files: int = 5, **more: Any) -> AuditLog:
    return AuditLog(folder, 1, max_bytes, files, KEY, **more)


def lines(folder: Path, log: str = "audit-1") -> list[dict[str, Any]]:
    """All lines of a log, the oldest first."""
    files = sorted(folder.glob(f"{log}-*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def answers(folder: Path, log: str = "audit-1") -> list[dict[str, Any]]:
    return [line for line in lines(folder, log) if "event" not in line]


def asked(number: int = 0, status: int = 200, **more: Any) -> Asked:
    fields: dict[str, Any] = {
        "request_id": f"request {number}",
        "trace_id": None,
        "key": "0123abcd",
        "address": "10.0.0.1",
        "route": "/v1/score",
        "status": status,
        **more,
    }
    return Asked(**fields)


def answer(
    log: AuditLog, number: int = 0, customers: Sequence[Any] | None = None, flush: bool = True
) -> None:
    if customers is None:
        customers = [(f"customer {number}", "low", "3f9a", 200)]
    asyncio.run(log.answered(asked(number), NOON + number, customers))
    if flush:
        log.flush()
