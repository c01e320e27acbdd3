"""Small seeded panels: customers seen at several dates, as ingestion accepts them."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from churn_pipeline.contract import Contract
from churn_pipeline.contract.model import Column

SPLIT: dict[str, Any] = {
    "method": None,
    "test_share": 0.2,
    "seed": 42,
    "period": "month",
    "test_periods": 1,
    "gap_days": None,
}


def panel_contract(horizon_days: int | None = 30, *, is_generated: bool = False) -> Contract:
    columns = [
        Column("account", "text", ("id",), "Account.", is_generated=is_generated),
        Column("as_of", "date", ("snapshot",), "Day of the row."),
        Column("plan", "category", ("feature", "sensitive"), "Plan.", values=("a", "b")),
        Column("usage", "number", ("feature",), "Hours of use.", "hours"),
        Column(
            "gone", "category", ("target",), "Left.", values=("n", "y"), positive="y",
            horizon_days=horizon_days,
        ),
    ]  # fmt: skip
    return Contract(
        name="accounts",
        description="Accounts at the end of months.",
        missing_values=("",),
        columns=MappingProxyType({column.name: column for column in columns}),
    )


def without_snapshot(contract: Contract) -> Contract:
    columns = {
        column.name: replace(column, horizon_days=None)
        for column in contract.columns.values()
        if "snapshot" not in column.roles
    }
    return replace(contract, columns=MappingProxyType(columns))


def panel(
    customers: int, dates: list[str] | pd.DatetimeIndex, seed: int = 0, churn: float = -1.0
) -> pd.DataFrame:
    """Draw accounts that stand in the table at each date until they leave, in file order.

    The less they use, the sooner they leave; ``churn`` is the log-odds of an average one.
    """
    random = np.random.default_rng(seed)
    level = random.normal(size=customers)
    is_there = np.ones(customers, dtype=bool)
    parts = []
    for date in pd.to_datetime(dates):
        who = np.flatnonzero(is_there)
        usage = level[who] + random.normal(scale=0.3, size=len(who))
        leaves = random.random(len(who)) < expit(churn - usage)
        parts.append(
            pd.DataFrame(
                {
                    "account": [f"account {i}" for i in who],
                    "as_of": np.full(len(who), date.to_datetime64()).astype("datetime64[us]"),
                    "plan": np.where(who % 3 == 0, "a", "b"),
                    "usage": usage,
                    "gone": np.where(leaves, "y", "n"),
                }
            )
        )
        is_there[who[leaves]] = False
    table = pd.concat(parts, ignore_index=True)
    return table.astype({"account": "str", "plan": "str", "gone": "str"})


def month_ends(number: int, first: str = "2025-01-31") -> pd.DatetimeIndex:
    return pd.date_range(first, periods=number, freq="ME")
