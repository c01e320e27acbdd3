"""What is decided of a score: the tier, the action, whether to contact and what that earns.

A contact costs ``f``. A customer who would churn accepts the incentive ``d`` with probability gamma
and then stays, worth the customer lifetime value; one who would have stayed takes it for nothing.
Nobody knows gamma: it is drawn from a Beta distribution (Verbraken, Verbeke and Baesens, 2013).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_pipeline.errors import ParameterError
from churn_pipeline.named_files import params_yaml

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Economics:
    """What a campaign costs and brings, in the unit of money of the customer lifetime value.

    Attributes
    ----------
    customer_lifetime_value : float or str
        What a customer who stays is worth: one value for all, or the column of individual values.
    incentive_cost : float
        Cost ``d`` of the incentive, for everyone who takes it.
    contact_cost : float
        Cost ``f`` of contacting a customer.
    acceptance_alpha, acceptance_beta : float
        Parameters of the Beta distribution of gamma, the probability that a customer who would
        churn accepts the incentive.
    """

    customer_lifetime_value: float | str
    incentive_cost: float
    contact_cost: float
    acceptance_alpha: float
    acceptance_beta: float

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:
        """Take the economics from the parameters under ``economics``."""
        return cls(**{field.name: parameters[field.name] for field in fields(cls)})

    @property
    def acceptance(self) -> float:
        """The expected probability that a customer who would churn accepts the incentive."""
        return self.acceptance_alpha / (self.acceptance_alpha + self.acceptance_beta)

    @property
    def is_individual(self) -> bool:
        """Whether the customer lifetime values are those of a column."""
        return isinstance(self.customer_lifetime_value, str)

    def expected_profit(self, churn_probability: ArrayLike, lifetime_value: ArrayLike) -> Floats:
        """Return the expected profit of contacting customers rather than leaving them alone.

        With 0 and 1 as probabilities, it is the profit where one knows who churns.
        """
        p = np.asarray(churn_probability, dtype=np.float64)
        value = np.asarray(lifetime_value, dtype=np.float64)
        return self.profit_of_contact(p, value)

    def profit_of_contact(self, churn_probability: Any, lifetime_value: Any) -> Any:
        """Return the same of arrays or of single floats, as they are given."""
        offered = lifetime_value - self.incentive_cost
        retained = self.acceptance * offered - self.contact_cost
        lost = self.incentive_cost + self.contact_cost
        return churn_probability * retained - (1 - churn_probability) * lost

    def break_even_probability(self, lifetime_value: float) -> float:
        """Return the churn probability above which contacting a customer pays.

        It is above 1 where it never pays. The lifetime value must be above 0.
        """
        cost = self.incentive_cost + self.contact_cost
        saved = self.acceptance * (lifetime_value - self.incentive_cost) + self.incentive_cost
        return cost / saved


@dataclass(frozen=True)
class Tier:
    """Customers of at least ``minimum`` churn probability, up to the next tier."""

    name: str
    minimum: float
    action: str


def tiers(parameters: Mapping[str, Mapping[str, Any]]) -> tuple[Tier, ...]:
    """Take the tiers from the parameters under ``economics.tiers``.

    Parameters
    ----------
    parameters : mapping
        Name of a tier to its ``minimum`` and ``action``, in ascending order.

    Returns
    -------
    tuple of Tier
        They cover all probabilities.

    Raises
    ------
    ParameterError
        If the minimums do not ascend from 0, staying below 1.
    """
    found = tuple(
        Tier(name, float(tier["minimum"]), str(tier["action"])) for name, tier in parameters.items()
    )
    if not found or found[0].minimum != 0:
        first = f"{found[0].name}.minimum is {found[0].minimum:g}" if found else "it has none"
        raise ParameterError(
            f"{params_yaml()}: economics.tiers: {first}; the first tier starts at 0"
        )
    for before, tier in pairwise(found):
        if not before.minimum < tier.minimum < 1:
            raise ParameterError(
                f"{params_yaml()}: economics.tiers.{tier.name}.minimum is {tier.minimum:g}; "
                f"it must be above the {before.minimum:g} of {before.name}, "
                "the tier before it, and below 1"
            )
    return found


def assign_tier(probabilities: ArrayLike, tiers: Sequence[Tier]) -> NDArray[np.str_]:
    """Return the name of the tier of each churn probability, (n,)."""
    return np.array([tier.name for tier in tiers])[tier_index(probabilities, tiers)]


def tier_index(probabilities: ArrayLike, tiers: Sequence[Tier]) -> NDArray[np.int64]:
    """Return the position of the tier of each churn probability, (n,)."""
    minimums = [tier.minimum for tier in tiers]
    return np.searchsorted(minimums, np.asarray(probabilities), side="right") - 1


@dataclass(frozen=True, slots=True)
class Score:
    """What is said of a customer.

    Attributes
    ----------
    churn_probability : float
    tier, recommended_action : str
    contact : bool
        Whether contacting the customer is expected to pay.
    expected_profit : float
        Of contacting the customer rather than not.
    """

    churn_probability: float
    tier: str
    recommended_action: str
    contact: bool
    expected_profit: float


class Decider:
    """Decides of customers one by one; numpy costs more than it gains on single numbers.

    Parameters
    ----------
    economics : Economics
    tiers : sequence of Tier
        As :func:`tiers` returns them.
    """

    def __init__(self, economics: Economics, tiers: Sequence[Tier]) -> None:
        self._profit = economics.profit_of_contact
        self._minimums = [tier.minimum for tier in tiers]
        self._tiers = [(tier.name, tier.action) for tier in tiers]

    def decide(self, churn_probability: float, lifetime_value: float) -> Score:
        """Decide of a customer."""
        profit = self._profit(churn_probability, lifetime_value)
        name, action = self._tiers[bisect_right(self._minimums, churn_probability) - 1]
        return Score(churn_probability, name, action, profit > 0, profit)
