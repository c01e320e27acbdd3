"""What can be done for a customer: actions with their costs, capacities and eligible customers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.scorer.decisions import Economics

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Action:
    """A way of contacting a customer.

    Attributes
    ----------
    name : str
    economics : Economics
        Its ``contact_cost``, ``incentive_cost`` and prior of the acceptance.
    capacity : int or None
        How many customers it can take; None: any number.
    tiers : tuple of str or None
        The tiers whose customers are eligible; None: all.
    """

    name: str
    economics: Economics
    capacity: int | None = None
    tiers: tuple[str, ...] | None = None

    @classmethod
    def of(cls, name: str, settings: Mapping[str, Any], economics: Mapping[str, Any]) -> Self:
        """Make an action of its entry in ``params.yaml``; the section ``economics`` fills gaps."""
        own = {key: settings.get(key) for key in ("contact_cost", "incentive_cost")}
        own |= {key: settings.get(key) for key in ("acceptance_alpha", "acceptance_beta")}
        given = {key: value for key, value in own.items() if value is not None}
        eligible = settings.get("tiers")
        return cls(
            name,
            Economics.of({**economics, **given}),
            settings.get("capacity"),
            None if eligible is None else tuple(eligible),
        )

    def expected_profit(self, churn_probability: Floats, lifetime_value: Floats) -> Floats:
        """Return what it is expected to earn for each customer, (n,), rather than no contact."""
        return self.economics.expected_profit(churn_probability, lifetime_value)

    def expected_cost(self, churn_probability: Floats) -> Floats:
        """Return what it is expected to cost for each customer, (n,).

        The contact, and the incentive of all who take it: those who would have stayed, and those
        who would have churned and accept.
        """
        takes = 1 - churn_probability * (1 - self.economics.acceptance)
        return self.economics.contact_cost + self.economics.incentive_cost * takes

    def eligible(self, tier: NDArray[np.str_]) -> NDArray[np.bool_]:
        """Say which customers it is meant for, (n,), by their tiers."""
        if self.tiers is None:
            return np.ones(len(tier), dtype=bool)
        return np.isin(tier, self.tiers)
