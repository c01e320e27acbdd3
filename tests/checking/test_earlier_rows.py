from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.checking.earlier_rows import EarlierRows
from churn_pipeline.checking.violations import find_violations
from churn_pipeline.contract import Contract, parse_contract


def contract_of(key: dict[str, Any], snapshot: bool) -> Contract:
    columns: dict[str, Any] = {"key": {"role": "id", "meaning": "m", **key}}
    if snapshot:
        columns["day"] = {"type": "date", "role": "snapshot", "meaning": "m"}
    columns["x"] = {"type": "integer", "minimum": 0, "maximum": 3, "meaning": "m"}
    columns["left"] = {
        "type": "category", "role": "target", "values": ["n", "y"], "positive": "y", "meaning": "m",
    }  # fmt: skip
    return parse_contract({"name": "n", "columns": columns})


KEYS: list[tuple[dict[str, Any], bool]] = [
    ({"type": "text"}, False),
    ({"type": "text"}, True),
    ({"type": "integer"}, False),
    ({"type": "integer"}, True),
    ({"type": "text", "generated": True}, False),
]


@pytest.mark.parametrize("rows", [7, 50])
@pytest.mark.parametrize(("key", "snapshot"), KEYS)
def test_parts_get_the_ids_and_the_violations_of_the_whole(
    key: dict[str, Any], snapshot: bool, rows: int
) -> None:
    contract = contract_of(key, snapshot)
    rng = np.random.default_rng(rows)
    n = 60
    cells = pd.DataFrame({"key": rng.integers(0, 20, n)}).astype("str")
    cells.loc[rng.random(n) < 0.05, "key"] = ""  # no id: never a duplicate
    if snapshot:
        cells["day"] = np.array(["2026-01-01", "2026-01-02", "?"])[rng.integers(0, 3, n)]
    cells["x"] = rng.integers(-1, 4, n).astype(str)  # a faulty row does not take its id
    cells["left"] = rng.choice(["n", "y"], n)
    cells = cells.astype("str")
    if key.get("generated"):
        cells = cells.drop(columns="key")
    whole, violations = find_violations(cells, contract)
    earlier, tables, found = EarlierRows(), [], []
    for start in range(0, n, rows):
        part = cells[start : start + rows].reset_index(drop=True)
        table, wrong = find_violations(part, contract, earlier)
        tables.append(table)
        found.append(wrong.assign(row=wrong["row"] + start))
    assert (violations["rule"] == "duplicate_id").any() or key.get("generated")
    pd.testing.assert_frame_equal(pd.concat(found, ignore_index=True), violations)
    ids = pd.concat([table["key"] for table in tables], ignore_index=True)
    pd.testing.assert_series_equal(ids, whole["key"], check_dtype=False)


def test_another_process_goes_on_from_what_each_part_has_added() -> None:
    contract = contract_of({"type": "text"}, snapshot=False)
    first, second = EarlierRows(), EarlierRows()
    for start in range(0, 40, 10):
        first.take(pd.DataFrame({"key": [f"k{i}" for i in range(start, start + 10)]}), contract)
        first.count([f"{i % 3:x}" for i in range(10)])
        second.restore(first.added())
    asked = pd.DataFrame({"key": ["k0", "k39", "k40", "K0"]})
    for rows in (first, second):
        assert rows.are_taken(asked, contract).tolist() == [True, True, False, False]
        assert rows.count(["0", "1", "9"]).tolist() == [16, 12, 0]
    assert second.count(["9"]).tolist() == [1]


def test_many_parts_are_kept_in_few_pieces() -> None:
    contract = contract_of({"type": "text"}, snapshot=False)
    rows = EarlierRows()
    for start in range(0, 3000, 10):
        rows.take(pd.DataFrame({"key": [f"k{i}" for i in range(start, start + 10)]}), contract)
    assert len(rows._taken) == 3000
    assert len(rows._taken._levels) <= 10
