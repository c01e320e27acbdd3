"""Tests of means where a customer has several rows, which are not independent."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


def clustered_ratio_test(
    above: Floats,
    below: Floats,
    is_member: NDArray[np.bool_],
    customer_numbers: Numbers,
    *,
    is_pooled: bool,
) -> float:
    """Test whether a ratio of sums is the same in a group as in the rest, two-sided.

    The ratios are linearised and their variance is that of the sums over customers (Cochran, 1977,
    chapter 11), so that rows of one customer count for what they add, in the group or in the rest.

    Parameters
    ----------
    above, below : ndarray of float, (n,)
        What is summed above and below the line; the sums below are positive.
    is_member : ndarray of bool, (n,)
    customer_numbers : ndarray of int, (n,)
        Whose row it is, 0 … n_customers - 1.
    is_pooled : bool
        Whether to take the variance around the ratio of all rows, as "both are the same" says.

    Returns
    -------
    float
        The p-value.
    """
    difference, influence = 0.0, np.zeros(len(above))
    pooled = above.sum() / below.sum()
    for part, sign in ((is_member, 1.0), (~is_member, -1.0)):
        total = below[part].sum()
        ratio = above[part].sum() / total
        difference += sign * float(ratio)
        centre = pooled if is_pooled else ratio
        influence[part] = sign * (above[part] - centre * below[part]) / total
    sums = np.bincount(customer_numbers, weights=influence)
    customers = len(np.unique(customer_numbers))
    variance = float(sums @ sums) * customers / max(customers - 1, 1)
    if variance <= 0:
        return 1.0 if difference == 0 else 0.0
    return math.erfc(abs(difference) / math.sqrt(2 * variance))


def customer_sums(values: Floats, customer_numbers: Numbers) -> Floats:
    """Add up the rows of each customer.

    Parameters
    ----------
    values : ndarray of float, (n, n_columns)
    customer_numbers : ndarray of int, (n,)
        Whose row it is, 0 … n_customers - 1.

    Returns
    -------
    ndarray of float, (n_customers, n_columns)
    """
    sums = [np.bincount(customer_numbers, weights=column) for column in values.T]
    return np.column_stack(sums).astype(np.float64)


def customer_terms(values: Floats, customer_numbers: Numbers) -> Floats:
    """Return one term a customer, whose mean and its standard error are those of the rows' mean.

    Parameters
    ----------
    values : ndarray of float, (n,)
    customer_numbers : ndarray of int, (n,)
        Whose row it is, 0 … n_customers - 1.

    Returns
    -------
    ndarray of float, (n_customers,)
        For tests that take independent values.
    """
    mean = values.mean()
    sums = np.bincount(customer_numbers, weights=values - mean)
    return np.asarray(mean + sums * len(sums) / len(values), dtype=np.float64)
