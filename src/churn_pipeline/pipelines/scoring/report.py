"""The report of a scoring run, beside the scores."""

from typing import Any

import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.io.addresses import shown
from churn_pipeline.io.raw_table import RawTable
from churn_pipeline.scorer import Bundle, Scorer
from churn_pipeline.splits.current_customers import says

_STATES = ("left", "absent", "earlier")


def report_scoring(
    raw: RawTable,
    rejected: pd.DataFrame,
    set_apart: pd.DataFrame,
    described: pd.DataFrame,
    scores: pd.DataFrame,
    bundle: Bundle,
    contract: Contract,
    sink: str | None,
    date: str | None,
) -> dict[str, Any]:
    """Say what was scored, from where, of which day, and what became of all other rows.

    Parameters
    ----------
    raw : RawTable
    rejected : DataFrame
        The rows that break the contract.
    set_apart : DataFrame
        See :func:`churn_pipeline.pipelines.scoring.nodes.set_apart`.
    described, scores : DataFrame
        The scored rows, and their scores.
    bundle : Bundle
    contract : Contract
        Of the requests.
    sink, date : str or None
        The parameters of these names.

    Returns
    -------
    dict
        ``source`` (``name``, ``sha256``, ``is_training_file``); ``model`` (``version``,
        ``trained_on``, ``contract`` and its ``contract_sha256``); ``snapshot`` (``first`` and
        ``last`` of the scored rows; None without one), ``date`` and ``sink``; ``as_of``: what gives
        the rows their day in the ledger, ``scoring.date``, ``snapshot`` or ``day of the run``;
        ``rows``: ``read``,
        which is the sum of ``rejected``, ``left``, ``absent``, ``earlier`` and ``scored``;
        ``customers``: how many ``left`` and ``absent`` rows' ids there are; ``rejected_by_rule``;
        ``target`` and ``outcome`` (None where the file does not have it): of how many scored rows
        it says ``stayed``, nothing (``open``), or no value of the contract (``unreadable``);
        ``contacted``, ``expected_profit`` of contacting those, and ``tiers``.
    """
    scorer = Scorer(bundle)
    about = scorer.description
    trained_on = about.get("data", {})
    target = scorer.contract.target
    outcomes = described.get(target.name)
    state = set_apart["state"].value_counts()
    key = set_apart[contract.id.name]
    rules = rejected["rejected_rules"].explode().value_counts()
    contacted = scores["contact"].to_numpy(dtype=bool)
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
        "snapshot": _days(scores, contract),
        "date": date,
        "as_of": _day_from(scores, contract, date),
        "sink": None if sink is None else shown(sink),
        "rows": {
            "read": len(raw.cells) + len(raw.malformed),
            "rejected": len(rejected),
            **{name: int(state.get(name, 0)) for name in _STATES},
            "scored": len(scores),
        },
        "customers": {
            name: int(key[set_apart["state"] == name].nunique()) for name in ("left", "absent")
        },
        "rejected_by_rule": {str(name): int(rules[name]) for name in sorted(rules.index)},
        "target": None if outcomes is None else target.name,
        "outcome": None
        if outcomes is None
        else {
            "stayed": int(says(outcomes, target, *target.values).sum()),
            "open": int(outcomes.isna().sum()),
            "unreadable": int((~says(outcomes, target, *target.values) & outcomes.notna()).sum()),
        },
        "contacted": int(contacted.sum()),
        "expected_profit": round(float(scores["expected_profit"].to_numpy()[contacted].sum()), 2),
        "tiers": {tier.name: int((scores["tier"] == tier.name).sum()) for tier in scorer.tiers},
    }


def _days(scores: pd.DataFrame, contract: Contract) -> dict[str, str] | None:
    if contract.snapshot is None or contract.snapshot.name not in scores:
        return None
    days = pd.to_datetime(scores[contract.snapshot.name])
    return {"first": f"{days.min():%Y-%m-%d}", "last": f"{days.max():%Y-%m-%d}"}


def _day_from(scores: pd.DataFrame, contract: Contract, date: str | None) -> str:
    if date is not None:
        return "scoring.date"
    return "day of the run" if _days(scores, contract) is None else "snapshot"
