"""Explanations of many customers: which inputs matter, how they act, the reasons of each."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.checking.distinct_rows import distinct_rows
from churn_pipeline.contract import Contract
from churn_pipeline.evaluation.coded_texts import coded_texts
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
    places = _highest(values, n)
    amounts = np.take_along_axis(values, np.maximum(places, 0), axis=1)
    amounts = np.where(places < 0, np.nan, amounts)
    texts: list[str] = []
    codes = np.full(places.shape, -1, dtype=np.int64)
    for place in np.unique(places[places >= 0]).tolist():
        chosen = np.nonzero(places == place)
        spelled_out, code = _texts(names[place], chosen[0], customers, contract, unseen or {})
        codes[chosen] = code + len(texts)
        texts += spelled_out
    table: dict[str, object] = {}
    for rank in range(n):
        table[f"reason_{rank + 1}"] = coded_texts(texts, codes[:, rank])
        table[f"contribution_{rank + 1}"] = amounts[:, rank]
    return pd.DataFrame(table)


def _highest(values: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Return the places of the highest positive values of each row, (n_rows, n); -1 for none.

    Of equal values the first comes first.
    """
    left = np.where(values > 0, values, 0.0)
    places = np.full((len(left), n), -1, dtype=np.int64)
    rows = np.arange(len(left))
    for rank in range(min(n, left.shape[1])):  # cheaper than sorting all for the first few
        column = left.argmax(axis=1)
        places[:, rank] = np.where(left[rows, column] > 0, column, -1)
        left[rows, column] = 0.0
    return places


def _texts(
    name: str,
    rows: NDArray[np.int64],
    customers: pd.DataFrame,
    contract: Contract,
    unseen: Mapping[str, NDArray[np.bool_]],
) -> tuple[list[str], NDArray[np.int64]]:
    """Return the different reasons of some rows, each put into words once, and which each has."""
    parts = combined_columns(name, contract) or (name,)
    chosen = [customers[part].iloc[rows] for part in parts]
    flags = {part: unseen[part][rows] for part in parts if part in unseen}
    first, codes = distinct_rows([pd.factorize(part)[0] for part in chosen] + list(flags.values()))
    values = [part.iloc[first].tolist() for part in chosen]
    unseen_parts = {part: flagged[first].tolist() for part, flagged in flags.items()}
    texts = [
        reason_text(
            name,
            dict(zip(parts, found, strict=True)).__getitem__,
            contract,
            [part for part, flagged in unseen_parts.items() if flagged[at]],
        )
        for at, found in enumerate(zip(*values, strict=True))
    ]
    return texts, codes
