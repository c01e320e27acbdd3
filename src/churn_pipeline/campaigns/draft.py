"""A draft of a campaign: from the scores to a list of contacts and what is expected of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.campaigns.actions import Action
from churn_pipeline.campaigns.arms import held_out
from churn_pipeline.campaigns.planning import NO_ACTION, Limits, Plan, plan
from churn_pipeline.campaigns.power import customers_needed, detectable_effect, power_of
from churn_pipeline.errors import DataError

CONTACT, HELD_OUT = "contact", "held_out"
REASONS = ("reason_1", "reason_2", "reason_3")
_DECIMALS = 6


@dataclass(frozen=True)
class Terms:
    """What a campaign is planned by.

    Attributes
    ----------
    name : str
        Identifies the campaign and is the key of its arms.
    purpose : str
        In words, for those who read it later.
    actions : sequence of Action
    limits : Limits
    held_out_share : float
    contact_days : int
        Days from the day of the scores within which to contact.
    horizon_days : int or None
        Days in which the scores expect churn, after which the effect can be measured; None where
        the contract does not say.
    days_between : int
        For which nobody is selected again.
    """

    name: str
    purpose: str
    actions: Sequence[Action]
    limits: Limits
    held_out_share: float
    contact_days: int
    horizon_days: int | None = None
    days_between: int = 0


@dataclass(frozen=True)
class Draft:
    """A campaign before it is confirmed.

    Attributes
    ----------
    document : dict
        What was planned from what, and what is expected, for ``campaign.json``.
    contacts : DataFrame
        All selected customers, the most profitable first: ``customer``, ``score_id``, ``arm``,
        ``rank`` among all, ``action``, ``churn_probability``, ``value_at_risk``,
        ``expected_profit``, ``expected_cost``, the reasons, and ``contact_by``.
    """

    document: dict[str, Any]
    contacts: pd.DataFrame


def draft_campaign(
    scores: pd.DataFrame, terms: Terms, suppressed: Mapping[str, str] | None = None
) -> Draft:
    """Plan a campaign among scored customers.

    Parameters
    ----------
    scores : DataFrame
        One line a customer: ``customer``, ``score_id``, ``as_of`` (one day for all),
        ``model_version``, ``churn_probability``, ``lifetime_value``, ``tier``, and the reasons.
    terms : Terms
    suppressed : mapping of str to str, optional
        Customers who may not be contacted → why.

    Raises
    ------
    DataError
        If there are no scores, or a customer has several.
    ParameterError
        See :func:`churn_pipeline.campaigns.planning.plan`.
    """
    if scores.empty:
        raise DataError("there are no scores to plan a campaign from")
    table = scores.sort_values("customer", kind="stable").reset_index(drop=True)
    if table["customer"].duplicated().any():
        twice = table["customer"][table["customer"].duplicated()].iloc[0]
        raise DataError(f"the customer {twice} has several scores of the same day")
    why_not = table["customer"].map(suppressed or {})
    held = held_out(terms.name, table["customer"], terms.held_out_share)
    planned = plan(
        table["churn_probability"].to_numpy(dtype=np.float64),
        table["lifetime_value"].to_numpy(dtype=np.float64),
        table["tier"].to_numpy(dtype=str),
        terms.actions,
        terms.limits,
        held_out=held,
        may_contact=why_not.isna().to_numpy(),
    )
    contacts = _contacts(table, planned, terms)
    document = {
        "campaign": terms.name,
        "purpose": terms.purpose,
        "as_of": str(table["as_of"].iloc[0]),
        "model_version": str(table["model_version"].iloc[0]),
        "inputs_sha256": _digest(table, why_not),
        "held_out_share": terms.held_out_share,
        "contact_days": terms.contact_days,
        "days_between": terms.days_between,
        "horizon_days": terms.horizon_days,
        "actions": [_action(action) for action in terms.actions],
        "customers": {
            "scored": len(table),
            "suppressed": {str(k): int(n) for k, n in why_not.value_counts().sort_index().items()},
            "selected": len(contacts),
            "contacted": int(planned.is_treated.sum()),
            "held_out": len(contacts) - int(planned.is_treated.sum()),
        },
        "limits": [
            {
                "name": c.name,
                "limit": c.limit,
                "used": round(c.used, 2),
                "shadow_price": round(c.shadow_price, 4),
                "binds": c.binds,
            }
            for c in planned.constraints
        ],
        "expected": _expected(contacts),
        "test": _test(table, planned, terms),
    }
    return Draft(document, contacts)


def _contacts(table: pd.DataFrame, planned: Plan, terms: Terms) -> pd.DataFrame:
    chosen = np.flatnonzero(planned.action != NO_ACTION)
    chosen = chosen[np.argsort(-planned.expected_profit[chosen], kind="stable")]
    rows = table.iloc[chosen].reset_index(drop=True)
    day = date.fromisoformat(str(table["as_of"].iloc[0])) + timedelta(days=terms.contact_days)
    names = np.array([action.name for action in terms.actions])
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(rows) + 1),
            "customer": rows["customer"],
            "score_id": rows["score_id"],
            "arm": np.where(planned.is_treated[chosen], CONTACT, HELD_OUT),
            "action": names[planned.action[chosen]],
            "churn_probability": rows["churn_probability"],
            "value_at_risk": rows["churn_probability"] * rows["lifetime_value"],
            "expected_profit": planned.expected_profit[chosen],
            "expected_cost": planned.expected_cost[chosen],
            **{name: rows[name] for name in REASONS},
            "contact_by": day.isoformat(),
        }
    )


def _expected(contacts: pd.DataFrame) -> dict[str, float]:
    treated = contacts[contacts["arm"] == CONTACT]
    return {
        "profit": round(float(treated["expected_profit"].sum()), 2),
        "cost": round(float(treated["expected_cost"].sum()), 2),
        "value_at_risk": round(float(treated["value_at_risk"].sum()), 2),
        "churners_without_contact": round(float(treated["churn_probability"].sum()), 2),
    }


def _test(table: pd.DataFrame, planned: Plan, terms: Terms) -> dict[str, Any]:
    """Return what the campaign can show, should the assumptions hold."""
    chosen = planned.action != NO_ACTION
    n, share = int(chosen.sum()), terms.held_out_share
    p = table["churn_probability"].to_numpy(dtype=np.float64)[chosen]
    accepts = np.array([action.economics.acceptance for action in terms.actions])
    rate = float(p.mean()) if n else 0.0
    effect = float((p * accepts[planned.action[chosen]]).mean()) if n else 0.0
    detectable = detectable_effect(n, share, rate) if n else None
    is_testable = 0 < share < 1 and 0 < effect <= rate
    return {
        "churn_rate_without_contact": round(rate, _DECIMALS),
        "expected_effect": round(effect, _DECIMALS),
        "power": round(power_of(n, share, rate, effect), 4) if n else 0.0,
        "detectable_effect": None if detectable is None else round(detectable, _DECIMALS),
        "customers_needed": customers_needed(share, rate, effect) if is_testable else None,
    }


def _action(action: Action) -> dict[str, Any]:
    economics = action.economics
    return {
        "name": action.name,
        "contact_cost": economics.contact_cost,
        "incentive_cost": economics.incentive_cost,
        "acceptance_alpha": economics.acceptance_alpha,
        "acceptance_beta": economics.acceptance_beta,
        "capacity": action.capacity,
        "tiers": None if action.tiers is None else list(action.tiers),
    }


def _digest(table: pd.DataFrame, why_not: pd.Series) -> str:
    """Return a hash of the scores and of who is suppressed, in order of the customers."""
    digest = hashlib.sha256()
    names = ("customer", "score_id", "churn_probability", "lifetime_value", "tier")
    columns: list[Any] = [table[name].tolist() for name in names]
    reasons: NDArray[Any] = why_not.astype("object").where(why_not.notna(), None).to_numpy()
    for row in zip(*columns, reasons.tolist(), strict=True):
        digest.update(json.dumps(row, ensure_ascii=False).encode())
    return digest.hexdigest()
