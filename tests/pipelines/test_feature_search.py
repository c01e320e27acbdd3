from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.pipelines.feature_search.nodes import search_features

Sides = tuple[pd.DataFrame, pd.DataFrame]
PARAMETERS: dict[str, Any] = {
    "folds": 3, "repeats": 2, "rounds": 1, "confidence": 0.9, "seed": 4, "ignore_derived": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def small(contract: Contract) -> Contract:
    """The default contract with few features, to be quick."""
    few = ("tenure", "MonthlyCharges", "TotalCharges")
    columns = {
        name: column
        for name, column in contract.columns.items()
        if name in few or "feature" not in column.roles
    }
    return replace(contract, columns=columns, derived_columns=contract.derived_columns[:1])


def test_found_columns_can_be_pasted_into_the_contract(
    sides: Sides, small: Contract, root: Any
) -> None:
    tenure = sides[0]["tenure"].to_numpy()
    leaves = np.random.default_rng(1).random(len(tenure)) < np.where(tenure <= 5, 0.9, 0.1)
    target = small.target
    (stayed,) = set(target.values) - {target.positive}
    train = sides[0].copy()
    train[target.name] = [target.positive if left else stayed for left in leaves]
    table, text = search_features(train, small, PARAMETERS)
    kept = table[table["kept"]]
    assert len(kept) == 1
    found = yaml.safe_load(text)["derived_columns"]
    assert list(found) == kept["proposal"].tolist()
    document = yaml.safe_load((root / "conf/base/contract.yml").read_text(encoding="utf-8"))
    accepted = parse_contract({**document, "derived_columns": found}).derived_columns
    assert [column.expression.text for column in accepted] == kept["expression"].tolist()
    evidence = [line for line in text.splitlines() if line.startswith("  # 1. log loss ")]
    assert len(evidence) == 1
    assert f"{kept['difference'].item():+.5f} (90 % interval" in evidence[0]


def test_derived_columns_of_the_contract_can_be_ignored(sides: Sides, small: Contract) -> None:
    (derived,) = small.derived_columns
    without, _ = search_features(sides[0], small, PARAMETERS)
    assert derived.expression.text in set(without["expression"])
    given, _ = search_features(sides[0], small, {**PARAMETERS, "ignore_derived": False})
    assert derived.expression.text not in set(given["expression"])


def test_nothing_found_is_said(sides: Sides, small: Contract) -> None:
    noise = sides[0].assign(
        **{small.target.name: sides[0][small.target.name].sample(frac=1, random_state=1).to_numpy()}
    )
    table, text = search_features(noise, small, {**PARAMETERS, "confidence": 0.99})
    assert not table["kept"].any()
    assert text.startswith("# None of the proposed derived columns")
    assert yaml.safe_load(text) == {"derived_columns": {}}


def test_it_runs_on_demand_only(root: Any) -> None:
    from kedro.framework.project import pipelines
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(root)
    (node,) = pipelines["feature_search"].nodes
    assert node.outputs == ["feature_search", "proposed_columns"]
    assert node.name not in {other.name for other in pipelines["__default__"].nodes}
