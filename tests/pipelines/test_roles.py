"""A whole run for every role that a contract can give a column, and every way to split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from churn_pipeline.contract import Contract
from churn_pipeline.scorer import Scorer
from tests.pipelines.whole_runs import Outcome, Table, run_whole

pytestmark = pytest.mark.slow

ROWS = 400
Columns = dict[str, Any]


def draw(rows: int = ROWS, seed: int = 0) -> tuple[Columns, np.random.Generator]:
    """Draw two numbers and a category, and who leaves by them."""
    random = np.random.default_rng(seed)
    months, calls = random.integers(0, 60, rows), random.integers(0, 7, rows)
    plan = random.choice(["basic", "plus", "team"], rows)
    leaves = random.random(rows) < expit(0.5 - months / 20 + calls / 3 + (plan == "team"))
    return {"months": months, "calls": calls, "plan": plan, "churn": leaves}, random


def text(leaves: Any) -> Any:
    return np.where(leaves, "Yes", "No")


def ids(rows: int = ROWS, prefix: str = "C") -> list[str]:
    return [f"{prefix}{1000 + i}" for i in range(rows)]


def plain() -> Table:
    columns, random = draw()
    columns["churn"] = text(columns["churn"])
    columns["spent"] = np.round(random.gamma(2, 50, ROWS), 2)
    table = pd.DataFrame({"customer_id": ids(), **columns})
    return Table(table, parameters={"economics": {"customer_lifetime_value": "spent"}})


def several_rows_a_customer() -> Table:
    columns, _ = draw()
    who = [f"K{i // 2}" for i in range(ROWS)]
    columns["churn"] = text(columns["churn"])
    return Table(pd.DataFrame({"policy_id": ids(prefix="P"), "customer_no": who, **columns}))


def triplicates() -> Table:
    columns, _ = draw(150)
    columns["churn"] = text(columns["churn"])
    table = pd.DataFrame({"customer_no": ids(150), **columns})
    table = pd.concat([table] * 3, ignore_index=True)
    table.insert(0, "policy_id", ids(450, "P"))
    return Table(table)


def copies_under_other_ids() -> Table:
    table = triplicates()
    hints = {"drop": ("customer_no",)}
    return Table(table.rows, hints, {"candidates": {"lightgbm": {"n_estimators": 100}}})


def without_ids() -> Table:
    columns, random = draw()
    columns["churn"] = columns["churn"].astype(int)
    table = pd.DataFrame(columns)
    for name in ("months", "plan"):
        table[name] = table[name].astype(object).where(random.random(ROWS) > 0.1)
    return Table(table, {"target": "churn"})


def no_categories() -> Table:
    columns, random = draw()
    del columns["plan"]
    columns["months"] = np.where(random.random(ROWS) < 0.1, np.nan, columns["months"])
    return Table(pd.DataFrame({"id": ids(), **columns}), {"target": "churn"})


def no_numbers() -> Table:
    columns, _ = draw()
    columns["months"] = np.where(columns["months"] < 20, "new", "old")
    columns["calls"] = np.where(columns["calls"] > 3, "many", "few")
    columns["churn"] = columns["churn"].astype(int)
    return Table(pd.DataFrame({"id": ids(), **columns}), {"target": "churn"})


def one_feature(name: str) -> Callable[[], Table]:
    def build() -> Table:
        columns, _ = draw()
        columns["churn"] = text(columns["churn"])
        return Table(pd.DataFrame({"id": ids(), name: columns[name], "churn": columns["churn"]}))

    return build


def roles() -> Table:
    columns, random = draw()
    columns["churn"] = np.where(columns["churn"], "left", "stayed")
    rows = pd.DataFrame(
        {
            "account": ids(),
            **columns,
            "gender": random.choice(["F", "M"], ROWS),
            "age": random.integers(18, 90, ROWS),
            "city": random.choice([f"Town {i}" for i in range(12)], ROWS),
            "note": [f"called on day {i}" for i in range(ROWS)],
            "active": random.choice(["true", "false"], ROWS),
        }
    )

    def change(contract: dict[str, Any]) -> None:
        contract["columns"]["gender"]["role"] = "sensitive"
        contract["columns"]["age"]["role"] = ["feature", "sensitive"]
        contract["columns"]["city"]["open"] = True
        contract["columns"]["city"]["values"] = [f"Town {i}" for i in range(9)]
        contract["columns"]["city"]["nullable"] = True
        contract["columns"]["plan"]["spellings"] = {"team": ["TEAM"]}

    rows.loc[rows["plan"] == "team", "plan"] = random.choice(
        ["team", "TEAM"], int((rows["plan"] == "team").sum())
    )
    rows["spent"] = np.round(random.gamma(2, 50, ROWS), 2)
    return Table(
        rows,
        {"target": "churn", "positive": "left", "keep": ("city",)},
        {"economics": {"customer_lifetime_value": "spent"}},
        change,
    )


def snapshots(
    months: int = 4, two_level: bool = False, horizon: int | None = 30, **split: Any
) -> Callable[[], Table]:
    def build() -> Table:
        parts = []
        for month in range(months):
            columns, random = draw(150, seed=month)
            columns["churn"] = text(columns["churn"]).astype(object)
            if horizon is not None and month == months - 1 and months > 2:
                columns["churn"][:] = None
            day = pd.Timestamp("2025-01-31") + pd.offsets.MonthEnd(month)
            since = day - pd.to_timedelta(random.integers(30, 2000, 150), unit="D")
            own = {"customer_id": ids(150)} if not two_level else {
                "line": ids(150, f"L{month}"), "customer_id": [f"C{i // 2}" for i in range(150)],
            }  # fmt: skip
            parts.append(
                pd.DataFrame(
                    {
                        **own,
                        "snapshot_date": day.date(),
                        "opened_on": since.strftime("%Y-%m-%d"),
                        **columns,
                    }
                )
            )
        hints = {"snapshot": "snapshot_date", "target": "churn", "horizon_days": horizon}
        return Table(pd.concat(parts), hints, {"split": split})

    return build


def trees(candidate: str, settings: dict[str, Any]) -> Callable[[], Table]:
    def build() -> Table:
        table = without_ids()
        return Table(table.rows, table.hints, {"candidates": {candidate: settings}})

    return build


CASES: dict[str, Callable[[], Table]] = {
    "value column": plain,
    "several rows a customer": several_rows_a_customer,
    "every row three times": triplicates,
    "no ids, 0/1, missing everywhere": without_ids,
    "no categories, boolean target": no_categories,
    "no numbers": no_numbers,
    "one number": one_feature("months"),
    "one category": one_feature("plan"),
    "sensitive, ignored, open, spellings, value column": roles,
    "dates, horizon, pending, by time": snapshots(5),
    "row ids, customers, dates, by time": snapshots(4, two_level=True, horizon=None),
    "dates, by customer": snapshots(4, two_level=True, method="customer"),
    "one date only": snapshots(1),
    "lightgbm": trees("lightgbm", {"n_estimators": 5, "extra_trees": True}),
    "xgboost": trees("xgboost", {"n_estimators": 5}),
    "random forest": trees("random_forest", {"n_estimators": 5}),
}


# Each role, split and kind of candidate is in one of these; at full size the others run as well,
# which join them in other ways
QUICK = (
    "several rows a customer",
    "no ids, 0/1, missing everywhere",
    "no numbers",
    "sensitive, ignored, open, spellings, value column",
    "dates, horizon, pending, by time",
    "row ids, customers, dates, by time",
    "xgboost",
)


@pytest.mark.parametrize(
    "case",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.full) for name in CASES],
)
def test_a_whole_run_ends_in_a_bundle_and_scores(
    case: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run_whole(CASES[case](), root, tmp_path)
    scores = outcome.load("scores")
    assert len(scores) > 0
    assert scores["churn_probability"].between(0, 1).all()
    assert scores["reason_1"].notna().any()
    scorer = Scorer(outcome.load("bundle"))
    contract: Contract = scorer.contract
    assert set(contract.model_inputs) == set(outcome.load("model").inputs)
    (customer,) = [scorer.read(scorer.example)]
    assert scorer.explain([customer])[0].contributions
    sides_hold_other_customers(outcome, contract)


def test_copies_under_other_ids_are_told(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run_whole(copies_under_other_ids(), root, tmp_path)
    (sentence,) = outcome.load("data_quality")["findings"]
    assert sentence.startswith("450 of 450 rows equal a row of another id")
    assert sentence in outcome.load("model_card")


def sides_hold_other_customers(outcome: Outcome, contract: Contract) -> None:
    split = outcome.load("split")
    name = (contract.customer or contract.id).name
    train, test = (set(outcome.load(side)[name]) for side in ("train", "test"))
    if split["method"] == "customer":
        assert not train & test
    else:
        assert split["last_training_snapshot"] < split["first_test_snapshot"]
