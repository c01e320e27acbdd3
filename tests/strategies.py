"""Contracts at random, and rows that keep or break them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from churn_pipeline.contract import Column, Contract, parse_contract

WORDS = st.text("abcXYZ 09_é-", min_size=1, max_size=6).map(str.strip).filter(bool)


SNAPSHOT_FROM = date(2021, 1, 1)  # dates are before, snapshots from then on
NEW_VALUE = "new to the category"


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """Draw a small contract without row rules or derived columns."""
    names = draw(st.lists(WORDS, min_size=4, max_size=8, unique=True))
    missing = draw(st.lists(st.sampled_from(["", "n/a", "-", "NULL"]), unique=True))
    key, target, *others = names
    columns: dict[str, Any] = {
        key: {"type": draw(st.sampled_from(["text", "integer", "category"])), "role": "id"},
        target: {"type": "category", "role": "target", "values": ["no", "yes"], "positive": "yes"},
    }
    if columns[key]["type"] == "category":
        columns[key]["values"] = [f"k{i}" for i in range(50)]
    has_snapshot = draw(st.booleans()) and len(others) > 2
    for name in others:
        # at least one model input, since a date is none
        kinds = ["integer", "number", "category", *(["date"] if name != others[0] else [])]
        kind = draw(st.sampled_from(kinds))
        column: dict[str, Any] = {"type": kind, "nullable": draw(st.booleans())}
        if has_snapshot and name == others[-1]:
            column = {"type": "date", "role": "snapshot"}
        if column["type"] == "date":
            column["formats"] = draw(st.sampled_from([[], ["%d/%m/%Y"], ["%d.%m.%y", "%d %b %Y"]]))
        elif kind == "category":
            column["values"] = draw(st.lists(WORDS, min_size=1, max_size=4, unique=True))
            column["values"] = [v for v in column["values"] if v not in missing] or ["z"]
            column["open"] = draw(st.booleans())
            spelled = draw(st.sets(st.sampled_from(column["values"])))
            column["spellings"] = {v: [f"~{v}~", f"={v}="] for v in sorted(spelled)}
        else:
            styles: list[dict[str, Any]] = [
                {},
                {"thousands": ","},
                {"decimal": ","},
                {"decimal": ",", "thousands": "."},
                {"decimal": ",", "thousands": " "},
            ]
            column |= draw(st.sampled_from(styles))
            column["strip"] = draw(st.sampled_from([[], ["$", "EUR"]]))
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
        spelled = [text for texts in column.spellings.values() for text in texts]
        more = [NEW_VALUE] if column.is_open else []
        cells = st.sampled_from([*column.values, *spelled, *more])
    elif column.type == "integer":
        cells = st.integers(int(low), int(high)).flatmap(lambda n: _numbers(f"{n:,}", column))
    elif column.type == "number":
        cells = st.floats(low, high).flatmap(lambda x: _numbers(repr(x), column))
    elif column.is_date:
        formats = st.sampled_from([*column.formats, "%Y-%m-%d"])
        is_snapshot = "snapshot" in column.roles
        days = st.dates(
            SNAPSHOT_FROM if is_snapshot else date(2000, 1, 1),
            date(2030, 1, 1) if is_snapshot else SNAPSHOT_FROM,
        )
        cells = st.builds(date.strftime, days, formats)
    else:
        cells = WORDS
    cells = cells.flatmap(lambda text: st.sampled_from([text, f" {text}", f"{text}\t"]))
    if column.nullable and contract.missing_values:
        cells = cells | st.sampled_from(list(contract.missing_values))
    return cells


def _numbers(text: str, column: Column) -> st.SearchStrategy[str]:
    """Draw a spelling of a number that Python wrote."""
    signs = str.maketrans({",": column.thousands or "", ".": column.decimal})
    spelled = [text.translate(signs), text.replace(",", "").translate(signs)]
    spelled += [form.format(spelled[0]) for form in ("${}", "$ {}", "{} EUR") if column.strip]
    return st.sampled_from(spelled)


def meaning(cell: str, column: Column, contract: Contract) -> float | str | date | None:
    """Return what a cell of :func:`good_cells` means, None if it is missing."""
    text = cell.strip()
    if text in ("", *contract.missing_values, NEW_VALUE):
        return None
    if column.is_numeric:
        for mark in (*column.strip, column.thousands or " "):
            text = text.replace(mark, "")
        return float(text.replace(column.decimal, "."))
    if column.is_date:
        for form in [*column.formats, "%Y-%m-%d"]:
            found = pd.to_datetime(text, format=form, errors="coerce")
            if not pd.isna(found):
                return found.date()
        raise AssertionError(text)
    return next((v for v, texts in column.spellings.items() if text in texts), text)


def bad_cells(column: Column, contract: Contract) -> st.SearchStrategy[tuple[str, str]]:
    """Draw a cell that breaks the contract, with the rule that it breaks."""
    options: list[tuple[str, str]] = []
    if not column.nullable:
        options += [(text, "missing") for text in contract.missing_values]
    if column.type == "category" and not column.is_open:
        options.append(("no such value", "allowed_values"))
    if column.is_numeric:
        rule = "not_an_integer" if column.type == "integer" else "not_a_number"
        other = "1.5" if column.decimal == "," else "1,5"
        options += [(text, rule) for text in ("x", other, "0x1", "inf", "nan", "--1")]
        options.append(("1e999", "range"))
    if column.is_date:
        texts = ("x", "2026-02-30", "2020-1-1", "20200101", "31-12-2020", "1577836800", "2020")
        options += [(text, "not_a_date") for text in texts]
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
