"""Simulated customers as request bodies, in the shape that each server expects."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.telco import simulate_customers

_SEED = 7


def draw_customers(n_customers: int) -> pd.DataFrame:
    """Simulate customers, typed as the contract has them; who has no bill yet is left out."""
    # 1 % have tenure 0 and thus a blank in TotalCharges
    drawn = simulate_customers(2 * n_customers, _SEED).customers
    drawn = drawn[drawn["tenure"] > 0].head(n_customers).reset_index(drop=True)
    return drawn.assign(
        SeniorCitizen=drawn["SeniorCitizen"].astype(str),
        TotalCharges=drawn["TotalCharges"].astype(float),
    )


def records(customers: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what a client knows about each customer: everything but the target."""
    # through JSON, since data frames give numpy's types
    return json.loads(customers.drop(columns=["Churn"]).to_json(orient="records"))


def write_bodies(shape: str, customers: pd.DataFrame, folder: Path) -> Path:
    """Write one body a line; return the file.

    Parameters
    ----------
    shape
        ``record``: a flat object; ``parameter``: the object under the name ``customer``, as
        BentoML's native routes expect it; ``frame``: a table of one row without the identifier, as
        MLflow expects it.
    customers
        From :func:`draw_customers`.
    folder
        Of the file.
    """
    path = folder / f"{shape}.jsonl"
    shaped = (json.dumps(_shaped(shape, record)) for record in records(customers))
    path.write_text("\n".join(shaped) + "\n", encoding="utf-8")
    return path


def write_batches(customers: pd.DataFrame, size: int, folder: Path) -> Path:
    """Write one batch of some customers a line; return the file."""
    path = folder / "batches.jsonl"
    found = records(customers)
    batches = [found[start : start + size] for start in range(0, len(found), size)]
    lines = [json.dumps({"customers": batch}) for batch in batches if len(batch) == size]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _shaped(shape: str, record: dict[str, Any]) -> dict[str, Any]:
    if shape == "parameter":
        return {"customer": record}
    if shape == "frame":
        return {"dataframe_records": [{k: v for k, v in record.items() if k != "customerID"}]}
    return record
