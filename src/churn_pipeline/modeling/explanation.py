"""Why a customer has the churn probability that the model gives: SHAP values by model input."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from churn_pipeline.contract import Contract
from churn_pipeline.features.encoding import input_of_columns
from churn_pipeline.modeling.model import ChurnModel, classifier_log_odds
from churn_pipeline.modeling.shap_values import linear_shap, permutation_shap, tree_shap

_DIGITS = 7  # of a number in a text


@dataclass(frozen=True)
class Explanation:
    """Contributions in log-odds.

    Attributes
    ----------
    base_log_odds : float
        Log-odds before anything is known of a customer.
    contributions : DataFrame, (n_customers, n_inputs)
        One column a name of :func:`explained_inputs`; a line and ``base_log_odds`` add up to the
        model's log-odds of the customer.
    """

    base_log_odds: float
    contributions: pd.DataFrame


def explained_inputs(contract: Contract) -> dict[str, str]:
    """Return under which name each model input is explained.

    A derived column that reads one column of the file only is a part of what that column says.
    """
    names = {name: name for name in contract.model_inputs}
    for column in contract.derived_columns:
        if len(column.expression.columns) == 1:
            (source,) = column.expression.columns
            names[column.name] = source if source in names else column.name
    return names


def explain(
    model: ChurnModel, customers: pd.DataFrame, contract: Contract, background: pd.DataFrame
) -> Explanation:
    """Compute SHAP values in log-odds, exact ones where the model is linear or has trees.

    Parameters
    ----------
    model : ChurnModel
    customers : DataFrame, (n_customers, …)
    contract : Contract
    background : DataFrame
        Training customers; contributions are differences from their mean, unless the model is a
        tree ensemble.

    Returns
    -------
    Explanation
        An isotonic calibrator bends the log-odds: its effect is shared out in proportion.
    """
    encoder, classifier = model.pipeline
    inputs = list(model.inputs)
    matrix = encoder.transform(customers[inputs])
    if model.trees is not None:
        base, by_column = tree_shap(model.trees, matrix, matrix.shape[1])
    else:
        mean = np.nanmean(encoder.transform(background[inputs]), axis=0)
        if isinstance(classifier, LogisticRegression):
            intercept = float(classifier.intercept_[0])
            base, by_column = linear_shap(classifier.coef_[0], intercept, mean, matrix)
        else:
            log_odds = partial(classifier_log_odds, classifier)
            base, by_column = permutation_shap(log_odds, mean, matrix)
    values = _sum_by_input(by_column, input_of_columns(encoder), explained_inputs(contract))
    if model.calibrator is not None:
        raw = base + values.to_numpy().sum(axis=1)
        (calibrated_base,) = model.calibrator(np.array([base]))
        gain = model.calibrator(raw) - calibrated_base
        moved = raw - base
        scale = np.divide(gain, moved, out=np.ones_like(gain), where=moved != 0)
        base, values = float(calibrated_base), values.mul(scale, axis=0)
    return Explanation(base, values)


def _sum_by_input(
    values: NDArray[np.float64], inputs: NDArray[np.str_], names: Mapping[str, str]
) -> pd.DataFrame:
    groups = np.array([names[name] for name in inputs])
    order = [name for name in dict.fromkeys(names.values()) if name in set(groups)]
    return pd.DataFrame({name: values[:, groups == name].sum(axis=1) for name in order})


def importance(contributions: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Rank the inputs by how far they move the log-odds on average.

    Returns
    -------
    DataFrame
        ``input``, ``meaning``, ``mean_absolute_shap`` (log-odds), ``share`` of their sum; the
        largest first.
    """
    size = contributions.abs().mean()
    table = pd.DataFrame(
        {
            "input": size.index,
            "meaning": [_meaning(name, contract) for name in size.index],
            "mean_absolute_shap": size.to_numpy(),
            "share": size.to_numpy() / (size.sum() or 1.0),  # a constant model moves nothing
        }
    )
    order = ["mean_absolute_shap", "input"]
    return table.sort_values(order, ascending=[False, True]).reset_index(drop=True)


def _meaning(name: str, contract: Contract) -> str:
    described = {column.name: column.meaning for column in contract.derived_columns}
    return contract.columns[name].meaning if name in contract.columns else described[name]


def dependence(
    contributions: pd.DataFrame,
    customers: pd.DataFrame,
    inputs: list[str],
    *,
    max_customers: int,
    seed: int,
) -> pd.DataFrame:
    """List value and SHAP value of some inputs for a sample of customers.

    Returns
    -------
    DataFrame
        ``input``, ``value`` (as text, empty where missing), ``shap`` (log-odds).
    """
    n = len(customers)
    chosen = np.sort(np.random.default_rng(seed).permutation(n)[:max_customers])
    parts = [
        pd.DataFrame(
            {
                "input": name,
                "value": [_spelled(value) for value in customers[name].iloc[chosen]],
                "shap": contributions[name].to_numpy()[chosen],
            }
        )
        for name in inputs
    ]
    return pd.concat(parts, ignore_index=True)


def top_reasons(
    contributions: pd.DataFrame, customers: pd.DataFrame, contract: Contract, n: int
) -> pd.DataFrame:
    """Name the inputs that raise each customer's churn probability most.

    Parameters
    ----------
    contributions : DataFrame, (n_customers, n_inputs)
    customers : DataFrame
        The same customers in the same order.
    contract : Contract
    n : int
        Reasons a customer at most; inputs that lower the probability are none.

    Returns
    -------
    DataFrame
        ``reason_1`` … such as "age is 81 years", None where there are fewer, and
        ``contribution_1`` … in log-odds, NaN where there are fewer.
    """
    values = contributions.to_numpy()
    order = np.argsort(-values, axis=1, kind="stable")
    texts = np.empty(values.T.shape, dtype=object)
    for line, name in zip(texts, map(str, contributions), strict=True):
        line[:] = [_reason(name, value, contract) for value in customers[name]]
    rows = np.arange(len(values))
    table: dict[str, object] = {}
    for rank in range(n):
        words, amount = np.full(len(values), None, dtype=object), np.full(len(values), np.nan)
        if rank < order.shape[1]:
            column = order[:, rank]
            raises = values[rows, column] > 0
            words[raises] = texts[column, rows][raises]
            amount = np.where(raises, values[rows, column], np.nan)
        table[f"reason_{rank + 1}"] = pd.array(words, dtype="str")
        table[f"contribution_{rank + 1}"] = amount
    return pd.DataFrame(table)


def _reason(name: str, value: object, contract: Contract) -> str:
    if (text := _spelled(value)) == "":
        return f"{name} is missing"
    derived = {column.name: column.unit for column in contract.derived_columns}
    unit = contract.columns[name].unit if name in contract.columns else derived[name]
    return f"{name} is {text} {unit}" if unit else f"{name} is {text}"


def _spelled(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, int | float | np.integer | np.floating):
        number = float(value)
        digits = max(_DIGITS, len(str(int(abs(number)))))  # of a large number, the whole part
        return np.format_float_positional(number, precision=digits, fractional=False, trim="-")
    return str(value)
