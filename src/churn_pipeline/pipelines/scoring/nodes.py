"""Nodes of the scoring pipeline."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.contract.cells import trimmed
from churn_pipeline.contract.derivation import derive
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.io.dates import dated
from churn_pipeline.io.raw_table import RawTable
from churn_pipeline.modeling.explanation import top_reasons
from churn_pipeline.named_files import params_yaml
from churn_pipeline.scorer import Bundle, Scorer

_REASONS = 3
_CUSTOMERS_A_CHUNK = 50_000


def contract_of_requests(bundle: Bundle, raw: RawTable, date: str | None) -> Contract:
    """Return what is asked of customers to score: no target, nor what the model does not see.

    The snapshot is asked for where the table has it, so that the scores can be told apart by it. A
    table without it describes its customers on ``date``: the day of the contract was that of the
    training file.

    Raises
    ------
    ParameterError
        If the model counts days up to a snapshot, the table has none, there is no ``date``, and
        it is not the file that the model was trained on.
    """
    scorer = Scorer(bundle)
    columns = {column.name: column for column in scorer.request_columns}
    snapshot = scorer.contract.snapshot
    if snapshot is not None and snapshot.name not in raw.cells:
        of_training = scorer.description.get("data", {}).get("sha256") == raw.sha256
        if snapshot.name in columns and date is None and not of_training:
            raise ParameterError(
                f"{raw.name} has no column {snapshot.name}, and the model counts days up to it; "
                f"set scoring.date in {params_yaml()} to the day that the file describes"
            )
        snapshot = replace(snapshot, default=date) if date is not None else snapshot
    if snapshot is not None and (snapshot.default or snapshot.name in raw.cells):
        columns[snapshot.name] = snapshot
    rules = [rule for rule in scorer.contract.row_rules if columns.keys() >= {*rule.check.columns}]
    return replace(scorer.contract, columns=columns, row_rules=tuple(rules))


def latest_snapshot(
    accepted: pd.DataFrame, contract: Contract, all_snapshots: bool
) -> pd.DataFrame:
    """Keep the rows of the latest snapshot: nobody contacts the customers of last summer.

    Parameters
    ----------
    accepted : DataFrame
    contract : Contract
        Of the requests.
    all_snapshots : bool
        Keeps all rows, to look back.
    """
    if all_snapshots or contract.snapshot is None or contract.snapshot.name not in accepted:
        return accepted
    days = accepted[contract.snapshot.name]
    return accepted[days == days.max()].reset_index(drop=True)


def score_customers(accepted: pd.DataFrame, bundle: Bundle, raw: RawTable) -> pd.DataFrame:
    """Score customers and rank them by what contacting them is worth.

    Parameters
    ----------
    accepted : DataFrame
        Customers that meet the contract.
    bundle : Bundle
    raw : RawTable
        The file that they are from, for the error.

    Returns
    -------
    DataFrame
        One line a customer: the id column, the snapshot if there is one, ``churn_probability``,
        ``tier``, ``recommended_action``, ``contact``, ``expected_profit``, ``reason_1`` … and
        ``contribution_1`` … (see :func:`churn_pipeline.modeling.explanation.top_reasons`), and
        ``model_version``; the highest expected profit first.

    Raises
    ------
    DataError
        If no row of the file meets the contract.
    """
    if accepted.empty:
        raise DataError(
            f"no row of {raw.name} meets the contract; the rows and their reasons are in "
            "07_model_output/rejected_to_score.parquet of the data folder"
        )
    scorer = Scorer(bundle)
    starts = range(0, len(accepted), _CUSTOMERS_A_CHUNK)
    unseen = _unseen(accepted, scorer.contract, raw)
    parts = [_score(accepted, unseen, slice(i, i + _CUSTOMERS_A_CHUNK), scorer) for i in starts]
    scores = pd.concat(parts, ignore_index=True).assign(model_version=scorer.version)
    order = np.argsort(-scores["expected_profit"].to_numpy(), kind="stable")
    return scores.iloc[order].reset_index(drop=True)


def date_scores(
    scores: pd.DataFrame, contract: Contract, sink: str | None, date: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add the day that the scores are of, by which the sink tells them apart.

    Parameters
    ----------
    scores : DataFrame
    contract : Contract
        Of the requests.
    sink : str or None
        Where they go; without one no day is needed.
    date : str or None
        The day; None for each row's snapshot.

    Returns
    -------
    scores : DataFrame
        As they are, for the file.
    dated : DataFrame
        With a column ``scoring_date`` at the end, for the sink; no rows if there is none.

    Raises
    ------
    ParameterError
        If there is a sink and neither date nor snapshot.
    """
    if sink is None:
        return scores, scores[:0]
    return scores, dated(scores, contract, "scoring_date", date, "scoring.date")


def _unseen(
    customers: pd.DataFrame, contract: Contract, raw: RawTable
) -> dict[str, NDArray[np.bool_]]:
    """Say which missing categories have a value in the file, one that the contract does not list.

    Only where the ids of the file tell its rows apart.
    """
    name = contract.id.name
    ids = raw.cells[name].str.strip() if name in raw.cells else pd.Series(dtype="str")
    if contract.id.is_numeric:
        ids = pd.to_numeric(ids, errors="coerce")
    if not len(ids) or ids.duplicated().any():
        return {}
    places = pd.Index(ids).get_indexer(pd.Index(customers[name]))
    if (places < 0).any():
        return {}
    found = {}
    for category in contract.categorical_inputs:
        column = contract.columns[category]
        if column.is_open and category in raw.cells:
            missing_values = (*contract.missing_values, *column.missing_values)
            given = trimmed(raw.cells[category], missing_values).notna().to_numpy()[places]
            found[category] = given & customers[category].isna().to_numpy()
    return found


def _score(
    accepted: pd.DataFrame, unseen: dict[str, NDArray[np.bool_]], part: slice, scorer: Scorer
) -> pd.DataFrame:
    customers = accepted.iloc[part]
    contract, worth = scorer.contract, scorer.economics.customer_lifetime_value
    rows = scorer.rows(customers)
    values = (
        customers[worth].to_numpy(dtype=np.float64)
        if isinstance(worth, str)
        else np.full(len(rows), worth)
    )
    scores = pd.DataFrame(scorer.decide(scorer.churn_probability(rows), values))
    for name in reversed(contract.key):
        if name in customers:
            scores.insert(0, name, customers[name].to_numpy())
    contributions = pd.DataFrame(scorer.contributions(rows), columns=list(scorer.explained_inputs))
    own = {column.name: customers[column.name].to_numpy() for column in contract.read_columns}
    derived = derive(own, contract)
    table = customers.reset_index(drop=True).assign(**derived)
    here = {name: flags[part] for name, flags in unseen.items()}
    reasons = top_reasons(contributions, table, contract, _REASONS, here)
    return pd.concat([scores, reasons], axis=1)
