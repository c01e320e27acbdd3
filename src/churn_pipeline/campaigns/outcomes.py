"""What became of the customers of a campaign, from a table like ingestion's."""

from dataclasses import replace

from churn_pipeline.checking.cells import read_cells
from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable


def read_outcomes(raw: RawTable, contract: Contract) -> dict[str, bool]:
    """Return which customers churned, by the contract's target.

    A customer without an outcome in any row is not in it; one who churned by any row churned.

    Parameters
    ----------
    raw : RawTable
        With the column of the customers (or of the ids) and the target.
    contract : Contract

    Raises
    ------
    DataError
        If a column is missing, a row has no customer, or a target is none of the contract's values.
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
    reduced = replace(contract, columns=columns, row_rules=(), derived_columns=())
    table, _ = read_cells(raw.cells, reduced)
    known = table[table[target.name].notna()]
    texts = known[target.name].astype("str")
    for is_bad, problem in (
        (~texts.isin([*target.values]), f"is none of {', '.join(target.values)}"),
        (known[who.name].isna(), f"is the outcome of nobody: {who.name} is empty"),
    ):
        if is_bad.any():
            place = int(is_bad.to_numpy().argmax())
            line = int(raw.lines[known.index[place]])
            raise DataError(
                f"{raw.name}, line {line}: {target.name} {texts.iloc[place]!r} {problem}"
                + (f" ({int(is_bad.sum()):,} such rows)" if is_bad.sum() > 1 else "")
            )
    has_churned = (texts == target.positive).groupby(known[who.name].astype("str")).any()
    return {str(name): bool(left) for name, left in has_churned.items()}
