"""Scores into the ledger: each once, and never changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, repeat
from typing import Any

import sqlalchemy as sa

from churn_pipeline.ledger.schema import scores
from churn_pipeline.ledger.score_ids import score_ids

_ROWS_A_PIECE = 10_000
_COMPARED = ("churn_probability", "expected_profit")
_NAMES = tuple(column.name for column in scores.columns)
GIVEN = tuple(
    name
    for name in _NAMES
    if name not in ("score_id", "data_set", "scored_at", "source", "model_version")
)
"""Columns whose values the caller brings, row by row."""


@dataclass(frozen=True)
class Appended:
    """What became of scores.

    Attributes
    ----------
    added : int
        New ones.
    there : int
        Those that the ledger had.
    differing : int
        Of these, how many have another probability or profit there.
    """

    added: int
    there: int
    differing: int

    def __add__(self, other: "Appended") -> "Appended":
        return Appended(
            self.added + other.added, self.there + other.there, self.differing + other.differing
        )


def append_scores(
    opened: sa.Connection,
    columns: Mapping[str, Sequence[Any]],
    *,
    data_set: str,
    model_version: str,
    source: str,
    scored_at: datetime,
) -> Appended:
    """Add the scores whose key the ledger does not have; leave those that it has as they are.

    What a campaign was planned from must not change afterwards, so the first score of a key stays,
    even if a later one differs; how many differ is returned.

    Parameters
    ----------
    opened : Connection
        Of :meth:`churn_pipeline.ledger.store.Ledger.writing`.
    columns : mapping of str to sequence, each (n,)
        The columns :data:`GIVEN`: ``customer`` and ``row_id`` as texts, ``as_of`` as ISO dates,
        numbers as floats or None, ``contact`` as bool.
    data_set, model_version, source : str
        Of all rows.
    scored_at : datetime
        With a time zone.

    Returns
    -------
    Appended
    """
    n = len(columns["customer"])
    key = zip(columns["customer"], columns["row_id"], columns["as_of"], strict=True)
    is_sqlite = opened.dialect.name == "sqlite"
    moment = scored_at.astimezone(UTC)
    constants = {
        "data_set": data_set,
        "source": source,
        "model_version": model_version,
        # as SQLAlchemy writes it, in the form that SQLite's functions of dates read
        "scored_at": f"{moment:%Y-%m-%d %H:%M:%S.%f}" if is_sqlite else moment,
    }
    values: list[Iterable[Any]] = [
        score_ids(data_set, model_version, source, key)
        if name == "score_id"
        else repeat(constants[name], n)
        if name in constants
        else columns[name]
        for name in _NAMES
    ]
    rows: Iterator[tuple[Any, ...]] = zip(*values, strict=True)
    if not is_sqlite:
        # in one order, so that no two writers wait for each other
        rows = iter(sorted(rows, key=lambda row: row[0]))
    insert = _insert_sqlite if is_sqlite else _insert_postgresql
    added = differing = 0
    while piece := list(islice(rows, _ROWS_A_PIECE)):
        new = insert(opened, piece)
        if new < len(piece):
            differing += _differing(opened, piece)
        added += new
    return Appended(added, n - added, differing)


def _insert_sqlite(opened: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> int:
    marks = ", ".join("?" * len(_NAMES))
    cursor = _driver(opened).cursor()
    cursor.executemany(
        f"insert into scores ({', '.join(_NAMES)}) values ({marks}) on conflict do nothing", rows
    )
    return max(int(cursor.rowcount), 0)


def _insert_postgresql(opened: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> int:
    names = ", ".join(_NAMES)
    cursor = _driver(opened).cursor()
    # COPY costs the client a third of what an INSERT with values does, but knows no conflicts
    cursor.execute("create temp table if not exists incoming_scores (like scores) on commit drop")
    with cursor.copy(f"copy incoming_scores ({names}) from stdin") as copy:
        for row in rows:
            copy.write_row(row)
    cursor.execute(
        f"insert into scores ({names}) select {names} from incoming_scores on conflict do nothing"
    )
    added = int(cursor.rowcount)
    cursor.execute("truncate incoming_scores")
    return max(added, 0)


def _differing(opened: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> int:
    """Count the rows that the ledger holds with other figures."""
    places = [_NAMES.index(name) for name in _COMPARED]
    known = opened.execute(
        sa.select(scores.c.score_id, *(scores.c[name] for name in _COMPARED)).where(
            scores.c.score_id.in_([row[0] for row in rows])
        )
    )
    there = {name: tuple(figures) for name, *figures in known}
    return sum(there.get(row[0]) != tuple(row[place] for place in places) for row in rows)


def _driver(opened: sa.Connection) -> Any:
    """Return the driver's own connection, which is in the same transaction."""
    return opened.connection.driver_connection
