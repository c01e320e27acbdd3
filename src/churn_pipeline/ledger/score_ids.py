"""The names of scores."""

import hashlib
from collections.abc import Iterable, Iterator

# the two upper bits of this digit are those of RFC 9562
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def score_ids(
    data_set: str,
    model_version: str,
    source: str,
    rows: Iterable[tuple[str, str, str]],
) -> Iterator[str]:
    """Name scores by their key: the same key always has the same name, in every process.

    A name is a UUID of version 8 (RFC 9562): the digits of the day, then 90 bits of a BLAKE2b hash
    of the key. Scores of a day are neighbours in the index, so that the ledger does not become
    slower with each day that it holds.

    Parameters
    ----------
    data_set, model_version, source : str
        Of all of them.
    rows : iterable of (str, str, str)
        Customer, row and day (ISO) of each.

    Yields
    ------
    str
        Such as ``20260131-5c1d-8f0e-93b2-1c7f0a9d4e55``.
    """
    base = hashlib.blake2b(digest_size=12, person=b"churn score")
    for text in (data_set, model_version, source):
        base.update(_delimited(text))
    for customer, row, day in rows:
        state = base.copy()
        one, two = customer.encode(), row.encode()
        state.update(b"%d:%b%d:%b%b" % (len(one), one, len(two), two, day.encode()))
        h = state.hexdigest()
        variant = _VARIANT[h[23]]
        yield f"{day[:4]}{day[5:7]}{day[8:10]}-{h[:4]}-8{h[4:7]}-{variant}{h[7:10]}-{h[10:22]}"


def _delimited(text: str) -> bytes:
    # with its length, so that no two keys spell the same bytes
    content = text.encode()
    return b"%d:%b" % (len(content), content)
