"""What became of the customers of a campaign, from a table like ingestion's."""

from dataclasses import replace
from datetime import date

import pandas as pd

from churn_pipeline.checking.cells import read_cells
from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable


def read_outcomes(raw: RawTable, contract: Contract, as_of: date) -> dict[str, bool]:
    """Return which customers churned, by the contract's target.

    A customer without an outcome in any row is not in it; one who churned by any row churned. Where
    rows have snapshots, only those of the scores' day count: others speak of other times.

    Parameters
    ----------
    raw : RawTable
        With the column of the customers (or of the ids) and the target.
    contract : Contract
    as_of : date
        Day of the scores.

    Raises
    ------
    DataError
        If a column is missing, a row has no customer, a target is none of the contract's values, or
        no row is of the scores' day.
    """
    has_customer = contract.customer is not None and contract.customer.name in raw.cells
    who = contract.customer if has_customer and contract.customer else contract.id
    target = contract.target
    absent = [name for name in (who.name, target.name) if name not in raw.cells]
    if absent:
        raise DataError(
            f"{raw.name} has no column {absent[0]}; outcomes need {who.name}, the customer, and "
            f"{target.name}, {target.positive} of those who churned"
        )
    # read as texts, as the ledger has them
    columns = {who.name: replace(who, type="text", roles=("id",)), target.name: target}
    snapshot = contract.snapshot
    if snapshot is not None and snapshot.name in raw.cells:
        columns[snapshot.name] = snapshot
    reduced = replace(contract, columns=columns, row_rules=(), derived_columns=())
    table, _ = read_cells(raw.cells, reduced)
    if snapshot is not None and snapshot.name in columns:
        is_of_day = table[snapshot.name] == pd.Timestamp(as_of)
        if not is_of_day.any():
            raise DataError(
                f"{raw.name} has no row of {snapshot.name} {as_of}, the day of the campaign's "
                "scores, whose target says what became of them"
            )
        table = table[is_of_day]
    known = table[table[target.name].notna()]
    texts = known[target.name].astype("str")
    for is_bad, problem in (
        (~texts.isin([*target.values]), f"is none of {', '.join(target.values)}"),
        (known[who.name].isna(), f"is the outcome of nobody: {who.name} is empty"),
    ):
        if is_bad.any():
            place = int(is_bad.to_numpy().argmax())
            line = int(raw.lines[raw.cells.index.get_loc(known.index[place])])
            raise DataError(
                f"{raw.name}, line {line}: {target.name} {texts.iloc[place]!r} {problem}"
                + (f" ({int(is_bad.sum()):,} such rows)" if is_bad.sum() > 1 else "")
            )
    has_churned = (texts == target.positive).groupby(known[who.name].astype("str")).any()
    return {str(name): bool(left) for name, left in has_churned.items()}
