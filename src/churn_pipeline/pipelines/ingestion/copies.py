"""Rows of different customers that are equal in all that the model reads, and in the outcome."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract import Contract

_LEAST_SHARE = 0.01  # of the rows: fewer change no figure by much
_CHANCE = 0.5  # of the equal pairs: if chance explains more, they are no copies

Hashes = NDArray[np.uint64]


def copied_rows(customers: pd.DataFrame, contract: Contract) -> int:
    """Count rows that look like copies under different ids; 0 where chance explains them.

    Where rows agree by chance, as in a table of few categories, there are as many pairs that agree
    in all columns but one as the chance to agree in that one makes likely: of ``N`` such pairs and
    a chance ``q``, ``N * q / (1 - q)`` equal ones. The column that explains most counts.

    Parameters
    ----------
    customers : DataFrame
        Typed, accepted customers.
    contract : Contract

    Returns
    -------
    int
        Rows that have an equal row of another customer, if these are at least one in a hundred
        and no column explains half of the equal pairs.
    """
    names = [column.name for column in contract.features] + [contract.target.name]
    if len(customers) < 2 or len(names) < 3:
        return 0
    whole: Hashes = np.zeros(len(customers), dtype=np.uint64)
    for part in _hashes(customers, names):
        whole += part
    _, first, group = np.unique(whole, return_index=True, return_inverse=True)
    owners = pd.factorize(_owners(customers, contract))[0]
    pairs = pd.DataFrame({"group": group, "owner": owners}).drop_duplicates()
    is_shared = np.bincount(pairs["group"], minlength=int(group.max()) + 1) > 1
    copies = int(is_shared[group].sum())
    if copies < max(2, _LEAST_SHARE * len(customers)):
        return 0
    equal = _pairs(whole)
    explained = max(
        (_pairs(np.subtract(whole, part)) - equal) * _odds_to_agree(part[first])
        for part in _hashes(customers, names)
    )
    return copies if explained < _CHANCE * equal else 0


def _odds_to_agree(hashes: Hashes) -> float:
    """Return the odds that two different rows agree in a column."""
    everything = len(hashes) * (len(hashes) - 1) / 2
    alike = _pairs(hashes)
    return alike / max(everything - alike, 1.0)


def _owners(customers: pd.DataFrame, contract: Contract) -> pd.Series:
    """Return whose row each is; of generated ids, which number equal rows, each is another's."""
    ids = customers[contract.id.name].astype("str")
    if contract.customer is None:
        return ids
    return customers[contract.customer.name].astype("str").fillna(ids)


def _hashes(customers: pd.DataFrame, names: Sequence[str]) -> Iterator[Hashes]:
    """Hash one column after the other: all at once would double the memory of a large table."""
    return (_hashed(customers[name], place) for place, name in enumerate(names))


def _hashed(values: pd.Series, place: int) -> Hashes:
    """Return a random number for each different value of a column; equal for equal ones."""
    codes, distinct = pd.factorize(values)
    random = np.random.default_rng(place)
    numbers = random.integers(0, 2**63, size=len(distinct) + 1, dtype=np.uint64)
    return numbers[codes]  # the last is that of a missing value


def _pairs(hashes: Hashes) -> int:
    _, counts = np.unique(hashes, return_counts=True)
    return int((counts * (counts - 1) // 2).sum())


def copies_sentences(copies: int, rows: int, contract: Contract) -> list[str]:
    """Say what copies mean; nothing where there are none."""
    if not copies:
        return []
    remedy = (
        "give the column that identifies the customer of a row the role customer in the contract"
        if contract.customer is None
        else "remove the copies"
    )
    return [
        f"{copies:,} of {rows:,} rows equal a row of another id in every feature and in the "
        "outcome, more than chance explains. If they are the same customers, the model is tested "
        f"on rows that it has learned, and its figures are too good: {remedy}."
    ]
