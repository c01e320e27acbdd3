from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.features.proposals import Proposal, propose_columns

FLAG = {"type": "category", "values": ["no", "yes"], "meaning": "m"}
GYM: dict[str, Any] = {
    "name": "gym",
    "columns": {
        "member": {"type": "text", "role": "id", "meaning": "m"},
        "weeks": {"type": "integer", "unit": "weeks", "minimum": 0, "meaning": "m"},
        "fee": {"type": "number", "unit": "EUR", "minimum": 0, "meaning": "m"},
        "drinks": {"type": "number", "unit": "EUR", "minimum": 0, "nullable": True, "meaning": "m"},
        "celsius": {"type": "number", "unit": "degrees", "minimum": -40, "meaning": "m"},
        "score": {"type": "number", "role": "ignored", "minimum": 0, "meaning": "m"},
        "pool": FLAG,
        "sauna": FLAG,
        "sex": {**FLAG, "role": "sensitive"},
        "plan": {"type": "category", "values": ["basic", "plus", "gold"], "meaning": "m"},
        "left": {**FLAG, "role": "target", "positive": "yes"},
    },
}


def draw(contract: Contract, n: int = 400, seed: int = 3) -> pd.DataFrame:
    """Draw customers without a target, which proposals must not need."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for column in contract.features:
        if column.type == "category":
            columns[column.name] = rng.choice(column.values, n)
        else:
            values = rng.gamma(1.0, 12.0, n) + (column.minimum or 0.0)
            columns[column.name] = np.floor(values) if column.type == "integer" else values
            if column.nullable:
                columns[column.name][::17] = np.nan
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def gym() -> Contract:
    return parse_contract(GYM)


@pytest.fixture(scope="module")
def proposals(gym: Contract) -> tuple[Proposal, ...]:
    return propose_columns(gym, draw(gym))


def expressions(proposals: tuple[Proposal, ...], *kinds: str) -> set[str]:
    return {p.column.expression.text for p in proposals if p.kind in kinds}


def with_columns(document: dict[str, Any], **columns: dict[str, Any]) -> Contract:
    return parse_contract({**document, "columns": {**document["columns"], **columns}})


def test_types_and_units_decide_what_is_proposed(proposals: tuple[Proposal, ...]) -> None:
    assert expressions(proposals, "log") == {"log1p(weeks)", "log1p(fee)", "log1p(drinks)"}
    assert expressions(proposals, "first period") == {"weeks <= 1"}
    assert expressions(proposals, "sum", "difference") == {"fee + drinks", "fee - drinks"}
    assert expressions(proposals, "ratio") == {
        "weeks / fee", "weeks / drinks", "fee / drinks", "drinks / fee",
        "fee / maximum(weeks, 1)", "drinks / maximum(weeks, 1)", "celsius / maximum(weeks, 1)",
        "celsius / fee", "celsius / drinks",
    }  # fmt: skip
    assert expressions(proposals, "count") == {"count(pool == 'yes', sauna == 'yes')"}


def test_units_follow_from_the_operands(proposals: tuple[Proposal, ...]) -> None:
    units = {p.column.expression.text: p.column.unit for p in proposals}
    assert units["log1p(weeks)"] == "log weeks"
    assert units["fee - drinks"] == "EUR"
    assert units["fee / drinks"] is None
    assert units["fee / maximum(weeks, 1)"] == "EUR / weeks"
    assert units["weeks <= 1"] is None


def test_bins_are_rounded_quartiles(gym: Contract, proposals: tuple[Proposal, ...]) -> None:
    customers = draw(gym)
    bins = [p for p in proposals if p.kind == "bin" and p.column.expression.columns == ("fee",)]
    assert len(bins) == 3
    shares = [p.column.expression({"fee": customers["fee"]}).mean() for p in bins]
    assert shares == pytest.approx([0.25, 0.5, 0.75], abs=0.03)
    for found in bins:
        limit = found.column.expression.text.removeprefix("fee <= ")
        assert len(limit.replace(".", "").strip("0")) <= 2


def rebuild(document: dict[str, Any], proposals: tuple[Proposal, ...]) -> Contract:
    derived = {
        p.column.name: {
            "expression": p.column.expression.text,
            "meaning": p.column.meaning,
            **({"unit": p.column.unit} if p.column.unit else {}),
        }
        for p in proposals
    }
    return parse_contract({**document, "derived_columns": derived})


STRANGE: dict[str, Any] = {
    "name": "strange",
    "columns": {
        "#": {"type": "text", "role": "id", "meaning": "m"},
        "Months so far": {"type": "integer", "unit": "Months", "minimum": 1, "meaning": "m"},
        "class": {"type": "number", "minimum": 0, "meaning": "m"},
        "ﬁne": {"type": "number", "minimum": 0, "meaning": "m"},  # Python reads it as "fine"
        "log": {"type": "number", "minimum": 0, "meaning": "m"},
        'it\'s "on"': {"type": "category", "values": ["y's", 'n"o'], "meaning": "m"},
        "a\nb": {"type": "category", "values": ["y's", 'n"o'], "meaning": "m"},
        "gone": {**FLAG, "role": "target", "positive": "yes"},
    },
}


@pytest.mark.parametrize("document", [GYM, STRANGE])
def test_the_contract_accepts_every_proposal(document: dict[str, Any]) -> None:
    contract = parse_contract(document)
    proposals = propose_columns(contract, draw(contract))
    assert {"log", "ratio", "count", "first period", "bin"} <= {p.kind for p in proposals}
    accepted = rebuild(document, proposals)
    assert accepted.derived_columns == tuple(p.column for p in proposals)
    assert all(p.column.name.isidentifier() for p in proposals)


def test_of_the_default_contract_its_own_derived_columns_are_found(
    contract: Contract, customers: pd.DataFrame
) -> None:
    bare = replace(contract, derived_columns=())
    found = {p.column.expression.text for p in propose_columns(bare, customers)}
    assert {column.expression.text for column in contract.derived_columns} <= found


def test_columns_that_the_contract_derives_are_not_proposed_again(
    contract: Contract, customers: pd.DataFrame
) -> None:
    found = {p.column.expression.text for p in propose_columns(contract, customers)}
    assert found.isdisjoint({column.expression.text for column in contract.derived_columns})
    # the same values in other words
    other = parse_contract(
        {**GYM, "derived_columns": {"d": {"expression": "2 * log(1 + weeks)", "meaning": "m"}}}
    )
    assert "log1p(weeks)" not in expressions(propose_columns(other, draw(other)), "log")


def test_proposals_differ_from_each_other_and_from_the_inputs(
    gym: Contract, proposals: tuple[Proposal, ...]
) -> None:
    customers = draw(gym)
    columns = [customers[name].to_numpy() for name in ("weeks", "fee", "drinks", "celsius")]
    columns += [
        p.column.expression({str(name): customers[name] for name in customers}) for p in proposals
    ]
    for a, b in combinations(columns, 2):
        known = np.isfinite(a) & np.isfinite(b)
        assert abs(np.corrcoef(a[known], b[known])[0, 1]) < 0.99999


def test_names_are_free(gym: Contract) -> None:
    number = {"type": "number", "meaning": "m"}
    taken = with_columns(GYM, log_weeks=number, log_fee={**number, "role": "ignored"})
    names = [p.column.name for p in propose_columns(taken, draw(taken))]
    assert {"log_weeks_2", "log_fee_2"} <= set(names)
    assert len(set(names)) == len(names)
    assert set(names).isdisjoint(taken.columns)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ({"unit": "days", "minimum": 0}, {"x <= 1"}),
        ({"unit": "Year", "minimum": 1}, {"x <= 1"}),
        ({"unit": "months", "minimum": 12}, {"x <= 12"}),
        ({"unit": "months"}, set()),
        ({"unit": "EUR", "minimum": 0}, set()),
        ({"minimum": 0}, set()),
        ({"unit": "days", "minimum": 0, "type": "number"}, set()),
    ],
)
def test_first_period_needs_an_integer_in_a_unit_of_time(
    column: dict[str, Any], expected: set[str]
) -> None:
    document = {**GYM, "columns": {k: v for k, v in GYM["columns"].items() if k != "weeks"}}
    contract = with_columns(document, x={"type": "integer", "meaning": "m", **column})
    found = propose_columns(contract, draw(contract))
    assert expressions(found, "first period") == expected


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.assign(weeks=5.0),
        lambda table: table.assign(weeks=np.nan),
        lambda table: table.assign(weeks=np.where(np.arange(len(table)) < 10, 1.0, 0.0)),
    ],
)
def test_what_hardly_varies_is_left_out(
    gym: Contract, spoil: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    found = propose_columns(gym, spoil(draw(gym)))
    assert not [p for p in found if p.column.expression.columns == ("weeks",)]
    assert "log1p(fee)" in expressions(found, "log")
