"""What is in a ledger."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from churn_pipeline.ledger.schema import erasures, scores


@dataclass(frozen=True)
class Scores:
    """Scores of one data set, source and model.

    Attributes
    ----------
    data_set, source, model_version : str
    rows : int
    first, last : date
        Of the days that they are of.
    """

    data_set: str
    source: str
    model_version: str
    rows: int
    first: date
    last: date


def scores_of(opened: sa.Connection) -> list[Scores]:
    """Return what scores there are, by data set, the latest last."""
    key = (scores.c.data_set, scores.c.source, scores.c.model_version)
    first, last = sa.func.min(scores.c.as_of), sa.func.max(scores.c.as_of)
    found = opened.execute(
        sa.select(*key, sa.func.count(), first, last)
        .group_by(*key)
        .order_by(key[0], last, key[1], key[2])
    )
    return [Scores(*row) for row in found]


def erasures_of(opened: sa.Connection) -> dict[str, int]:
    """Return how many customers were erased, by data set."""
    found = opened.execute(
        sa.select(erasures.c.data_set, sa.func.count()).group_by(erasures.c.data_set)
    )
    return {str(data_set): int(n) for data_set, n in found}
