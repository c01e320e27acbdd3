"""Fairness: does the model treat a group of customers otherwise than the rest?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from churn_pipeline.evaluation.metric_definitions import CALIBRATION
from churn_pipeline.statistics.bootstrap import Bootstrap
from churn_pipeline.statistics.clustered_tests import clustered_ratio_test, customer_sums
from churn_pipeline.statistics.comparison import holm

Floats = NDArray[np.float64]

MINIMUM_CUSTOMERS = 30  # in the group and in the rest, to judge them
_MINIMUM_EXPECTED = 5  # in each cell of a two-by-two table (Cochran, 1954)

# What the model does to a group. The churn rate is told as well, but not held against the model.
# With right probabilities, the first three differ wherever the churn rates do (Chouldechova, 2017).
JUDGED = ("selection_rate", "recall", "precision", CALIBRATION)


@dataclass(frozen=True)
class Outcomes:
    """What the model said of customers, and what they did.

    Attributes
    ----------
    churned : ndarray of 0 and 1, (n,)
    churn_probability : ndarray of float, (n,)
    contacted : ndarray of 0 and 1, (n,)
    customer_numbers : ndarray of int, (n,), or None
        Whose row it is; None where each row is another customer.
    """

    churned: Floats
    churn_probability: Floats
    contacted: Floats
    customer_numbers: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.churned)

    def of(self, members: NDArray[np.bool_]) -> Self:
        """Return the outcomes of some of the customers."""
        numbers = self.customer_numbers
        return type(self)(
            self.churned[members],
            self.churn_probability[members],
            self.contacted[members],
            None if numbers is None else np.unique(numbers[members], return_inverse=True)[1],
        )

    @property
    def n_customers(self) -> int:
        """How many customers the rows are of."""
        return len(self) if self.customer_numbers is None else len(set(self.customer_numbers))

    def ratios(self) -> dict[str, tuple[Floats, Floats]]:
        """Return what is summed above and below the line of each metric; both (n,)."""
        y, p, contacted = self.churned, self.churn_probability, self.contacted
        everyone = np.ones_like(y)
        return {
            "churn_rate": (y, everyone),
            "selection_rate": (contacted, everyone),
            "recall": (contacted * y, y),
            "precision": (contacted * y, contacted),
            CALIBRATION: (p - y, everyone),
        }


def audit(
    groups: Mapping[str, pd.Categorical],
    outcomes: Outcomes,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Measure every group, and test how far it is from the rest of the customers.

    Parameters
    ----------
    groups : mapping of str to Categorical, (n,)
        Sensitive column → the group of each customer.
    outcomes : Outcomes, (n,)
    bootstrap : Bootstrap
        Its ``confidence`` is also one minus the level of ``beyond_noise``; the customers of the
        rows are those of the outcomes.

    Returns
    -------
    dict
        ``columns`` : column → ``groups`` → group → see :func:`measure_group`.

        ``differences`` : one entry a comparison: ``column``, ``group``, ``metric`` (one of
        :data:`JUDGED`), ``value`` of the group, ``rest`` (the value of the rest), ``difference``
        (group minus rest), ``p_value_holm`` (over all comparisons of calibration errors, or over
        all others) and ``beyond_noise``. The two groups of a column of two are one comparison, of
        the smaller one.

        ``not_judged`` : ``column``, ``group``, ``metric`` of the comparisons that too few customers
        stand behind; ``metric`` is None where that goes for all.
    """
    columns: dict[str, Any] = {}
    comparisons: list[dict[str, Any]] = []
    not_judged: list[dict[str, Any]] = []
    for column, labels in groups.items():
        members = {str(name): np.asarray(labels == name) for name in labels.categories}
        columns[column] = {
            "groups": {
                name: measure_group(outcomes.of(is_member), bootstrap)
                for name, is_member in members.items()
            }
        }
        for name in _once_each(members):
            found, skipped = compare_with_rest(outcomes, members[name])
            comparisons += [{"column": column, "group": name, **entry} for entry in found]
            not_judged += [{"column": column, "group": name, "metric": m} for m in skipped]
    for is_of_calibration in (True, False):
        family = [c for c in comparisons if (c["metric"] == CALIBRATION) is is_of_calibration]
        adjusted = holm([entry.pop("p_value") for entry in family])
        for entry, p_value in zip(family, adjusted, strict=True):
            entry["p_value_holm"] = round(float(p_value), 6)
            entry["beyond_noise"] = bool(p_value < 1 - bootstrap.confidence)
    return {"columns": columns, "differences": comparisons, "not_judged": not_judged}


def _once_each(members: Mapping[str, NDArray[np.bool_]]) -> list[str]:
    names = list(members)
    if len(names) == 1:
        return []  # there is no rest
    if len(names) == 2:
        return [min(reversed(names), key=lambda name: int(members[name].sum()))]
    return names


def measure_group(group: Outcomes, bootstrap: Bootstrap) -> dict[str, Any]:
    """Measure one group, with bootstrap percentile intervals from within the group.

    Returns
    -------
    dict
        ``customers``, and as ``value``, ``low`` and ``high``: ``churn_rate``, ``selection_rate``
        (share contacted), ``recall`` (share contacted of the churners), ``precision`` (share of
        churners among the contacted) and ``calibration_error`` (mean churn probability minus churn
        rate); None where nobody is below the line. Replicates in which a metric is not defined do
        not count for its interval.
    """
    ratios = group.ratios()
    above = np.column_stack([ratio[0] for ratio in ratios.values()])
    below = np.column_stack([ratio[1] for ratio in ratios.values()])
    with np.errstate(invalid="ignore", divide="ignore"):
        values = above.sum(axis=0) / below.sum(axis=0)
        table = np.hstack([above, below])
        if group.customer_numbers is not None:  # customers are drawn with all their rows
            table = customer_sums(table, group.customer_numbers)
        sums = np.concatenate([w @ table for w in bootstrap.samples(len(table))])
        draws = sums[:, : len(ratios)] / sums[:, len(ratios) :]
    measured: dict[str, Any] = {"customers": len(group)}
    for metric, value, drawn in zip(ratios, values, draws.T, strict=True):
        defined = drawn[~np.isnan(drawn)]
        if np.isnan(value) or not len(defined):
            measured[metric] = None
            continue
        low, high = np.quantile(defined, [bootstrap.tail, 1 - bootstrap.tail])
        measured[metric] = {
            "value": round(float(value), 6),
            "low": round(float(low), 6),
            "high": round(float(high), 6),
        }
    return measured


def compare_with_rest(
    outcomes: Outcomes, is_member: NDArray[np.bool_]
) -> tuple[list[dict[str, Any]], list[str | None]]:
    """Test each metric of a group against that of all other customers, two-sided.

    Rates by the two-proportion z test, calibration errors by :func:`mean_residual_z_test`. Where
    customers have several rows the p-value is never less than that of
    :func:`churn_pipeline.statistics.clustered_tests.clustered_ratio_test`.

    Returns
    -------
    comparisons : list of dict
        ``metric``, ``value``, ``rest``, ``difference``, ``p_value`` (of this test alone).
    not_judged : list of str or None
        Metrics that too few customers stand behind (expected counts under five); None for all of
        them where the group or the rest has fewer than :data:`MINIMUM_CUSTOMERS`.
    """
    group, rest = outcomes.of(is_member), outcomes.of(~is_member)
    if min(group.n_customers, rest.n_customers) < MINIMUM_CUSTOMERS:
        return [], [None]
    found: list[dict[str, Any]] = []
    not_judged: list[str | None] = []
    ratios, others = group.ratios(), rest.ratios()
    for metric in JUDGED:
        above, below = (float(part.sum()) for part in ratios[metric])
        other_above, other_below = (float(part.sum()) for part in others[metric])
        if metric == CALIBRATION:
            p_value = mean_residual_z_test(group, rest)
        elif _is_enough(above, below, other_above, other_below):
            p_value = two_proportion_z_test(above, below, other_above, other_below)
        else:
            not_judged.append(metric)
            continue
        if outcomes.customer_numbers is not None:
            clustered = clustered_ratio_test(
                *outcomes.ratios()[metric],
                is_member,
                outcomes.customer_numbers,
                is_pooled=metric != CALIBRATION,
            )
            p_value = max(p_value, clustered)
        value, other = above / below, other_above / other_below
        found.append(
            {
                "metric": metric,
                "value": round(value, 6),
                "rest": round(other, 6),
                "difference": round(value - other, 6),
                "p_value": p_value,
            }
        )
    return found, not_judged


def _is_enough(above: float, below: float, other_above: float, other_below: float) -> bool:
    """Whether the normal approximation holds, or there is nothing to tell apart."""
    fewer = min(below, other_below)
    if fewer == 0:
        return False
    pooled = (above + other_above) / (below + other_below)
    return pooled in (0, 1) or fewer * min(pooled, 1 - pooled) >= _MINIMUM_EXPECTED


def two_proportion_z_test(
    successes: float, cases: float, other_successes: float, other_cases: float
) -> float:
    """Return the two-sided p-value of "both shares are the same" (pooled variance)."""
    pooled = (successes + other_successes) / (cases + other_cases)
    variance = pooled * (1 - pooled) * (1 / cases + 1 / other_cases)
    return _two_sided(successes / cases - other_successes / other_cases, variance)


def mean_residual_z_test(group: Outcomes, rest: Outcomes) -> float:
    """Return the two-sided p-value of "both mean residuals are the same".

    A residual is the churn probability minus what happened (0 or 1). Its variance in each of the
    two is the sample's, or p(1 - p) on average if that is more: among few customers of whom none
    churned, the sample's is far too small.
    """
    difference, variance = 0.0, 0.0
    for part, sign in ((group, 1), (rest, -1)):
        p = part.churn_probability
        residuals = p - part.churned
        difference += sign * float(residuals.mean())
        variance += max(float(residuals.var(ddof=1)), float((p * (1 - p)).mean())) / len(part)
    return _two_sided(difference, variance)


def _two_sided(difference: float, variance: float) -> float:
    if variance <= 0:  # all customers are alike
        return 1.0 if difference == 0 else 0.0
    return float(2 * ndtr(-abs(difference) / np.sqrt(variance)))
