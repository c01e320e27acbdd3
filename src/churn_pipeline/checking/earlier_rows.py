"""What has to be known of the rows above a part of a table: which ids are taken, and copies."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract.model import Contract

Hashes = NDArray[np.uint64]

# of pandas' SipHash: two keys make 128 bits, so that different ids are never taken for one
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")
_HASH_KEYS = ("taken ids, one..", "taken ids, two..")


class EarlierRows:
    """Grows part by part, by 16 bytes a row (24 of generated ids), whatever is in the rows."""

    def __init__(self) -> None:
        self._taken = _SortedHashes()
        self._copies = _SortedHashes()
        self._added: dict[str, Hashes] = {}

    def are_taken(self, table: pd.DataFrame, contract: Contract) -> NDArray[np.bool_]:
        """Tell of which rows, (n,), an earlier part has accepted a row of the same key."""
        if not len(self._taken):
            return np.zeros(len(table), dtype=bool)
        return self._taken.find(*_hashes(table, contract))

    def take(self, table: pd.DataFrame, contract: Contract) -> None:
        """Add rows that nothing but a later row of the same key could break."""
        one, two = _hashes(table, contract)
        self._added["one"], self._added["two"] = one, two
        self._taken.add(one, two)

    def count(self, digests: list[str]) -> NDArray[np.int64]:
        """Return how many rows of each hexadecimal hash there were, (n,), and add these."""
        hashes = np.array([int(digest, 16) for digest in digests], dtype=np.uint64)
        found = self._copies.count(hashes)
        self._added["copies"] = hashes
        self._copies.add(hashes)
        return found

    def added(self) -> dict[str, Hashes]:
        """Return what the last part has added, for :meth:`restore`."""
        added, self._added = self._added, {}
        return added

    def restore(self, added: Mapping[str, Hashes]) -> None:
        """Add what a part has added in another process."""
        if "one" in added:
            self._taken.add(added["one"], added["two"])
        if "copies" in added:
            self._copies.add(added["copies"])


def _hashes(table: pd.DataFrame, contract: Contract) -> tuple[Hashes, Hashes]:
    return row_hashes(table[list(contract.key)])


def row_hashes(key: pd.DataFrame) -> tuple[Hashes, Hashes]:
    """Return two independent hashes of each row, (n,), which are the same in every process."""
    first, second = (
        np.asarray(
            pd.util.hash_pandas_object(key, index=False, hash_key=hash_key, categorize=False),
            dtype=np.uint64,
        )
        for hash_key in _HASH_KEYS
    )
    return first, second


class _SortedHashes:
    """A multiset of hashes; each is looked up by the first, and compared by the second."""

    def __init__(self) -> None:
        self._levels: list[tuple[Hashes, Hashes]] = []

    def __len__(self) -> int:
        return sum(len(one) for one, _ in self._levels)

    def add(self, one: Hashes, two: Hashes | None = None) -> None:
        """Add hashes; levels of like size are joined, so that there are few of them."""
        self._levels.append(_sorted(one, one if two is None else two))
        while len(self._levels) > 1 and len(self._levels[-2][0]) < 2 * len(self._levels[-1][0]):
            upper, lower = self._levels.pop(), self._levels.pop()
            joined: Any = map(np.concatenate, zip(lower, upper, strict=True))
            self._levels.append(_sorted(*joined))

    def find(self, one: Hashes, two: Hashes) -> NDArray[np.bool_]:
        """Tell which hashes are there, (n,)."""
        found = np.zeros(len(one), dtype=bool)
        for first, second in self._levels:
            start, stop = _between(first, one)
            while (open_ := (start < stop) & ~found).any():
                found[open_] = second[start[open_]] == two[open_]
                start = start + 1
        return found

    def count(self, hashes: Hashes) -> NDArray[np.int64]:
        """Return how many times each hash is there, (n,)."""
        counts = np.zeros(len(hashes), dtype=np.int64)
        for first, _ in self._levels:
            start, stop = _between(first, hashes)
            counts += stop - start
        return counts


def _sorted(one: Hashes, two: Hashes) -> tuple[Hashes, Hashes]:
    order = np.argsort(one, kind="stable")
    taken = one[order]
    return taken, (taken if two is one else two[order])


def _between(among: Hashes, hashes: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each hash would be put in, before and after its equals."""
    order = np.argsort(hashes)  # sorted, they are found several times faster
    places = [np.searchsorted(among, hashes[order], side=side) for side in _SIDES]
    start, stop = (np.empty(len(hashes), dtype=np.int64) for _ in places)
    start[order], stop[order] = places
    return start, stop
