"""What it earns to contact customers, on a table (Verbraken, Verbeke and Baesens, 2013)."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.evaluation.curves import thinned
from churn_pipeline.named_files import params_yaml
from churn_pipeline.scorer.decisions import Economics

Floats = NDArray[np.float64]


def lifetime_values(
    economics: Economics, customers: pd.DataFrame, id_column: str | None = None
) -> Floats:
    """Return the lifetime value of each customer.

    Parameters
    ----------
    economics : Economics
    customers : DataFrame, (n_customers, …)
    id_column : str, optional
        The column by which an error names a customer; by default it counts rows from 1.

    Returns
    -------
    ndarray of float, (n_customers,)

    Raises
    ------
    ParameterError
        If there is no such column, or it does not contain numbers.
    DataError
        If a value is missing, infinite or negative.
    """
    name = economics.customer_lifetime_value
    if not isinstance(name, str):
        return np.full(len(customers), float(name))
    key = f"{params_yaml()}: economics.customer_lifetime_value is {name!r}"
    if name not in customers or not _is_numeric(customers[name]):
        what = (
            "does not contain numbers" if name in customers else "is not a column of the customers"
        )
        usable = [str(column) for column in customers if _is_usable(customers[column])]
        raise ParameterError(f"{key}, which {what}; give a number or one of {usable}")
    values = customers[name].to_numpy(dtype=np.float64, na_value=np.nan)
    (bad,) = np.nonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        first = bad[0]
        who = f"row {first + 1}" if id_column is None else str(customers[id_column].iloc[first])
        raise DataError(
            f"{name} of customer {who} is {values[first]:g} ({len(bad)} customers have no "
            f"usable value); a customer lifetime value is a number of at least 0: "
            f"correct the column, or set economics.customer_lifetime_value to one number"
        )
    return values


def _is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def add_decisions(
    predictions: pd.DataFrame,
    customers: pd.DataFrame,
    economics: Economics,
    id_column: str | None = None,
) -> pd.DataFrame:
    """Decide whom to contact: those of positive expected profit.

    Parameters
    ----------
    predictions : DataFrame, (n_customers, …)
        With ``churn_probability``.
    customers : DataFrame, (n_customers, …)
        The same customers in the same order.
    economics : Economics
    id_column : str, optional
        See :func:`lifetime_values`, also for the errors.

    Returns
    -------
    DataFrame
        The predictions with ``customer_lifetime_value``, ``expected_profit`` (of contacting the
        customer) and ``contacted`` (bool).
    """
    values = lifetime_values(economics, customers, id_column)
    profit = economics.expected_profit(predictions["churn_probability"], values)
    return predictions.assign(
        customer_lifetime_value=values, expected_profit=profit, contacted=profit > 0
    )


def profit_curve(
    target: ArrayLike,
    churn_probability: ArrayLike,
    lifetime_values: ArrayLike,
    economics: Economics,
) -> pd.DataFrame:
    """Profit of contacting the customers of highest expected profit first.

    Parameters
    ----------
    target : array-like of 0 and 1, (n,)
    churn_probability : array-like of float, (n,)
    lifetime_values : array-like of float, (n,)
    economics : Economics

    Returns
    -------
    DataFrame
        ``contacted_share``, ``profit_per_customer`` (of all n customers, with the expected
        acceptance) and ``threshold``: the lowest churn probability contacted (1 where nobody is;
        NaN with individual values, which no single probability parts). Customers of equal expected
        profit come as one step.
    """
    return thinned(_points(target, churn_probability, lifetime_values, economics))


def best_share(
    target: ArrayLike,
    churn_probability: ArrayLike,
    lifetime_values: ArrayLike,
    economics: Economics,
) -> float:
    """Return the smallest share of the customers to contact that earns most.

    The parameters are those of :func:`profit_curve`.
    """
    points = _points(target, churn_probability, lifetime_values, economics)
    return float(points["contacted_share"][np.argmax(points["profit_per_customer"])])


def _points(
    target: ArrayLike,
    churn_probability: ArrayLike,
    lifetime_values: ArrayLike,
    economics: Economics,
) -> dict[str, Floats]:
    p = np.asarray(churn_probability, dtype=np.float64)
    expected = economics.expected_profit(p, lifetime_values)
    order = np.argsort(-expected, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(expected[order]) != 0, True])
    earned = economics.expected_profit(target, lifetime_values)[order].cumsum()[ends]
    threshold = np.r_[1.0, p[order][ends]]
    if economics.is_individual:
        threshold = np.full(len(threshold), np.nan)
    return {
        "contacted_share": np.r_[0.0, (ends + 1) / len(p)],
        "profit_per_customer": np.r_[0.0, earned / len(p)],
        "threshold": threshold,
    }


def _is_usable(column: pd.Series) -> bool:
    return _is_numeric(column) and bool((column >= 0).all())  # a missing value is not
