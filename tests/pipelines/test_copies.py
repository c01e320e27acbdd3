from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.pipelines.ingestion.copies import copied_rows, copies_sentences
from tests.panels import panel, panel_contract, without_snapshot

CONTRACT = without_snapshot(panel_contract())


def accounts(n: int = 300) -> pd.DataFrame:
    return panel(n, ["2025-01-31"], seed=3)


def copied(table: pd.DataFrame, times: int) -> pd.DataFrame:
    table = pd.concat([table] * times, ignore_index=True)
    return table.assign(account=[f"row {i}" for i in range(len(table))])


def test_copies_under_other_ids_are_counted_and_told() -> None:
    table = copied(accounts(), 3)
    assert copied_rows(table, CONTRACT) == 900
    (sentence,) = copies_sentences(900, 900, CONTRACT)
    assert sentence.startswith("900 of 900 rows equal a row of another id")
    some = pd.concat([accounts(), copied(accounts()[:20], 1)], ignore_index=True)
    assert copied_rows(some, CONTRACT) == 40


def test_different_rows_and_few_equal_ones_are_nothing() -> None:
    assert copied_rows(accounts(), CONTRACT) == 0
    few = pd.concat([accounts(), copied(accounts()[:1], 1)], ignore_index=True)
    assert copied_rows(few, CONTRACT) == 0
    assert copies_sentences(0, 300, CONTRACT) == []


@pytest.mark.parametrize("levels", [2, 6, 12])
def test_rows_of_few_levels_agree_by_chance(levels: int, contract: Contract) -> None:
    random = np.random.default_rng(levels)
    table = accounts(2000).assign(usage=random.integers(0, levels, 2000).astype(float))
    assert copied_rows(table, CONTRACT) == 0


def test_the_customers_of_the_simulation_are_no_copies(
    customers: pd.DataFrame, contract: Contract
) -> None:
    assert copied_rows(customers, contract) == 0


def test_rows_of_one_customer_may_be_equal() -> None:
    contract = panel_contract()
    months = panel(100, ["2025-01-31", "2025-02-28"]).assign(usage=1.0, plan="a", gone="n")
    months["usage"] = months.groupby("account").ngroup().astype(float)
    assert copied_rows(months, contract) == 0
