"""Explanations of many customers: which inputs matter, how they act, the reasons of each."""

import numpy as np
import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.scorer.explanation import reason_text, spelled


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
                "value": [spelled(value) for value in customers[name].iloc[chosen]],
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
        line[:] = [reason_text(name, value, contract) for value in customers[name]]
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
