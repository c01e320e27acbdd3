"""Explanations of many customers: which inputs matter, how they act, the reasons of each."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.scorer.wording import combined_columns, reason_text, spelled


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
    contributions: pd.DataFrame,
    customers: pd.DataFrame,
    contract: Contract,
    n: int,
    unseen: Mapping[str, NDArray[np.bool_]] | None = None,
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
    unseen : mapping of str to ndarray of bool, (n_customers,), optional
        Category → whose value the contract does not list, where that is known.

    Returns
    -------
    DataFrame
        ``reason_1`` … such as "age is 81 years" (see
        :func:`churn_pipeline.scorer.wording.reason_text`), None where there are fewer, and
        ``contribution_1`` … in log-odds, NaN where there are fewer.
    """
    values = contributions.to_numpy()
    names = list(map(str, contributions))
    order = np.argsort(-values, axis=1, kind="stable")
    rows = np.arange(len(values))
    table: dict[str, object] = {}
    for rank in range(n):
        words, amount = np.full(len(values), None, dtype=object), np.full(len(values), np.nan)
        if rank < order.shape[1]:
            column = order[:, rank]
            raises = values[rows, column] > 0
            amount = np.where(raises, values[rows, column], np.nan)
            for place in np.unique(column[raises]):
                chosen = np.flatnonzero(raises & (column == place))
                words[chosen] = _texts(names[place], chosen, customers, contract, unseen or {})
        table[f"reason_{rank + 1}"] = pd.array(words, dtype="str")
        table[f"contribution_{rank + 1}"] = amount
    return pd.DataFrame(table)


def _values_of(customers: pd.DataFrame, row: int) -> Callable[[str], object]:
    def value(name: str) -> object:
        return customers[name].iloc[row]

    return value


def _texts(
    name: str,
    rows: NDArray[np.int64],
    customers: pd.DataFrame,
    contract: Contract,
    unseen: Mapping[str, NDArray[np.bool_]],
) -> list[str]:
    """Return the reason of some rows; each different one is put into words once."""
    parts = combined_columns(name, contract) or (name,)
    chosen = customers[list(parts)].iloc[rows]
    flags = pd.DataFrame(
        {part: unseen[part][rows] for part in parts if part in unseen}, index=chosen.index
    )
    keys = [pd.factorize(chosen[part])[0] for part in parts]
    keys += [flags[part].to_numpy() for part in flags]
    _, first, codes = np.unique(
        np.column_stack(keys), axis=0, return_index=True, return_inverse=True
    )
    texts = [
        reason_text(
            name,
            _values_of(chosen, at),
            contract,
            [str(part) for part in flags if flags[part].iloc[at]],
        )
        for at in first.tolist()
    ]
    return [texts[code] for code in codes.ravel()]
