"""Columns of texts: categories, and texts that are none."""

from dataclasses import dataclass

import numpy as np

from churn_pipeline.discovery import names
from churn_pipeline.discovery.keys import is_email, is_phone
from churn_pipeline.discovery.levels import Levels
from churn_pipeline.discovery.reading import Reading

_LISTED_WHOLE = 50  # levels up to which a category lists all
_MOST_VALUES = 1000
_LEAST_ROWS = 20
_LEAST_SHARE = 0.0002
_LEAST_COVERAGE = 0.1  # share of rows that listed values must have
_UNSEEN = 0.001  # chance of a new level from which a category is open
_UNIQUE = 0.95
_WORDS_OF_FREE_TEXT = 5


@dataclass(frozen=True)
class Category:
    """Values of a category.

    Attributes
    ----------
    values : tuple of str
    spellings : dict of str to tuple of str
        Other spellings of values, which differ in case alone.
    is_open : bool
        Whether other values may come.
    n_levels : int
        Of the file, with those not listed.
    covered : float
        Share of the rows with a value whose value is listed.
    """

    values: tuple[str, ...]
    spellings: dict[str, tuple[str, ...]]
    is_open: bool
    n_levels: int
    covered: float


def why_no_category(reading: Reading) -> str | None:
    """Return why a column of texts is left alone, or None where it may be a category."""
    known, name = reading.known, reading.name
    distinct = len(known) / known.n_rows
    if is_email(reading):
        return "e-mail addresses: personal data that identify a customer but do not describe one"
    if is_phone(reading):
        return "telephone numbers: personal data that identify a customer but do not describe one"
    if names.is_personal(name) and len(known) > _LEAST_ROWS:
        return "names or addresses of persons: personal data that do not describe a customer"
    score = names.identifier_score(name)
    if len(known) > _LISTED_WHOLE and (score >= 4 or (score >= 2 and distinct > 0.5)):
        return "an identifier, which says nothing about other customers"
    if distinct >= _UNIQUE and known.n_rows >= _LISTED_WHOLE:
        return "nearly every row has a different text: an identifier or free text"
    if distinct > 0.3 and _mean_words(known) >= _WORDS_OF_FREE_TEXT:
        return "free text"
    return None


def list_values(known: Levels, name: str, n_rows: int, must: bool = False) -> Category | None:
    """List the values of a category; None where too few rows share one.

    Parameters
    ----------
    known : Levels
        Of the cells that are not missing.
    name : str
        Of the column; places are open, since new ones come.
    n_rows : int
        All rows of the table.
    must : bool
        List the most frequent levels even where few rows share them.
    """
    least = max(_LEAST_ROWS, int(np.ceil(_LEAST_SHARE * n_rows)))
    levels = known.by_frequency(None if len(known) <= 100_000 else 2 * _MOST_VALUES)
    texts, counts = levels.texts.tolist(), levels.counts
    groups: dict[str, list[int]] = {}
    for index, text in enumerate(texts):
        groups.setdefault(text.casefold() if len(text) > 1 else text, []).append(index)
    merged = [(texts[group[0]], int(counts[group].sum()), group) for group in groups.values()]
    merged.sort(key=lambda level: -level[1])
    n_levels = len(merged) if len(levels) == len(known) else len(known)
    if n_levels <= _LISTED_WHOLE:
        unseen = (known.counts == 1).sum() / known.n_rows
        is_open = unseen > _UNSEEN or (names.is_place(name) and n_levels > 5)
        listed = [level for level in merged if level[1] > 1 or not is_open] or merged
    else:
        is_open = True
        listed = [level for level in merged if level[1] >= least][:_MOST_VALUES]
        covered = sum(level[1] for level in listed) / known.n_rows
        if covered < _LEAST_COVERAGE:
            if not must:
                return None
            listed = merged[:_LISTED_WHOLE]
    if not is_open:
        listed.sort(key=lambda level: level[0])
    return Category(
        tuple(level[0] for level in listed),
        {
            text: tuple(sorted(texts[i] for i in group if texts[i] != text))
            for text, _, group in listed if len(group) > 1
        },
        bool(is_open),
        n_levels,
        sum(level[1] for level in listed) / known.n_rows,
    )  # fmt: skip


def _mean_words(known: Levels) -> float:
    sample = known.texts.iloc[:: max(1, len(known) // 2000)]
    return float(sample.str.count(r"\s+").mean()) + 1
