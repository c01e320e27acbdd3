from __future__ import annotations

import re
import uuid

from churn_pipeline.ledger.score_ids import score_ids

KEY = ("bank", "m1", "batch", "C1", "R1", "2026-01-31")


def name(*key: str) -> str:
    data_set, version, source, *row = key
    ((found),) = score_ids(data_set, version, source, [(row[0], row[1], row[2])])
    return found


def test_a_name_is_a_uuid_that_begins_with_the_day_and_never_changes() -> None:
    found = name(*KEY)
    assert found == "20260131-d02d-870e-b021-fa29e53e99bc"  # names in ledgers depend on it
    assert (uuid.UUID(found).version, uuid.UUID(found).variant) == (8, uuid.RFC_4122)
    assert re.fullmatch(r"20260131(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found)


def test_every_part_of_the_key_counts_and_none_runs_into_the_next() -> None:
    others = {name(*KEY)}
    for place in range(5):
        others.add(name(*(f"{part}x" if i == place else part for i, part in enumerate(KEY))))
    others.add(name(*KEY[:5], "2026-02-01"))
    others.add(name("bank", "m1", "batch", "C1R", "1", "2026-01-31"))
    others.add(name("bankm", "1", "batch", "C1", "R1", "2026-01-31"))
    assert len(others) == 9


def test_names_are_apart() -> None:
    rows = [(f"C{i}", f"C{i}", "2026-01-31") for i in range(20_000)]
    found = list(score_ids("bank", "m1", "batch", rows))
    assert len(set(found)) == len(rows)
    assert {uuid.UUID(x).version for x in found[:2000]} == {8}
    assert {x[19] for x in found} == set("89ab")
