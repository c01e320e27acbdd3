"""What a campaign brought, once its outcomes are known."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from churn_pipeline.campaigns.draft import CONTACT
from churn_pipeline.campaigns.effect import (
    Effect,
    acceptance,
    adjusted_difference,
    measure_effect,
)
from churn_pipeline.errors import DataError
from churn_pipeline.statistics.bootstrap import Interval

MOST_UNKNOWN = 0.2
"""Share of a campaign's customers without an outcome from which nothing is compared."""

_FEWEST_OF_AN_ACTION = 20  # customers in each arm to tell what an action does


def measure_campaign(
    document: Mapping[str, Any],
    contacts: pd.DataFrame,
    outcomes: Mapping[str, bool],
    cost: float | None = None,
) -> dict[str, Any]:
    """Compare contacted and held-out customers, in churn and in money.

    Parameters
    ----------
    document : mapping
        See :func:`churn_pipeline.campaigns.draft.draft_campaign`.
    contacts : DataFrame
        Likewise; all selected customers.
    outcomes : mapping of str to bool
        Customer → whether they churned; those who are not in it are unknown.
    cost : float, optional
        What the contacts and incentives really cost. By default the actions' costs, the incentives
        being taken by all contacted customers who stayed.

    Returns
    -------
    dict
        ``customers`` (``contacted``, ``held_out`` and ``unknown`` of each arm), ``churn_rate`` of
        both arms, ``effect`` by intention to treat and ``adjusted_effect``, ``kept`` customers,
        ``retained_value`` and ``profit`` (None with few customers in an arm), ``cost`` and
        ``expected_profit``, ``cost_per_kept``, and by
        action the acceptance that was assumed and found, and the Beta distribution to assume next.

    Raises
    ------
    DataError
        If too few outcomes are known, or those of churners only, or see
        :func:`churn_pipeline.campaigns.effect.measure_effect`.
    """
    known = contacts["customer"].isin(outcomes.keys())
    if not known.any():
        raise DataError(
            f"none of the {len(contacts):,} customers of the campaign {document['campaign']} has "
            "an outcome in the table; are these the outcomes of the same customers?"
        )
    unknown = 1 - float(known.mean())
    if unknown > MOST_UNKNOWN:
        raise DataError(
            f"the outcomes of {unknown:.0%} of the customers of {document['campaign']} are "
            f"unknown; {MOST_UNKNOWN:.0%} at most may be, since those who are unknown may differ: "
            "record who stayed as well"
        )
    table = contacts[known].reset_index(drop=True)
    churned = table["customer"].map(outcomes).to_numpy(dtype=bool)
    if churned.all():
        raise DataError(
            f"all known outcomes of {document['campaign']} are of customers who churned; record "
            "who stayed as well"
        )
    is_treated = (table["arm"] == CONTACT).to_numpy()
    p = table["churn_probability"].to_numpy(dtype=np.float64)
    at_risk = table["value_at_risk"].to_numpy(dtype=np.float64)
    share = float(document["held_out_share"])
    effect = measure_effect(churned, is_treated, p, share)
    treated = int((contacts["arm"] == CONTACT).sum())
    lost = np.where(churned, at_risk / np.maximum(p, 1e-12), 0.0)
    each = adjusted_difference(lost, is_treated, at_risk, share)
    retained = None if each is None else _times(each, treated)
    spent = _cost(document, table, churned, is_treated, treated) if cost is None else cost
    kept = _times(effect.best, treated)
    is_known_to_keep = kept.low > 0
    return {
        "customers": {
            "contacted": effect.treated,
            "held_out": effect.control,
            "contacted_unknown": treated - effect.treated,
            "held_out_unknown": len(contacts) - treated - effect.control,
        },
        "churn_rate": {
            "contacted": effect.treated_rate.rounded(),
            "held_out": effect.control_rate.rounded(),
        },
        "effect": effect.difference.rounded(),
        "adjusted_effect": None if effect.adjusted is None else effect.adjusted.rounded(),
        "kept": kept.rounded(),
        "retained_value": None if retained is None else retained.rounded(),
        "cost": round(spent, 2),
        "profit": None if retained is None else _minus(retained, spent).rounded(),
        "expected_profit": document["expected"]["profit"],
        "cost_per_kept": round(spent / kept.value, 2) if is_known_to_keep else None,
        "actions": list(_by_action(document, table, churned, is_treated)),
    }


def _cost(
    document: Mapping[str, Any],
    table: pd.DataFrame,
    churned: np.ndarray,
    is_treated: np.ndarray,
    treated: int,
) -> float:
    """Return what contacting cost; customers of unknown outcome cost as much as the others."""
    costs = {action["name"]: action for action in document["actions"]}
    contact = table["action"].map({name: a["contact_cost"] for name, a in costs.items()})
    incentive = table["action"].map({name: a["incentive_cost"] for name, a in costs.items()})
    each = contact.to_numpy(dtype=np.float64) + np.where(churned, 0.0, incentive)
    return float(each[is_treated].mean()) * treated


def _by_action(
    document: Mapping[str, Any], table: pd.DataFrame, churned: np.ndarray, is_treated: np.ndarray
) -> Iterator[dict[str, Any]]:
    for action in document["actions"]:
        of_action = (table["action"] == action["name"]).to_numpy()
        arms = [int((of_action & arm).sum()) for arm in (is_treated, ~is_treated)]
        alpha, beta = action["acceptance_alpha"], action["acceptance_beta"]
        line = {
            "name": action["name"],
            "contacted": arms[0],
            "held_out": arms[1],
            "assumed_acceptance": round(alpha / (alpha + beta), 6),
        }
        effect = _effect_of(table, of_action, churned, is_treated, document, arms)
        if effect is not None and effect.control_rate.value > 0:
            found = acceptance(effect, alpha, beta)
            line |= {
                "found_acceptance": found.found.rounded(),
                "next_alpha": round(found.alpha, 4),
                "next_beta": round(found.beta, 4),
            }
        yield line


def _effect_of(
    table: pd.DataFrame,
    of_action: np.ndarray,
    churned: np.ndarray,
    is_treated: np.ndarray,
    document: Mapping[str, Any],
    arms: list[int],
) -> Effect | None:
    if min(arms) < _FEWEST_OF_AN_ACTION:
        return None
    p = table["churn_probability"].to_numpy(dtype=np.float64)
    share = float(document["held_out_share"])
    return measure_effect(churned[of_action], is_treated[of_action], p[of_action], share)


def _times(interval: Interval, factor: float) -> Interval:
    return Interval(*(factor * end for end in _ends(interval)))


def _minus(interval: Interval, amount: float) -> Interval:
    return Interval(*(end - amount for end in _ends(interval)))


def _ends(interval: Interval) -> tuple[float, float, float]:
    return interval.value, interval.low, interval.high
