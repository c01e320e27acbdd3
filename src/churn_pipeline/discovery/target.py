"""Which column says that the customer left, and by which value."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churn_pipeline.discovery import outcome_names
from churn_pipeline.discovery.booleans import Flag, normal, positive_value
from churn_pipeline.discovery.levels import Levels
from churn_pipeline.discovery.reading import Reading
from churn_pipeline.errors import DataError

_MOST_LISTED = 20


@dataclass(frozen=True)
class Target:
    """The target column.

    Attributes
    ----------
    name : str
    flag : Flag
        Its two values.
    positive : str
        The value that means the customer left.
    tier : int
        How the name speaks: 1 of churn, 2 of leaving, 3 of staying, 4 of any target; 5 where its
        name alone has a word of churn; 0 where the user named it.
    is_inverted : bool
        Whether "no" means that the customer left, since the name speaks of staying.
    """

    name: str
    flag: Flag
    positive: str
    tier: int
    is_inverted: bool = False


def two_values(reading: Reading) -> Flag | None:
    """Return a column's two values; spellings that differ in case or final dots are one."""
    if reading.flag is not None:
        return reading.flag
    if not 2 <= len(reading.known) <= 24:
        return None
    sides: dict[str, list[str]] = {}
    for text in reading.known.by_frequency().texts:
        sides.setdefault(normal(text), []).append(text)
    if len(sides) != 2:
        return None
    spelled = sorted(sides.values(), key=lambda texts: texts[0])
    return Flag(
        (spelled[0][0], spelled[1][0]),
        {texts[0]: tuple(sorted(texts[1:])) for texts in spelled if len(texts) > 1},
    )


def find_target(
    readings: Mapping[str, Reading],
    cells: pd.DataFrame,
    source: str,
    target: str | None = None,
    positive: str | None = None,
) -> Target:
    """Find the target by its name and its two values.

    Parameters
    ----------
    readings : mapping of str to Reading
    cells : DataFrame of str
        The table, to see whether two candidates say the same.
    source : str
        Name of the table, for the messages.
    target, positive : str, optional
        What the user says.

    Raises
    ------
    DataError
        If no column or several could be the target, it has not two values, or it is not clear
        which of them means churn.
    """
    flags = {name: flag for name, r in readings.items() if (flag := two_values(r)) is not None}
    tier = 0
    if target is None:
        target, tier = _by_name(readings, flags, cells, source)
    elif target not in flags:
        raise DataError(_not_two_values(readings[target], source))
    flag = flags[target]
    found = _positive(flag, readings[target], positive, source)
    is_inverted = positive is None and found != positive_value(flag.values)
    return Target(target, flag, found, tier, is_inverted)


def _by_name(
    readings: Mapping[str, Reading], flags: Mapping[str, Flag], cells: pd.DataFrame, source: str
) -> tuple[str, int]:
    for tier in (1, 2, 3, 4):
        if tier == 3:
            last = [name for name in flags if outcome_names.may_be_target(name)]
            if len(last) == 1:
                return last[0], 5
        named = [name for name in readings if outcome_names.target_tier(name) == tier]
        found = [name for name in named if name in flags]
        if len(found) > 1:
            found = _without_relabellings(found, cells)
        if len(found) == 1:
            return found[0], tier
        if len(found) > 1:
            raise DataError(
                f"{source} has several columns that could say who left: {', '.join(found)}; "
                f"choose one with --target {found[0]!r}"
            )
        few = [name for name in named if 0 < len(readings[name].known) <= _MOST_LISTED]
        if len(few) == 1 and tier != 3:
            raise DataError(_not_two_values(readings[few[0]], source))
    listed = ", ".join(list(flags)[:_MOST_LISTED]) + (", …" if len(flags) > _MOST_LISTED else "")
    raise DataError(
        f"the names of {source} do not show which column says who left; state it with --target COL"
        + (f", one of the columns with two values: {listed}" if flags else
           ", but there is not a single column with two values")
    )  # fmt: skip


def _without_relabellings(found: Sequence[str], cells: pd.DataFrame) -> list[str]:
    """Drop candidates that only spell an earlier one otherwise."""
    kept = [found[0]]
    for name in found[1:]:
        pairs = cells[[kept[0], name]].drop_duplicates()
        if pairs[kept[0]].nunique() < len(pairs) and pairs[name].nunique() < len(pairs):
            kept.append(name)
    return kept


def _not_two_values(reading: Reading, source: str) -> str:
    levels = reading.known.by_frequency(6).texts.tolist()
    shown = ", ".join(map(repr, levels[:5])) + (", …" if len(levels) > 5 else "")
    count = len(reading.known)
    has = f"{count:,} values ({shown})" if count != 1 else f"the one value {levels[0]!r}"
    if not count:
        has = "only missing cells"
    return (
        f"the column {reading.name} of {source} has {has}; a target needs two, left and stayed: "
        "correct the file, or choose another column with --target"
    )


def _positive(flag: Flag, reading: Reading, positive: str | None, source: str) -> str:
    target = reading.name
    rarer = reading.known.by_frequency().texts.iloc[-1]
    options = " or ".join(repr(value) for value in flag.values)
    if positive is None:
        found = positive_value(flag.values, outcome_names.means_staying(target))
        if found is None:
            raise DataError(
                f"the target {target} of {source} is {options}; state which one means that the "
                f"customer left, such as --positive {rarer!r}"
            )
        return found
    for value in flag.values:
        if positive.strip() in (value, *flag.spellings.get(value, ())):
            return value
    raise DataError(f"--positive {positive!r} is not a value of {target}, which is {options}")


def target_rows(cells: pd.Series, target: Target) -> np.ndarray:
    """Return 1.0 where a row churned, 0.0 where not, NaN where that is missing."""
    stripped = cells.str.strip()
    rows = np.full(len(cells), np.nan)
    for value in target.flag.values:
        spelled = [value, *target.flag.spellings.get(value, ())]
        rows[stripped.isin(spelled).to_numpy(dtype=bool)] = float(value == target.positive)
    return rows


def closest(name: str, columns: Sequence[str]) -> str:
    """Return a hint at what a misspelt column may be, or at all there are."""
    near = difflib.get_close_matches(name, columns, n=1) or [
        column for column in columns if column.lower() == name.lower()
    ]
    listed = ", ".join(columns[:_MOST_LISTED]) + (", …" if len(columns) > _MOST_LISTED else "")
    return f"did you mean {near[0]!r}?" if near else f"its columns are {listed}"


def levels_of(target: Target, known: Levels) -> int:
    """Return the rows that churned."""
    spelled = [target.positive, *target.flag.spellings.get(target.positive, ())]
    return int(known.counts[known.texts.isin(spelled).to_numpy(dtype=bool)].sum())
