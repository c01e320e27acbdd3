"""What the user says of a table, against what would be inferred."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from churn_pipeline.discovery.plan import shown_name
from churn_pipeline.discovery.target import closest
from churn_pipeline.errors import DataError


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
    missing : tuple of str
        ``COL=TEXT``: texts of a column that mean missing.
    same : tuple of str
        ``COL=TEXT=VALUE``: texts of a column that mean another value of it.
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
    missing: tuple[str, ...] = ()
    same: tuple[str, ...] = ()


def find_column(name: str, columns: Sequence[str]) -> str | None:
    """Return the column of a name, which may be written as reports show it; None without one."""
    if name in columns:
        return name
    alike = [column for column in columns if shown_name(column) == shown_name(name)]
    return alike[0] if len(alike) == 1 else None


def checked_hints(hints: Hints, columns: Sequence[str], source: str) -> Hints:
    """Return the hints with the columns' names as the table has them.

    Raises
    ------
    DataError
        If hints name a column that the table lacks, or contradict each other.
    """

    def found(flag: str, name: str) -> str:
        column = find_column(name, columns)
        if column is None:
            raise DataError(f"{flag} {name!r}: {source} has no such column; "
                            f"{closest(name, columns)}")  # fmt: skip
        return column

    def one(flag: str, name: str | None) -> str | None:
        return None if name is None else found(flag, name)

    def all_of(flag: str, named: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(found(flag, name) for name in named)

    hints = replace(
        hints,
        target=one("--target", hints.target),
        id=one("--id", hints.id),
        snapshot=one("--snapshot", hints.snapshot),
        drop=all_of("--drop", hints.drop),
        keep=all_of("--keep", hints.keep),
        sensitive=all_of("--sensitive", hints.sensitive),
    )
    single = [column for column in (hints.target, hints.id, hints.snapshot) if column is not None]
    for column in single:
        if single.count(column) > 1 or column in hints.drop:
            raise DataError(f"the column {column!r} is asked to be two things at once")
    both = sorted(set(hints.drop) & {*hints.keep, *hints.sensitive})
    if both:
        raise DataError(f"--drop {both[0]!r} contradicts --keep or --sensitive of the same column")
    return hints
