"""The report of a scoring run, beside the scores."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.io.addresses import shown
from churn_pipeline.io.raw_stream import RawStream
from churn_pipeline.pipelines.scoring.parts import Parts
from churn_pipeline.pipelines.scoring.scores import profits_of
from churn_pipeline.scorer import Bundle, Scorer
from churn_pipeline.splits.current_customers import STATES, says

_NOT_SCORED = ("left", "absent", "earlier")


def report_scoring(
    raw: RawStream,
    scored: Parts,
    bundle: Bundle,
    contract: Contract,
    sink: str | None,
    date: str | None,
    all_snapshots: bool,
) -> dict[str, Any]:
    """Say what was scored, from where, of which day, and what became of all other rows.

    Parameters
    ----------
    raw : RawStream
    scored : Parts
        The table, checked, set apart and scored.
    bundle : Bundle
    contract : Contract
        Of the requests.
    sink, date : str or None
        The parameters of these names.
    all_snapshots : bool
        Likewise: then a customer may have several scores, and their days are those of the rows.

    Returns
    -------
    dict
        ``source`` (``name``, ``sha256``, ``is_training_file``); ``model`` (``version``,
        ``trained_on``, ``contract`` and its ``contract_sha256``); ``snapshot`` (``first`` and
        ``last`` of the scored rows; None without one), ``date`` and ``sink``; ``as_of``: what gives
        the rows their day in the ledger, ``scoring.date``, ``snapshot`` or ``day of the run``;
        ``rows``: ``read``, which is the sum of ``rejected``, ``left``, ``absent``, ``earlier`` and
        ``scored``; ``customers``: how many ``left`` and ``absent`` rows' ids there are;
        ``rejected_by_rule``; ``target`` and ``outcome`` (None where the file does not have it): of
        how many scored rows it says ``stayed``, nothing (``open``), or no value of the contract
        (``unreadable``); ``contacted``, ``expected_profit`` of contacting those, and ``tiers``.
    """
    scorer = Scorer(bundle)
    about = scorer.description
    trained_on = about.get("data", {})
    states = scored.states()
    profits = np.concatenate(profits_of(scored.staged, scored.names("scores")))
    worth = np.sort(profits[profits > 0])[::-1]
    rejected, rules = _rejected(scored)
    return {
        "source": {
            "name": raw.name,
            "sha256": raw.sha256,
            "is_training_file": trained_on.get("sha256") == raw.sha256,
        },
        "model": {
            "version": scorer.version,
            "trained_on": trained_on.get("file"),
            "contract": scorer.contract.name,
            "contract_sha256": about.get("contract", {}).get("sha256"),
        },
        "snapshot": _days(scored, contract),
        "date": date,
        "as_of": _day_from(scored, contract, date, all_snapshots),
        "sink": None if sink is None else shown(sink),
        "rows": {
            "read": scored.rows_read,
            "rejected": rejected,
            **{name: int((states == STATES.index(name)).sum()) for name in _NOT_SCORED},
            "scored": len(profits),
        },
        "customers": _customers(scored, contract, states),
        "rejected_by_rule": {name: rules[name] for name in sorted(rules)},
        **_outcome(scored, scorer),
        "contacted": len(worth),
        "expected_profit": round(float(worth.sum()), 2),
        "tiers": _tiers(scored, scorer),
    }


def _rejected(scored: Parts) -> tuple[int, Counter[str]]:
    """Return how many rows were rejected, and how many for each rule."""
    rows, rules = 0, Counter[str]()
    for name in scored.names("rejected"):
        found = scored.staged.read(name, ["rejected_rules"])["rejected_rules"].to_pylist()
        rows += len(found)
        rules.update(rule for broken in found for rule in broken)
    return rows, rules


def _by_part(scored: Parts, column: str) -> Iterator[tuple[pd.Series, NDArray[np.int8]]]:
    """Yield a column of each part's accepted rows, and the places of their states."""
    for accepted, state in zip(scored.names("accepted"), scored.names("state"), strict=True):
        values = scored.staged.read_frame(accepted, [column])[column]
        yield values, scored.staged.read(state)["state"].to_numpy()


def _customers(scored: Parts, contract: Contract, states: NDArray[np.int8]) -> dict[str, int]:
    counts = {}
    for name in ("left", "absent"):
        place = STATES.index(name)
        gone: list[pd.Series] = []
        if (states == place).any():
            gone = [ids[state == place] for ids, state in _by_part(scored, contract.id.name)]
        counts[name] = int(pd.concat(gone).nunique()) if gone else 0
    return counts


def _outcome(scored: Parts, scorer: Scorer) -> dict[str, Any]:
    """Count what the table says of the scored rows' outcomes, if it says anything."""
    target = scorer.contract.target
    if target.name not in scored.staged.columns(scored.names("accepted")[0]):
        return {"target": None, "outcome": None}
    counts = Counter[str]()
    for values, state in _by_part(scored, target.name):
        outcomes = values[state == STATES.index("current")]
        known = says(outcomes, target, *target.values)
        counts["stayed"] += int(known.sum())
        counts["open"] += int(outcomes.isna().sum())
        counts["unreadable"] += int((~known & outcomes.notna()).sum())
    return {"target": target.name, "outcome": dict(counts)}


def _tiers(scored: Parts, scorer: Scorer) -> dict[str, int]:
    counts = Counter[str]()
    for name in scored.names("scores"):
        counts.update(scored.staged.read(name, ["tier"])["tier"].to_pylist())
    return {tier.name: int(counts[tier.name]) for tier in scorer.tiers}


def _days(scored: Parts, contract: Contract) -> dict[str, str] | None:
    name = contract.snapshot and contract.snapshot.name
    parts = scored.names("scores")
    if name is None or name not in scored.staged.columns(parts[0]):
        return None
    ends = [
        day
        for part in parts
        for days in [pd.to_datetime(scored.staged.read_frame(part, [name])[name])]
        if len(days)
        for day in (days.min(), days.max())
    ]
    return {"first": f"{min(ends):%Y-%m-%d}", "last": f"{max(ends):%Y-%m-%d}"}


def _day_from(scored: Parts, contract: Contract, date: str | None, all_snapshots: bool) -> str:
    has_snapshot = _days(scored, contract) is not None
    # one day for all rows of a customer would keep one score of them
    if date is not None and not (all_snapshots and has_snapshot):
        return "scoring.date"
    return "snapshot" if has_snapshot else "day of the run"
