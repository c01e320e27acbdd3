"""What the ledger keeps of a scoring run."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.contract.model import Column
from churn_pipeline.io.frames import Frames
from churn_pipeline.pipelines.scoring.parts import Parts, accepted_part
from churn_pipeline.scorer import Bundle, Scorer


def record_parts(
    scored: Parts, contract: Contract, bundle: Bundle, report: dict[str, Any]
) -> Frames:
    """Return what :func:`record_scores` says of each part, made when the ledger asks for it."""
    return Frames(partial(_recorded, scored, contract, bundle, report))


def _recorded(
    scored: Parts, contract: Contract, bundle: Bundle, report: dict[str, Any]
) -> Iterator[pd.DataFrame]:
    version = Scorer(bundle).version
    for number, name in enumerate(scored.names("scores")):
        scores = scored.staged.read_frame(name)
        if len(scores):
            described, _ = accepted_part(scored, number)
            scores = scores.assign(model_version=version)
            yield record_scores(scores, described, contract, bundle, report)


def record_scores(
    scores: pd.DataFrame,
    described: pd.DataFrame,
    contract: Contract,
    bundle: Bundle,
    report: dict[str, Any],
) -> pd.DataFrame:
    """Say of each score whose it is, of which day and what is at stake, in the ledger's columns.

    Parameters
    ----------
    scores : DataFrame
        Or some rows of it.
    described : DataFrame
        At least the rows that were scored: it has the customer where ids are those of rows.
    contract : Contract
        Of the requests.
    bundle : Bundle
        Whose rules say what a customer is worth.
    report : dict
        Of the run. It is written after the files of scores, and so is the ledger: what goes wrong
        here leaves them complete.

    Returns
    -------
    DataFrame
        The scores without their id and snapshot, and before them ``customer`` and ``row_id``, as
        texts, and ``as_of``: as ISO text what the report's ``as_of`` names, the date of the run's
        parameters or the snapshot, or missing where there is neither; and ``lifetime_value``.
    """
    rows = _texts(scores[contract.id.name])
    customers = _customers(scores, described, contract)
    snapshot = contract.snapshot
    day: Any = None
    if report["as_of"] == "scoring.date":
        day = report["date"]
    elif snapshot is not None and snapshot.name in scores:
        day = pd.to_datetime(scores[snapshot.name]).dt.strftime("%Y-%m-%d")
    figures = scores.drop(columns=[name for name in contract.key if name in scores])
    added = {"customer": customers, "row_id": rows, "as_of": day}
    figures = figures.assign(**added, lifetime_value=_values(scores, described, contract, bundle))
    return figures[[*added, *(name for name in figures if name not in added)]]


def _values(
    scores: pd.DataFrame, described: pd.DataFrame, contract: Contract, bundle: Bundle
) -> Any:
    """Return what each customer is worth: one value, or that of the row's column."""
    worth = Scorer(bundle).economics.customer_lifetime_value
    if not isinstance(worth, str):
        return float(worth)
    return _of_rows(worth, scores, described, contract).to_numpy(dtype="float64")


def _customers(scores: pd.DataFrame, described: pd.DataFrame, contract: Contract) -> pd.Series:
    """Return the customer of each score; the row's id where the table does not say."""
    rows = _texts(scores[contract.id.name])
    customer: Column | None = contract.customer
    if customer is None or customer.name not in described:
        return rows
    found = _of_rows(customer.name, scores, described, contract)
    return _texts(found).set_axis(scores.index).fillna(rows)


def _of_rows(
    column: str, scores: pd.DataFrame, described: pd.DataFrame, contract: Contract
) -> pd.Series:
    """Return what a column of the table says of the scored rows."""
    key = [name for name in contract.key if name in scores]
    known = described[[*key, column]]
    return scores[key].merge(known, on=key, how="left", validate="many_to_one")[column]


def _texts(ids: pd.Series) -> pd.Series:
    return ids.astype("str")
