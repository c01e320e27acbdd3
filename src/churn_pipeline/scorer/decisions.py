"""What is decided of a score: whether to contact, what that earns, and by which action.

There is one decision: a customer is contacted where that is expected to pay. The tier says how
probable churn is; its action is how those of the tier who are contacted are approached, and nobody
else gets one.

A contact costs ``f``. A customer who would churn accepts the incentive ``d`` with probability gamma
and then stays, worth the customer lifetime value; one who would have stayed takes it for nothing.
Nobody knows gamma: it is drawn from a Beta distribution (Verbraken, Verbeke and Baesens, 2013).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_pipeline.errors import ParameterError
from churn_pipeline.named_files import params_yaml

Floats = NDArray[np.float64]

NO_ACTION = "No action."
"""What is recommended for everyone who is not contacted."""

_NO_ACTIONS = (
    "do nothing, do not contact, ignore, leave alone, n/a, no action, no action needed, "
    "no action required, no contact, none, nothing, nothing to do, not contacted"
)


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

    @cached_property
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
    """Customers of at least ``minimum`` churn probability, up to the next tier.

    ``action`` is for those of them who are contacted.
    """

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
        If the minimums do not ascend from 0, staying below 1, or an action is none.
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
    for tier in found:
        if is_no_action(tier.action):
            raise ParameterError(
                f"{params_yaml()}: economics.tiers.{tier.name}.action is {tier.action!r}; "
                f"{ACTION_RULE}"
            )
    return found


ACTION_RULE = (
    "it must say how customers of the tier whom it pays to contact are contacted; "
    f"the others get {NO_ACTION!r} by themselves"
)


def is_no_action(action: str) -> bool:
    """Tell whether a text says that nothing is done, which no tier may advise."""
    letters = _letters(action)
    return not letters or letters in map(_letters, _NO_ACTIONS.split(", "))


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def assign_tier(probabilities: ArrayLike, tiers: Sequence[Tier]) -> NDArray[np.str_]:
    """Return the name of the tier of each churn probability, (n,)."""
    return np.array([tier.name for tier in tiers])[tier_index(probabilities, tiers)]


def recommend(probabilities: ArrayLike, contacted: ArrayLike, tiers: Sequence[Tier]) -> list[str]:
    """Return the action for each customer, (n,): of the tier if they are contacted, else none."""
    actions = [tier.action for tier in tiers]
    decided = zip(tier_index(probabilities, tiers), np.asarray(contacted), strict=True)
    return [actions[place] if contact else NO_ACTION for place, contact in decided]


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
    tier : str
        Of the churn probability.
    recommended_action : str
        How to contact the customer; :data:`NO_ACTION` where ``contact`` is False.
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
        contact = profit > 0
        return Score(churn_probability, name, action if contact else NO_ACTION, contact, profit)


@dataclass(frozen=True, slots=True)
class Decisions:
    """What is said of many customers: the attributes of their :class:`Score`, as columns.

    Attributes
    ----------
    churn_probability, expected_profit : ndarray of float, (n,)
    contact : ndarray of bool, (n,)
    tier, recommended_action : tuple of list of str and ndarray of int, (n,)
        The different texts, and the place of each customer's in them.
    """

    churn_probability: Floats
    tier: tuple[list[str], NDArray[np.int64]]
    recommended_action: tuple[list[str], NDArray[np.int64]]
    contact: NDArray[np.bool_]
    expected_profit: Floats


def decide_table(
    churn_probability: Floats, lifetime_values: Floats, economics: Economics, tiers: Sequence[Tier]
) -> Decisions:
    """Decide of many customers, (n,), to the bit as :class:`Decider` does of each."""
    profit = economics.expected_profit(churn_probability, lifetime_values)
    contact = profit > 0
    place = tier_index(churn_probability, tiers)
    return Decisions(
        churn_probability,
        ([tier.name for tier in tiers], place),
        ([NO_ACTION, *(tier.action for tier in tiers)], np.where(contact, place + 1, 0)),
        contact,
        profit,
    )
