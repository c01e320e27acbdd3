"""What the model's decisions earn, beside what simpler policies would."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_pipeline.scorer.decisions import Economics
from churn_pipeline.statistics.bootstrap import Bootstrap, Interval

Floats = NDArray[np.float64]

POLICIES = ("model", "runner_up", "contact_everyone", "contact_no_one", "random")


@dataclass(frozen=True)
class Policy:
    """A way to choose whom to contact.

    Attributes
    ----------
    contacted_share : float
        Of all customers.
    profit_per_customer : Interval
        Profit over all customers, contacted or not, given who churned.
    difference_to_model : Interval
        The model's profit per customer minus this one: what the model earns more.
    """

    contacted_share: float
    profit_per_customer: Interval
    difference_to_model: Interval


def weigh_policies(
    target: ArrayLike,
    contacted: ArrayLike,
    lifetime_values: ArrayLike,
    economics: Economics,
    bootstrap: Bootstrap,
    contacted_by_runner_up: ArrayLike | None = None,
) -> dict[str, Policy]:
    """Compare the model's decisions with the runner-up's and with those that need no model.

    Parameters
    ----------
    target : array-like of 0 and 1, (n,)
    contacted : array-like of bool, (n,)
        The decisions of the model.
    lifetime_values : array-like of float, (n,)
    economics : Economics
        The acceptance counts with its expectation.
    bootstrap : Bootstrap
        The policies are compared on the same replicates.
    contacted_by_runner_up : array-like of bool, (n,), optional
        What the second candidate decides by the same rule; by default there is none.

    Returns
    -------
    dict of str to Policy
        By the names of :data:`POLICIES`, without the ``runner_up`` if there is none. ``random`` is
        the expectation over all choices of as many customers as the model contacts.
    """
    profit = economics.expected_profit(target, lifetime_values)
    decided = np.asarray(contacted, dtype=np.float64)
    others = decided if contacted_by_runner_up is None else np.asarray(contacted_by_runner_up)
    n = len(decided)

    def profits(weights: ArrayLike) -> Floats:
        columns = np.column_stack([decided * profit, others * profit, profit, decided])
        w = np.asarray(weights, dtype=np.float64)
        model, runner_up, everyone, share = (w @ columns / w.sum(axis=1, keepdims=True)).T
        return np.stack([model, runner_up, everyone, np.zeros_like(model), share * everyone])

    values = profits(np.ones((1, n)))[:, 0]
    draws = np.hstack([profits(w) for w in bootstrap.samples(n)])
    share = float(decided.mean())
    shares = (share, float(others.mean()), 1.0, 0.0, share)
    return {
        name: Policy(
            shares[i],
            bootstrap.percentile_interval(float(values[i]), draws[i]),
            bootstrap.percentile_interval(float(values[0] - values[i]), draws[0] - draws[i]),
        )
        for i, name in enumerate(POLICIES)
        if name != "runner_up" or contacted_by_runner_up is not None
    }
