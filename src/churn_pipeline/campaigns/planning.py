"""Which action each customer gets: the largest expected profit within the budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.campaigns.actions import Action
from churn_pipeline.errors import ParameterError

Floats = NDArray[np.float64]

NO_ACTION = -1
_FITS = 1 + 1e-9
_ROUNDS = 8  # of moving the limits until what is contacted comes close to them, but stays within


@dataclass(frozen=True)
class Limits:
    """What a campaign may take; None: no limit.

    Attributes
    ----------
    budget : float or None
        Expected cost of contacts and incentives.
    contacts : int or None
        Customers contacted.
    """

    budget: float | None = None
    contacts: int | None = None


@dataclass(frozen=True)
class Constraint:
    """A limit and how far the plan comes to it.

    Attributes
    ----------
    name : str
        ``budget``, ``contacts``, or ``capacity of`` and the action.
    limit, used : float
    shadow_price : float
        Expected profit that one more unit would bring: a contact, or a unit of money. 0 where the
        limit does not bind.
    """

    name: str
    limit: float
    used: float
    shadow_price: float

    @property
    def binds(self) -> bool:
        """Whether more of it would bring more profit."""
        return self.shadow_price > 0


@dataclass(frozen=True)
class Plan:
    """Who gets which action.

    Attributes
    ----------
    action : ndarray of int, (n,)
        Place of each customer's action, :data:`NO_ACTION` for those who are not selected. Held-out
        customers are selected too.
    is_treated : ndarray of bool, (n,)
        Selected and not held out.
    expected_profit, expected_cost : ndarray of float, (n,)
        Of the action if the customer is contacted; 0 for those who are not selected.
    constraints : tuple of Constraint
    """

    action: NDArray[np.int64]
    is_treated: NDArray[np.bool_]
    expected_profit: Floats
    expected_cost: Floats
    constraints: tuple[Constraint, ...]


def plan(
    churn_probability: Floats,
    lifetime_value: Floats,
    tier: NDArray[np.str_],
    actions: Sequence[Action],
    limits: Limits,
    *,
    held_out: NDArray[np.bool_],
    may_contact: NDArray[np.bool_] | None = None,
) -> Plan:
    """Give each customer at most one action so that the expected profit is largest.

    A linear program (HiGHS, by SciPy's ``linprog``); its dual values are the shadow prices. The few
    customers whom it divides between two actions get the one that still fits, or none.

    Customers are selected without regard to their arms, or treated and held-out ones could not be
    compared: limits are raised for all alike until the treated customers use them up. Only where
    the list ends depends on how many of those above are treated.

    Parameters
    ----------
    churn_probability, lifetime_value : ndarray of float, (n,)
    tier : ndarray of str, (n,)
    actions : sequence of Action
    limits : Limits
    held_out : ndarray of bool, (n,)
        Whom chance would hold out, among all customers.
    may_contact : ndarray of bool, (n,), optional
        False for those who are suppressed.

    Raises
    ------
    ParameterError
        If there is no action, or a limit is negative.
    """
    if not actions:
        raise ParameterError("campaign.actions is empty; a campaign needs at least one action")
    profit = np.stack([a.expected_profit(churn_probability, lifetime_value) for a in actions], 1)
    cost = np.stack([action.expected_cost(churn_probability) for action in actions], axis=1)
    allowed = np.stack([action.eligible(tier) for action in actions], axis=1)
    allowed &= profit > 0
    if may_contact is not None:
        allowed &= may_contact[:, None]
    customer, place = np.nonzero(allowed)
    uses = _uses(cost[customer, place], place, actions, limits)
    best = _choose(profit[customer, place], customer, uses, held_out)
    chosen = best.pairs
    action = np.full(len(churn_probability), NO_ACTION, dtype=np.int64)
    action[customer[chosen]] = place[chosen]
    selected = action != NO_ACTION
    rows = np.flatnonzero(selected)
    own_profit, own_cost = np.zeros(len(action)), np.zeros(len(action))
    own_profit[rows] = profit[rows, action[rows]]
    own_cost[rows] = cost[rows, action[rows]]
    constraints = tuple(
        Constraint(name, limit, float(u), float(price))
        for (name, limit, _), u, price in zip(uses, best.used, best.prices, strict=True)
    )
    return Plan(action, selected & ~held_out, own_profit, own_cost, constraints)


_Uses = list[tuple[str, float, Floats]]


class _Chosen(NamedTuple):
    """Which pairs of customer and action are chosen, what the treated ones use, the prices."""

    pairs: NDArray[np.bool_]
    prices: Floats
    used: Floats = np.zeros(0)


def _choose(
    profit: Floats, customer: NDArray[np.int64], uses: _Uses, held_out: NDArray[np.bool_]
) -> _Chosen:
    """Solve with limits that rise until the treated customers use them up; keep the best."""
    is_treated = ~held_out[customer]
    limit = np.array([most for _, most, _ in uses])
    largest = np.array([float(unit.max(initial=0.0)) for _, _, unit in uses])
    caps = limit / max(float((~held_out).mean()), 1e-9) if len(held_out) else limit
    best, earned = None, -1.0
    for _ in range(_ROUNDS):
        found = _solve(profit, customer, uses, caps)
        wanted = _used(found.pairs & is_treated, uses)
        pairs = _fitting(found.pairs, profit, uses, is_treated)
        used, sum_of_profits = (
            _used(pairs & is_treated, uses), float(profit[pairs & is_treated].sum()),
        )  # fmt: skip
        if sum_of_profits > earned:
            best, earned = found._replace(pairs=pairs, used=used), sum_of_profits
        is_off = (wanted > limit * _FITS) | ((found.prices > 0) & (limit - wanted > largest))
        moves = is_off & (wanted > 0)
        if not moves.any():
            break
        caps = np.where(moves, caps * limit / np.maximum(wanted, 1e-12), caps)
    assert best is not None
    return best


def _used(pairs: NDArray[np.bool_], uses: _Uses) -> Floats:
    return np.array([float(unit[pairs].sum()) for _, _, unit in uses])


def _fitting(
    pairs: NDArray[np.bool_], profit: Floats, uses: _Uses, is_treated: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """End the list where the treated customers reach a limit: the least profitable go first."""
    kept = pairs.copy()
    for _, limit, unit in uses:
        chosen = np.flatnonzero(kept & (unit > 0))
        order = chosen[np.argsort(-profit[chosen] / unit[chosen], kind="stable")]
        kept[order[np.cumsum(unit[order] * is_treated[order]) > limit * _FITS]] = False
    return kept


def _uses(
    cost: Floats, place: NDArray[np.int64], actions: Sequence[Action], limits: Limits
) -> _Uses:
    """Return name, limit and what each pair of customer and action takes of it."""
    uses: _Uses = []
    if limits.budget is not None:
        uses.append(("budget", float(limits.budget), cost))
    if limits.contacts is not None:
        uses.append(("contacts", float(limits.contacts), np.ones(len(cost))))
    for number, action in enumerate(actions):
        if action.capacity is not None:
            of_action = (place == number).astype(np.float64)
            uses.append((f"capacity of {action.name}", float(action.capacity), of_action))
    for name, limit, _ in uses:
        if limit < 0:
            raise ParameterError(f"the {name} of a campaign is {limit:g}; it must be 0 or more")
    return uses


def _solve(profit: Floats, customer: NDArray[np.int64], uses: _Uses, caps: Floats) -> _Chosen:
    from scipy.optimize import linprog
    from scipy.sparse import csr_matrix, vstack

    n = len(profit)
    if not n:
        return _Chosen(np.zeros(0, dtype=bool), np.zeros(len(uses)))
    _, row = np.unique(customer, return_inverse=True)
    once = csr_matrix((np.ones(n), (row, np.arange(n))))
    matrix = vstack([once, *(csr_matrix(unit[None, :]) for _, _, unit in uses)], format="csr")
    limits = np.concatenate([np.ones(once.shape[0]), caps])
    result = linprog(-profit, A_ub=matrix, b_ub=limits, bounds=(0, 1), method="highs-ipm")
    if not result.success:
        raise ParameterError(f"the campaign cannot be planned: {result.message}")
    share = result.x
    chosen = share > 1 - 1e-6
    left = caps - np.array([float(unit[chosen].sum()) for _, _, unit in uses])
    taken = set(row[chosen].tolist())
    divided = np.flatnonzero((share > 1e-6) & ~chosen)
    for pair in divided[np.argsort(-share[divided], kind="stable")]:
        needed = np.array([unit[pair] for _, _, unit in uses])
        if int(row[pair]) not in taken and (needed <= left + 1e-9).all():
            chosen[pair] = True
            left -= needed
            taken.add(int(row[pair]))
    prices = -np.asarray(result.ineqlin.marginals)[once.shape[0] :]
    return _Chosen(chosen, np.where(prices > 1e-9, prices, 0.0))
