"""What the pipelines make of a training set, without Kedro around them."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import psutil
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.target import churned
from churn_pipeline.pipelines.features.nodes import add_combinations, combine_columns
from churn_pipeline.pipelines.training.nodes import (
    choose_and_calibrate,
    cross_validate_candidates,
    grow_candidates,
)
from churn_pipeline.pipelines.tuning.nodes import tune_candidates


class Automatic(NamedTuple):
    """The champion of a training set, and what it and the references are worth on the test set.

    Attributes
    ----------
    champion : str
    found : tuple of str
        The combinations of columns that were found.
    results : dict of str to dict of str to float
        By model (``champion``, ``runner_up``, ``baseline``): ``roc_auc``, ``log_loss``; of the
        champion also ``cpu_seconds``, all searches included.
    probability : ndarray of float, (n_test,)
        The champion's.
    scoring_cost : float
        Operations that one customer's score takes, see :attr:`ModelFamily.scoring_cost`.
    """

    champion: str
    found: tuple[str, ...]
    results: dict[str, dict[str, float]]
    probability: NDArray[np.float64]
    scoring_cost: float


def run_automatic(
    train: pd.DataFrame, test: pd.DataFrame, contract: Contract, parameters: dict[str, Any]
) -> Automatic:
    """Combine columns, tune, compare, choose and fit; score the test set.

    Parameters
    ----------
    train, test : DataFrame
        With the contract's columns and derived columns.
    contract : Contract
    parameters : dict
        All of ``params.yaml``.
    """
    training, started = parameters["training"], cpu_seconds()
    given = {column.name for column in contract.derived_columns}
    contract, _ = combine_columns(train, contract, parameters["combinations"])
    train, test = (add_combinations(side, contract) for side in (train, test))
    tuning = parameters["tuning"]
    _, settings = tune_candidates(train, contract, parameters["candidates"], tuning)
    settings = grow_candidates(
        train, contract, settings, parameters["candidates"], training, tuning["max_customers"]
    )
    out_of_fold, cross_validation, costs = cross_validate_candidates(
        train, contract, settings, training
    )
    selection, model, references = choose_and_calibrate(
        cross_validation, out_of_fold, costs, train, contract, settings, training
    )
    seconds = cpu_seconds() - started
    y = churned(test, contract)
    results = {}
    for name, scored in {"champion": model, **references}.items():
        probability = scored.churn_probability(test)
        results[name] = {
            "roc_auc": roc_auc_score(y, probability),
            "log_loss": log_loss(y, probability),
        }
    results["champion"]["cpu_seconds"] = seconds
    found = tuple(c.expression.text for c in contract.derived_columns if c.name not in given)
    name = selection["champion"]
    return Automatic(name, found, results, model.churn_probability(test), costs[name])


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of all it started, ended or not."""
    process = psutil.Process()
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)
