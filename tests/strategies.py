"""Contracts at random, and rows that keep or break them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from churn_pipeline.contract import Column, Contract, parse_contract

WORDS = st.text("abcXYZ 09_é-", min_size=1, max_size=6).map(str.strip).filter(bool)


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """Draw a small contract without row rules."""
    names = draw(st.lists(WORDS, min_size=4, max_size=8, unique=True))
    missing = draw(st.lists(st.sampled_from(["", "n/a", "-", "NULL"]), unique=True))
    key, target, *others = names
    columns: dict[str, Any] = {
        key: {"type": draw(st.sampled_from(["text", "integer", "category"])), "role": "id"},
        target: {"type": "category", "role": "target", "values": ["no", "yes"], "positive": "yes"},
    }
    if columns[key]["type"] == "category":
        columns[key]["values"] = [f"k{i}" for i in range(50)]
    for name in others:
        kind = draw(st.sampled_from(["integer", "number", "category"]))
        column: dict[str, Any] = {"type": kind, "nullable": draw(st.booleans())}
        if kind == "category":
            column["values"] = draw(st.lists(WORDS, min_size=1, max_size=4, unique=True))
            column["values"] = [v for v in column["values"] if v not in missing] or ["z"]
        else:
            low = draw(st.integers(-1000, 1000))
            column |= {"minimum": low, "maximum": low + draw(st.integers(0, 1000))}
            for limit in draw(st.sets(st.sampled_from(["minimum", "maximum"]))):
                del column[limit]
        columns[name] = column
    columns = {name: {"meaning": "m", **column} for name, column in columns.items()}
    order = draw(st.permutations(list(columns)))
    return parse_contract(
        {
            "name": "random",
            "missing_values": missing,
            "columns": {name: columns[name] for name in order},
        }
    )


def good_cells(column: Column, contract: Contract) -> st.SearchStrategy[str]:
    """Draw a cell that keeps the contract."""
    low = -(10**6) if column.minimum is None else column.minimum
    high = 10**6 if column.maximum is None else column.maximum
    if column.type == "category":
        cells = st.sampled_from(list(column.values))
    elif column.type == "integer":
        cells = st.integers(int(low), int(high)).map(str)
    elif column.type == "number":
        cells = st.floats(low, high).map(repr)
    else:
        cells = WORDS
    cells = cells.flatmap(lambda text: st.sampled_from([text, f" {text}", f"{text}\t"]))
    if column.nullable and contract.missing_values:
        cells = cells | st.sampled_from(list(contract.missing_values))
    return cells


def bad_cells(column: Column, contract: Contract) -> st.SearchStrategy[tuple[str, str]]:
    """Draw a cell that breaks the contract, with the rule that it breaks."""
    options: list[tuple[str, str]] = []
    if not column.nullable:
        options += [(text, "missing") for text in contract.missing_values]
    if column.type == "category":
        options.append(("no such value", "allowed_values"))
    if column.is_numeric:
        rule = "not_an_integer" if column.type == "integer" else "not_a_number"
        options += [(text, rule) for text in ("x", "1,5", "0x1", "inf", "nan", "1e999", "--1")]
    if column.type == "integer":
        options.append(("0.5", "not_an_integer"))
    if column.minimum is not None:
        options.append((f"{column.minimum - 1:.0f}", "range"))
    if column.maximum is not None:
        options.append((f"{column.maximum + 1:.0f}", "range"))
    return st.sampled_from(options) if options else st.nothing()


@st.composite
def good_tables(draw: st.DrawFn, contract: Contract, max_size: int = 8) -> list[dict[str, str]]:
    """Draw rows that keep the contract, ids included."""
    size = draw(st.integers(1, max_size))
    rows = [
        {
            name: draw(good_cells(column, contract))
            for name, column in contract.columns.items()
            if column is not contract.id
        }
        for _ in range(size)
    ]
    prefix = {"text": "id", "category": "k", "integer": "", "number": ""}[contract.id.type]
    for index, row in enumerate(rows):
        row[contract.id.name] = f"{prefix}{index}"
    return [{name: row[name] for name in contract.columns} for row in rows]
