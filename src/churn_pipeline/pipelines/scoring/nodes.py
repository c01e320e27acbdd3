"""Nodes of the scoring pipeline: what is asked of customers, and the day of their scores."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.contract.model import Column
from churn_pipeline.errors import ParameterError
from churn_pipeline.io.dates import dated
from churn_pipeline.io.frames import Frames
from churn_pipeline.io.raw_stream import RawStream
from churn_pipeline.io.sink_types import is_kept_as_integer
from churn_pipeline.named_files import params_yaml
from churn_pipeline.scorer import Bundle, Scorer


def contract_of_requests(bundle: Bundle, raw: RawStream, date: str | None) -> Contract:
    """Return what is asked of customers to score: not what the model does not see.

    A target that the table has is read as text, whatever it holds: it says who has left already,
    and of others the outcome is open. The column of the customers is read where ids are those of
    rows. The snapshot is asked for where the table has it, so that the scores can be distinguished
    by it. A table without it describes its customers on ``date``: the day of the contract was that
    of the training file.

    Raises
    ------
    ParameterError
        If the model counts days up to a snapshot, the table has none, there is no ``date``, and
        it is not the file that the model was trained on.
    """
    scorer = Scorer(bundle)
    columns = {column.name: column for column in scorer.request_columns}
    snapshot = scorer.contract.snapshot
    if snapshot is not None and snapshot.name not in raw.columns:
        of_training = scorer.description.get("data", {}).get("sha256") == raw.sha256
        if snapshot.name in columns and date is None and not of_training:
            raise ParameterError(
                f"{raw.name} has no column {snapshot.name}, but the model counts days up to it; "
                f"set scoring.date in {params_yaml()} to the day that the file describes"
            )
        snapshot = replace(snapshot, default=date) if date is not None else snapshot
    if snapshot is not None and (snapshot.default or snapshot.name in raw.columns):
        columns[snapshot.name] = snapshot
    rules = [rule for rule in scorer.contract.row_rules if columns.keys() >= {*rule.check.columns}]
    target, customer = scorer.contract.target, scorer.contract.customer
    if target.name in raw.columns:
        columns[target.name] = Column(
            target.name, "text", ("ignored",), target.meaning, nullable=True,
            missing_values=target.missing_values,
        )  # fmt: skip
    if customer is not None and customer.name in raw.columns:
        columns[customer.name] = replace(customer, nullable=True)
    return replace(scorer.contract, columns=columns, row_rules=tuple(rules))


def date_scores(
    scores: Frames, contract: Contract, sink: str | None, date: str | None
) -> tuple[Frames, Frames]:
    """Add the day that the scores are of, by which the sink tells them apart.

    Parameters
    ----------
    scores : Frames
    contract : Contract
        Of the requests.
    sink : str or None
        Where they go; without one no day is needed.
    date : str or None
        The day; None for each row's snapshot.

    Returns
    -------
    scores : Frames
        As they are, for the file.
    dated : Frames
        With a column ``scoring_date`` at the end, for the sink; without rows if there is none.

    Raises
    ------
    ParameterError
        If there is a sink and neither date nor snapshot.
    """
    if sink is None:
        return scores, Frames(partial(_no_rows, scores))
    dated(next(iter(scores))[:0], contract, "scoring_date", date, "scoring.date")  # or an error
    return scores, Frames(partial(_dated, scores, contract, date))


def _no_rows(scores: Frames) -> Iterator[pd.DataFrame]:
    yield next(iter(scores))[:0]


def _dated(scores: Frames, contract: Contract, date: str | None) -> Iterator[pd.DataFrame]:
    name = contract.id.name
    if not all(is_kept_as_integer(frame[name], contract.id) for frame in scores):
        columns = {**contract.columns, name: replace(contract.id, stored_as=None)}
        contract = replace(contract, columns=columns)  # one type for all frames
    for frame in scores:
        yield dated(frame, contract, "scoring_date", date, "scoring.date")
