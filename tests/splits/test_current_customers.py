from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.splits.current_customers import states


def contract(horizon: int | None = None, dated: bool = True, **id_column: Any) -> Contract:
    target: dict[str, Any] = {"type": "category", "values": ["n", "y"], "role": "target"}
    target |= {"positive": "y"} | ({"horizon_days": horizon} if horizon else {})
    columns: dict[str, Any] = {"who": {"type": "text", "role": "id", **id_column}}
    if dated:
        columns["day"] = {"type": "date", "role": "snapshot"}
    columns |= {"gone": target, "x": {"type": "number"}}
    described = {name: {"meaning": name, **column} for name, column in columns.items()}
    return parse_contract({"name": "panel", "columns": described})


def found(
    rows: Sequence[tuple[str, str, str | None]], horizon: int | None = None, every: bool = False
) -> list[str]:
    known = contract(horizon)
    table = pd.DataFrame(rows, columns=["who", "day", "gone"])
    table["day"] = pd.to_datetime(table["day"])
    return states(table, known, known.target, "month", every).tolist()


def test_the_last_word_on_a_customer_counts() -> None:
    rows = [
        ("a", "2026-01-31", "n"), ("a", "2026-02-28", "y"),
        ("b", "2026-01-31", "y"), ("b", "2026-02-28", "n"),  # came back
        ("c", "2026-01-31", "n"), ("c", "2026-02-28", None),
    ]  # fmt: skip
    assert found(rows) == ["left", "left", "earlier", "current", "earlier", "current"]
    assert found(rows, every=True) == ["left", "left", "current", "current", "current", "current"]


@pytest.mark.parametrize(("later", "expected"), [("2026-02-28", "left"), ("2026-04-30", "current")])
def test_within_the_horizon_a_later_row_proves_nothing(later: str, expected: str) -> None:
    rows = [("a", "2026-01-31", "y"), ("a", later, None), ("b", later, None)]
    assert found(rows, horizon=89)[1:] == [expected, "current"]


def test_who_has_no_row_in_the_latest_period_of_a_panel_is_absent() -> None:
    rows = [
        ("a", "2026-01-31", None), ("a", "2026-02-03", None),
        ("b", "2026-01-31", None),
        ("c", "2026-02-28", None),
    ]  # fmt: skip
    assert found(rows) == ["earlier", "current", "absent", "current"]


def test_rows_of_many_days_are_no_panel_where_each_is_another_customer() -> None:
    assert found([("a", "2025-01-31", None), ("b", "2026-02-28", None)]) == ["current"] * 2


def test_without_days_any_row_that_says_so_counts() -> None:
    known = contract(dated=False)
    table = pd.DataFrame({"who": ["a", "b"], "gone": ["y", "n"]})
    assert states(table, known, known.target, "month", False).tolist() == ["left", "current"]
    unknown = table.drop(columns="gone")
    assert states(unknown, known, known.target, "month", False).tolist() == ["current"] * 2


def test_customers_without_ids_who_look_alike_are_not_one() -> None:
    known = contract(dated=False, generated=True)
    table = pd.DataFrame({"who": ["ab", "ab-2"], "gone": ["y", None]})
    assert states(table, known, known.target, "month", False).tolist() == ["left", "current"]
