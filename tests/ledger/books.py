"""Ledgers of tests, and scores for them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from churn_pipeline.io.ledger_dataset import ScoresLedgerDataset
from churn_pipeline.ledger.address import parse_ledger
from churn_pipeline.ledger.store import Ledger
from tests.servers import PostgreSQL


def scores(
    n: int, as_of: str | None = "2026-01-31", version: str = "m1", *, start: int = 0,
    shift: float = 0.0,
) -> pd.DataFrame:  # fmt: skip
    """What the scoring pipeline records of ``n`` customers."""
    place = np.arange(start, start + n)
    customers = [f"C{i:06d}" for i in place]
    probability = (place % 100) / 100 + shift
    table: dict[str, Any] = {
        "customer": pd.array(customers, dtype="str"),
        "row_id": pd.array(customers, dtype="str"),
        "as_of": as_of,
        "churn_probability": probability,
        "lifetime_value": 200.0,
        "tier": np.where(place % 100 < 50, "low", "high"),
        "recommended_action": np.where(place % 3 == 0, "Call.", "No action."),
        "contact": place % 3 == 0,
        "expected_profit": probability * 100 - 20,
    }
    for reason in (1, 2, 3):
        is_there = place % 4 >= reason
        words = [f"it's 50% \t{reason} é" if there else None for there in is_there]
        table[f"reason_{reason}"] = pd.array(words, dtype="str")
        table[f"contribution_{reason}"] = np.where(is_there, 0.5 / reason, np.nan)
    return pd.DataFrame({**table, "model_version": version})


class Book:
    """A ledger of SQLite, or of PostgreSQL where there is a server."""

    def __init__(self, folder: Path, server: PostgreSQL | None) -> None:
        self.server = server
        self.path = folder / "ledger" / "ledger.sqlite"
        self.address = server.address if server else f"sqlite:///{self.path}"
        self.credentials = server.credentials if server else {}

    @property
    def ledger(self) -> Ledger:
        return Ledger(parse_ledger(self.address), self.credentials)

    def dataset(self, data_set: str = "bank") -> Any:
        return ScoresLedgerDataset(
            address=self.address, data_set=data_set, credentials=self.credentials
        )

    def run(self, *statements: str) -> list[Any]:
        """Execute SQL as a BI tool would; return the rows of the last statement."""
        if self.server:
            return self.server.run("set search_path to ledger", *statements)
        with closing(sqlite3.connect(self.path)) as database, database:
            rows: list[Any] = []
            for statement in statements:
                rows = database.execute(statement).fetchall()
            return rows

    def runs(self) -> list[tuple[Any, ...]]:
        """Data set, day, version, number of scores and of names of scores."""
        rows = self.run(
            "select data_set, as_of, model_version, count(*), count(distinct score_id) "
            "from scores group by 1, 2, 3 order by 1, 2, 3"
        )
        return [(name, str(day), version, n, ids) for name, day, version, n, ids in rows]
