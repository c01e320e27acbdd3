"""Nodes of the scoring pipeline."""

import logging
import time
from dataclasses import fields, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.checking.cells import trimmed, whole_texts
from churn_pipeline.contract import Contract
from churn_pipeline.contract.derivation import derive
from churn_pipeline.contract.model import Column
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.evaluation.coded_texts import coded_texts
from churn_pipeline.evaluation.explanation import top_reasons
from churn_pipeline.io.dates import dated
from churn_pipeline.io.raw_table import RawTable
from churn_pipeline.named_files import params_yaml
from churn_pipeline.scorer import Bundle, Scorer
from churn_pipeline.splits.current_customers import states
from churn_pipeline.splits.periods import Unit

_REASONS = 3
_CUSTOMERS_A_CHUNK = 50_000
_SECONDS_BETWEEN_LINES = 10.0

logger = logging.getLogger(__name__)


def contract_of_requests(bundle: Bundle, raw: RawTable, date: str | None) -> Contract:
    """Return what is asked of customers to score: not what the model does not see.

    A target that the table has is read as text, whatever it holds: it says who has left already,
    and of others the outcome is open. The column of the customers is read where ids are those of
    rows. The snapshot is asked for where the table has it, so that the scores can be distinguished
    by
    it. A table without it describes its customers on ``date``: the day of the contract was that of
    the training file.

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
                f"{raw.name} has no column {snapshot.name}, but the model counts days up to it; "
                f"set scoring.date in {params_yaml()} to the day that the file describes"
            )
        snapshot = replace(snapshot, default=date) if date is not None else snapshot
    if snapshot is not None and (snapshot.default or snapshot.name in raw.cells):
        columns[snapshot.name] = snapshot
    rules = [rule for rule in scorer.contract.row_rules if columns.keys() >= {*rule.check.columns}]
    target, customer = scorer.contract.target, scorer.contract.customer
    if target.name in raw.cells:
        columns[target.name] = Column(
            target.name, "text", ("ignored",), target.meaning, nullable=True,
            missing_values=target.missing_values,
        )  # fmt: skip
    if customer is not None and customer.name in raw.cells:
        columns[customer.name] = replace(customer, nullable=True)
    return replace(scorer.contract, columns=columns, row_rules=tuple(rules))


def set_apart(
    accepted: pd.DataFrame,
    contract: Contract,
    bundle: Bundle,
    raw: RawTable,
    all_snapshots: bool,
    period: Unit,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Separate the rows to score from those of customers who have left, and from earlier ones.

    Parameters
    ----------
    accepted : DataFrame
        Rows that meet the contract.
    contract : Contract
        Of the requests.
    bundle : Bundle
    raw : RawTable
        The table that they are from, for the error.
    all_snapshots : bool
        Keeps earlier rows of those who are customers still, to look back.
    period : {"day", "week", "month", "quarter"}
        See :func:`churn_pipeline.splits.current_customers.states`.

    Returns
    -------
    described : DataFrame
        The latest row of each present customer.
    set_apart : DataFrame
        All other rows: the key, the target where the table has it, and ``state``, which is
        ``left``, ``absent`` or ``earlier``.

    Raises
    ------
    DataError
        If no row of the file meets the contract, or nobody is left to score.
    """
    if accepted.empty:
        raise DataError(
            f"no row of {raw.name} meets the contract; the rows and their reasons are in "
            "07_model_output/rejected_to_score.parquet of the data folder"
        )
    target = Scorer(bundle).contract.target
    state = states(accepted, contract, target, period, all_snapshots)
    is_current = state == "current"
    if not is_current.any():
        n_left = int((state == "left").sum())
        raise DataError(
            f"{raw.name} has no customer left to score: {n_left:,} of {len(state):,} rows are of "
            f"customers who have left by {target.name}; set scoring.source in {params_yaml()} "
            "to a table of current customers"
        )
    names = [name for name in (*contract.key, target.name) if name in accepted]
    apart = accepted.loc[~is_current, names].assign(state=state[~is_current])
    described = accepted if is_current.all() else accepted[is_current]
    return described.reset_index(drop=True), apart.reset_index(drop=True)


def score_customers(
    described: pd.DataFrame, bundle: Bundle, raw: RawTable | None = None
) -> pd.DataFrame:
    """Score customers and rank them by what contacting them is worth.

    Parameters
    ----------
    described : DataFrame
        At least one customer who meets the contract.
    bundle : Bundle
    raw : RawTable, optional
        The file that they are from: it tells values that the contract does not list from missing
        ones.

    Returns
    -------
    DataFrame
        One line a customer: the id column, the snapshot if there is one, ``churn_probability``,
        ``tier``, ``recommended_action``, ``contact``, ``expected_profit``, ``reason_1`` … and
        ``contribution_1`` … (see :func:`churn_pipeline.evaluation.explanation.top_reasons`), and
        ``model_version``; the highest expected profit first.
    """
    scorer = Scorer(bundle)
    n, started = len(described), time.monotonic()
    unseen = {} if raw is None else _unseen(described, scorer.contract, raw)
    parts, last_line = [], started
    for start in range(0, n, _CUSTOMERS_A_CHUNK):
        part = slice(start, start + _CUSTOMERS_A_CHUNK)
        parts.append(_score(described, unseen, part, scorer))
        done, now = min(start + _CUSTOMERS_A_CHUNK, n), time.monotonic()
        if now - last_line >= _SECONDS_BETWEEN_LINES and done < n:
            last_line, left = now, (now - started) * (n - done) / done
            logger.info("  scored %s of %s customers, %.0f s left", f"{done:,}", f"{n:,}", left)
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
    ids = pd.to_numeric(ids, errors="coerce") if contract.id.is_numeric else whole_texts(ids)
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
    decided = scorer.decide_table(scorer.churn_probability(rows), values)
    scores = pd.DataFrame(
        {
            field.name: coded_texts(*column) if isinstance(column, tuple) else column
            for field in fields(decided)
            for column in [getattr(decided, field.name)]
        }
    )
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
