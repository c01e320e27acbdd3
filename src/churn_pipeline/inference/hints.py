"""What the user says of a table, against what would be inferred."""

from collections.abc import Sequence
from dataclasses import dataclass

from churn_pipeline.errors import DataError
from churn_pipeline.inference.target import closest


@dataclass(frozen=True)
class Hints:
    """What the user says of the table; anything left out is inferred.

    Attributes
    ----------
    target, positive : str or None
        The target's column, and its value that means churn.
    id, snapshot : str or None
        The columns of the customer and of the day that a row describes.
    horizon_days : int or None
        How many days after the snapshot the target is known.
    drop, keep, sensitive : tuple of str
        Columns to ignore, to keep whatever speaks against them, to audit for fairness.
    nullable_from : float
        Share of missing cells above which a column may have them; rows with one are rejected
        where the share is below.
    """

    target: str | None = None
    positive: str | None = None
    id: str | None = None
    snapshot: str | None = None
    horizon_days: int | None = None
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    nullable_from: float = 0.0


def check_hints(hints: Hints, columns: Sequence[str], source: str) -> None:
    """Refuse hints that name a column the table lacks, or that contradict each other.

    Raises
    ------
    DataError
    """
    named = {
        "--target": (hints.target,),
        "--id": (hints.id,),
        "--snapshot": (hints.snapshot,),
        "--drop": hints.drop,
        "--keep": hints.keep,
        "--sensitive": hints.sensitive,
    }
    for flag, asked in named.items():
        for column in asked:
            if column is not None and column not in columns:
                raise DataError(
                    f"{flag} {column!r}: {source} has no such column; {closest(column, columns)}"
                )
    single = [column for column in (hints.target, hints.id, hints.snapshot) if column is not None]
    for column in single:
        if single.count(column) > 1 or column in hints.drop:
            raise DataError(f"the column {column!r} is asked to be two things at once")
    both = sorted(set(hints.drop) & {*hints.keep, *hints.sensitive})
    if both:
        raise DataError(f"--drop {both[0]!r} contradicts --keep or --sensitive of the same column")
