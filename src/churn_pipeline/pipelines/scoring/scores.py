"""Nodes of the scoring pipeline that score part by part, and rank all by expected profit."""

from collections.abc import Iterator
from dataclasses import fields
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from churn_pipeline.contract.derivation import derive
from churn_pipeline.evaluation.coded_texts import coded_texts
from churn_pipeline.evaluation.explanation import top_reasons
from churn_pipeline.io.frames import Frames
from churn_pipeline.io.staged_parts import StagedParts
from churn_pipeline.pipelines.scoring.parts import Parts, accepted_part, part_name
from churn_pipeline.progress import Progress
from churn_pipeline.scorer import Bundle, Scorer
from churn_pipeline.splits.current_customers import STATES

_REASONS = 3
_ROWS_A_FRAME = 100_000
_PROFIT = "expected_profit"


def score_customers(described: Parts, bundle: Bundle) -> tuple[Parts, Frames]:
    """Score customers and rank them by what contacting them is worth.

    Parameters
    ----------
    described : Parts
        At least one customer to score.
    bundle : Bundle

    Returns
    -------
    scored : Parts
        The same, with their scores.
    ranked : Frames
        One line a customer: the id column, the snapshot if there is one, ``churn_probability``,
        ``tier``, ``recommended_action``, ``contact``, ``expected_profit``, ``reason_1`` … and
        ``contribution_1`` … (see :func:`churn_pipeline.evaluation.explanation.top_reasons`), and
        ``model_version``; the highest expected profit first, equal ones in the order of the file.
    """
    scorer = Scorer(bundle)
    total = int((described.states() == STATES.index("current")).sum())
    with Progress("scored", total) as progress:
        for number, name in enumerate(described.names("scores")):
            if described.staged.has(name):
                progress.skip(described.staged.read(name, [_PROFIT]).num_rows)
                continue
            scores = _score_part(described, number, scorer)
            described.staged.write_frame(name, scores)
            progress.advance(len(scores))
    names = described.names("scores")
    return described, Frames(partial(_ranked, described.staged, names, scorer.version))


def _score_part(parts: Parts, number: int, scorer: Scorer) -> pd.DataFrame:
    accepted, unseen = accepted_part(parts, number)
    codes = parts.staged.read(part_name("state", number))["state"].to_numpy()
    is_current = codes == STATES.index("current")
    if not is_current.all():
        accepted = accepted[is_current].reset_index(drop=True)
        unseen = {name: flags[is_current] for name, flags in unseen.items()}
    scores = _score(accepted, unseen, scorer)
    order = np.argsort(-scores[_PROFIT].to_numpy(), kind="stable")
    return scores.iloc[order].reset_index(drop=True)


def _score(
    customers: pd.DataFrame, unseen: dict[str, NDArray[np.bool_]], scorer: Scorer
) -> pd.DataFrame:
    contract, worth = scorer.contract, scorer.economics.customer_lifetime_value
    rows = scorer.rows(customers)
    values = (
        customers[worth].to_numpy(dtype=np.float64)
        if isinstance(worth, str)
        else np.full(len(rows), worth, dtype=np.float64)
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
            scores.insert(0, name, customers[name].array)
    contributions = pd.DataFrame(scorer.contributions(rows), columns=list(scorer.explained_inputs))
    read = {name for column in contract.derived_columns for name in column.expression.columns}
    own = {name: customers[name].to_numpy() for name in read}
    table = customers.assign(**derive(own, contract))
    reasons = top_reasons(contributions, table, contract, _REASONS, unseen)
    return pd.concat([scores, reasons], axis=1)


def profits_of(staged: StagedParts, names: list[str]) -> list[NDArray[np.float64]]:
    """Return the expected profits of each part of the scores, the highest first."""
    return [staged.read(name, [_PROFIT])[_PROFIT].to_numpy() for name in names]


def _ranked(staged: StagedParts, names: list[str], version: str) -> Iterator[pd.DataFrame]:
    """Merge the parts, each of which is ranked, holding one batch of each in memory."""
    profits = profits_of(staged, names)
    part_of = np.repeat(np.arange(len(names), dtype=np.int32), [len(part) for part in profits])
    part_of = part_of[np.argsort(-np.concatenate(profits), kind="stable")]
    del profits
    readers = [_Reader(staged, name) for name in names]
    with Progress("wrote", len(part_of)) as progress:
        for start in range(0, len(part_of), _ROWS_A_FRAME):
            owner = part_of[start : start + _ROWS_A_FRAME]
            counts = np.bincount(owner, minlength=len(names)).tolist()
            taken = [reader.take(n) for reader, n in zip(readers, counts, strict=True) if n]
            place = np.empty(len(owner), dtype=np.int64)
            place[np.argsort(owner, kind="stable")] = np.arange(len(owner))
            frame = pa.concat_tables(taken).combine_chunks().take(place).to_pandas()
            yield frame.assign(model_version=version)
            progress.advance(len(frame))


class _Reader:
    """Takes the rows of a part from its start, as many as are asked for."""

    def __init__(self, staged: StagedParts, name: str) -> None:
        self._batches = staged.batches(name)
        self._left: pa.Table | None = None

    def take(self, n: int) -> pa.Table:
        """Return the next rows."""
        tables = []
        while n:
            if self._left is None or not self._left.num_rows:
                self._left = pa.Table.from_batches([next(self._batches)])
            tables.append(self._left.slice(0, n))
            n -= tables[-1].num_rows
            self._left = self._left.slice(tables[-1].num_rows)
        return pa.concat_tables(tables)
