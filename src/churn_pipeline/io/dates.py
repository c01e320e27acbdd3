"""The day that written rows are of."""

from datetime import date as day

import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.io.sink_types import typed


def dated(
    table: pd.DataFrame, contract: Contract, column: str, date: str | None, setting: str
) -> pd.DataFrame:
    """Type a table for a database, and add the day of each row, which tells runs apart there.

    Parameters
    ----------
    table : DataFrame
    contract : Contract
        Names the snapshot, if there is one, and the types of the columns.
    column : str
        Name of the new column.
    date : str or None
        The day of all rows (ISO); None for each row's snapshot.
    setting : str
        Key of ``params.yaml`` that it is from, for the error.

    Raises
    ------
    ParameterError
        If there is neither.
    DataError
        If the table has a column of that name.
    """
    if column in table:
        raise DataError(
            f"the table has a column {column!r}, which {setting.partition('.')[0]} adds; rename it"
        )
    table = typed(table, contract)
    if date is not None:
        return table.assign(**{column: day.fromisoformat(date)})
    snapshot = contract.snapshot
    if snapshot is None or snapshot.name not in table:
        raise ParameterError(
            f"{setting} is null and the table has no snapshot date; set {setting} to the day that "
            "the rows describe, by which the sink distinguishes runs"
        )
    return table.assign(**{column: pd.to_datetime(table[snapshot.name]).dt.date})
