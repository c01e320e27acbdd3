"""Whether a model performs differently on the test set and in cross-validation, beyond noise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.statistics.clustered_tests import customer_terms

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

BEYOND_NOISE = 3.0  # standard errors: chance alone goes beyond in 3 of 1,000 runs


def validation_gap(
    validated: Floats,
    tested: Floats,
    validated_customers: Numbers | None = None,
    tested_customers: Numbers | None = None,
) -> dict[str, Any]:
    """Compare the mean log losses of two sets of customers.

    The sets are independent, so the variance of the difference is the sum of those of the means;
    rows of a customer count for what they add together.

    Parameters
    ----------
    validated, tested : ndarray of float, (n,) and (m,)
        Log loss of each row, out of fold and on the test set.
    validated_customers, tested_customers : ndarray of int, optional
        Whose row it is, 0 … n_customers - 1; by default each row is another customer.

    Returns
    -------
    dict
        ``cross_validation``, ``test`` (mean losses), ``difference`` (test minus cross-validation),
        ``standard_errors`` (the difference in its standard errors) and ``beyond_noise``.
    """
    variance = sum(
        _variance_of_mean(losses, customers)
        for losses, customers in ((validated, validated_customers), (tested, tested_customers))
    )
    difference = float(tested.mean() - validated.mean())
    ratio = 0.0 if difference == 0 else difference / max(float(np.sqrt(variance)), 1e-12)
    return {
        "cross_validation": round(float(validated.mean()), 6),
        "test": round(float(tested.mean()), 6),
        "difference": round(difference, 6),
        "standard_errors": round(ratio, 2),
        "beyond_noise": bool(abs(ratio) > BEYOND_NOISE),
    }


def _variance_of_mean(losses: Floats, customers: Numbers | None) -> float:
    if customers is not None:
        losses = customer_terms(losses, np.unique(customers, return_inverse=True)[1])
    return float(losses.var(ddof=1)) / len(losses)


def gap_sentences(gap: dict[str, Any], is_by_time: bool) -> list[str]:
    """Say what a gap beyond noise means; nothing where there is none."""
    if not gap["beyond_noise"]:
        return []
    figures = (
        f"the log loss is {gap['test']:.4f} on the test set and {gap['cross_validation']:.4f} in "
        f"cross-validation, {abs(gap['standard_errors']):.1f} standard errors apart"
    )
    if gap["difference"] < 0:
        return [
            f"The test set is easier than the training set beyond noise: {figures}. Its customers "
            "differ from those that the model learned from."
        ]
    causes = ["the same customer may be in several rows under different ids"]
    if is_by_time:
        causes.append("customers may have changed since the training rows")
    else:
        causes.append("the two sets may contain different customers")
    return [
        f"The model does worse on the test set than in cross-validation beyond noise: {figures}. "
        f"Rely on the test set; {', or '.join(causes)}."
    ]
