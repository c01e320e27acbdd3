"""Messy tables with known truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from churn_pipeline.checking.violations import find_violations
from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.discovery import Hints, Inference, infer_contract
from churn_pipeline.io.raw_table import RawTable

N = 400


def raw(columns: Mapping[str, Sequence[Any]]) -> RawTable:
    """Return a table of texts; None is an empty cell."""
    cells = pd.DataFrame(
        {
            name: pd.Series(["" if v is None else str(v) for v in values], dtype="str")
            for name, values in columns.items()
        }
    )
    n = len(cells)
    nothing: dict[str, list[Any]] = {"line": [], "span": [], "text": [], "fields": []}
    return RawTable(
        "table.csv", "0" * 64, cells, np.arange(n) + 2, np.ones(n, dtype=np.int64),
        pd.DataFrame(nothing),
    )  # fmt: skip


def churn(n: int = N, share: float = 0.25) -> list[str]:
    """Return who left, in no order."""
    flags = np.arange(n) < share * n
    return ["yes" if flag else "no" for flag in np.random.default_rng(1).permutation(flags)]


def ids(n: int = N) -> list[str]:
    return [f"C-{i:05d}" for i in np.random.default_rng(2).permutation(n)]


def amounts(n: int = N, seed: int = 3) -> list[str]:
    return [f"{v:.2f}" for v in np.random.default_rng(seed).gamma(2, 30, n)]


def infer(columns: Mapping[str, Sequence[Any]], **hints: Any) -> Inference:
    """Infer of columns beside an id, an amount and a target."""
    n = len(next(iter(columns.values())))
    table = {"customer_id": ids(n), "amount": amounts(n), **columns}
    if "target" not in hints and "churn" not in table:
        table["churn"] = churn(n)
    return infer_contract(raw(table), "test", Hints(**hints))


def keys(columns: Mapping[str, Sequence[Any]], name: str, **hints: Any) -> dict[str, Any]:
    """Return what the inferred contract says of one column."""
    found: dict[str, Any] = infer(columns, **hints).document["columns"][name]
    return found


def plan(inference: Inference, name: str) -> Any:
    return next(plan for plan in inference.plans if plan.name == name)


def questions(inference: Inference, name: str) -> list[str]:
    return [q.text for q in inference.notes.questions if name in q.text]


def rejected(table: RawTable, inference: Inference) -> pd.DataFrame:
    """Return the violations of the table under its own contract."""
    _, violations = find_violations(table.cells, contract(inference))
    return violations


def contract(inference: Inference) -> Contract:
    return parse_contract(inference.document)
