"""What a campaign among all present customers would take and earn, from the figures a customer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Campaign:
    """A campaign that contacts whom the model says.

    Attributes
    ----------
    customers : int
        The base: all customers that would be scored.
    base : str
        Which customers those are, in words.
    contacted : int
        Of them, as many as on the test set in proportion.
    profit : mapping
        ``value``, ``low`` and ``high`` of the expected profit of the whole campaign.
    contact_cost, offer_cost : float
        What the contacts cost, and the offers that are expected to be accepted.
    acceptance : float
        The assumed share of contacted churners who accept the offer and stay.
    break_even_acceptance : float or None
        The share at which the same campaign earns nothing; None where no share does.
    profit_by_acceptance : mapping of float to float
        The profit of the same campaign where another share accepts: a third of the assumed one,
        two thirds, and four thirds.
    """

    customers: int
    base: str
    contacted: int
    profit: Mapping[str, float]
    contact_cost: float
    offer_cost: float
    acceptance: float
    break_even_acceptance: float | None
    profit_by_acceptance: Mapping[float, float]


def plan_campaign(
    economics: Mapping[str, Any], precision: float, split_record: Mapping[str, Any]
) -> Campaign:
    """Extend the test set's figures per customer to the present customers.

    Parameters
    ----------
    economics : mapping
        ``assumptions`` and ``policies``, as in ``economics.json``.
    precision : float
        The share of the contacted test customers who churned.
    split_record : mapping
        See :func:`churn_pipeline.splits.split_record.record_split`.
    """
    assumed, model = economics["assumptions"], economics["policies"]["model"]
    profit, share = model["profit_per_customer"], model["contacted_share"]
    customers, base = _base(split_record)
    contacted = round(share * customers)
    alpha, beta = assumed["acceptance_alpha"], assumed["acceptance_beta"]
    acceptance = alpha / (alpha + beta)
    offer = assumed["incentive_cost"]
    # for a given list, profit = gain * acceptance - spent whatever happens
    spent = share * (assumed["contact_cost"] + (1 - precision) * offer)
    gain = (profit["value"] + spent) / acceptance
    break_even = spent / gain if gain > 0 else None
    return Campaign(
        customers=customers,
        base=base,
        contacted=contacted,
        profit={key: profit[key] * customers for key in ("value", "low", "high")},
        contact_cost=contacted * assumed["contact_cost"],
        offer_cost=contacted * offer * (precision * acceptance + 1 - precision),
        acceptance=acceptance,
        break_even_acceptance=break_even if break_even is not None and break_even <= 1 else None,
        profit_by_acceptance={
            other: (gain * other - spent) * customers
            for other in (acceptance * thirds / 3 for thirds in (1, 2, 4))
            if other <= 1
        },
    )


def _base(record: Mapping[str, Any]) -> tuple[int, str]:
    """Return how many customers there are at present, and which: the latest period's, or all."""
    if record["method"] == "time":
        latest = [entry for entry in record["periods"] if entry["side"] == "test"]
        if latest:
            last = max(latest, key=lambda entry: str(entry["period"]))
            return last["rows"], f"the customers of {last['period']}, the latest {record['period']}"
        return record["sides"]["test"]["rows"], "the rows of the test set"
    sides = [record["sides"][side] for side in ("training", "test")]
    counts = [side["rows"] if side["customers"] is None else side["customers"] for side in sides]
    both = record["customers_on_both_sides"] or 0
    return sum(counts) - both, "the customers of the table"
