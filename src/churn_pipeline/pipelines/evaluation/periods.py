"""Nodes of the evaluation pipeline: the metrics of every period."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import expit

from churn_pipeline.contract import Contract
from churn_pipeline.contract.limits import MAX_LOG_ODDS
from churn_pipeline.evaluation.gap import validation_gap
from churn_pipeline.evaluation.metrics import MetricSettings
from churn_pipeline.evaluation.period_metrics import measure_periods
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.target import churned
from churn_pipeline.reporting import period_figures
from churn_pipeline.splits.customers import (
    NUMBER,
    customer_numbers,
    identity_columns,
    numbers_of,
)
from churn_pipeline.splits.split_record import label_periods
from churn_pipeline.statistics.bootstrap import Bootstrap
from churn_pipeline.statistics.losses import log_losses

_DECIMALS = 6


def measure_by_period(
    test_predictions: pd.DataFrame,
    test: pd.DataFrame,
    out_of_fold: pd.DataFrame,
    model: ChurnModel,
    train: pd.DataFrame,
    split: dict[str, Any],
    contract: Contract,
    evaluation: dict[str, Any],
) -> pd.DataFrame:
    """Measure the champion in every period of the test set and of the training set.

    The training set is scored out of fold: each row by a model that has not seen its customer, in
    the first repeat of the cross-validation, through the calibrator of the champion. Of a large
    training set these are the rows that the candidates were compared on.

    Parameters
    ----------
    test_predictions : DataFrame
        In the order of ``test``.
    test, out_of_fold, train : DataFrame
    model : ChurnModel
        Names the champion, and holds its calibrator.
    split : dict
        The record of the split; ``period`` is used.
    contract : Contract
    evaluation : dict

    Returns
    -------
    DataFrame
        See :func:`churn_pipeline.evaluation.period_metrics.measure_periods`; one period, ``all``,
        where there are no dates.
    """
    train, probability = _out_of_fold(out_of_fold, model, train)
    scored = {
        "training": (train, churned(train, contract), probability),
        "test": (
            test,
            test_predictions["churned"].to_numpy(),
            test_predictions["churn_probability"].to_numpy(),
        ),
    }
    both = pd.concat([table[identity_columns(contract)] for table, _, _ in scored.values()])
    numbers = customer_numbers(both, contract)
    predictions = pd.concat(
        [
            pd.DataFrame(
                {
                    "side": side,
                    "period": label_periods(table, contract, split["period"]).to_numpy(),
                    "churned": target,
                    "churn_probability": probability,
                }
            )
            for side, (table, target, probability) in scored.items()
        ],
        ignore_index=True,
    )
    if numbers is not None:
        predictions[NUMBER] = numbers
    return measure_periods(
        predictions,
        MetricSettings(
            top_share=evaluation["top_share"], calibration_bins=evaluation["calibration_bins"]
        ),
        Bootstrap.of(evaluation),
    ).round(_DECIMALS)


def compare_with_cross_validation(
    test_scores: pd.DataFrame,
    out_of_fold: pd.DataFrame,
    model: ChurnModel,
    train: pd.DataFrame,
    contract: Contract,
) -> dict[str, Any]:
    """Compare the champion's log loss on the test set with that out of fold.

    Returns
    -------
    dict
        See :func:`churn_pipeline.evaluation.gap.validation_gap`.
    """
    rows, probability = _out_of_fold(out_of_fold, model, train)
    return validation_gap(
        log_losses(churned(rows, contract), probability),
        log_losses(
            test_scores["churned"].to_numpy(dtype=np.int8),
            test_scores["churn_probability"].to_numpy(dtype=np.float64),
        ),
        customer_numbers(rows, contract),
        numbers_of(test_scores),
    )


def _out_of_fold(
    out_of_fold: pd.DataFrame, model: ChurnModel, train: pd.DataFrame
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Return training rows and their probabilities by models that have not seen them."""
    first = out_of_fold[out_of_fold["repeat"] == 1].sort_values("customer")
    rows = train.iloc[first["customer"].to_numpy()]  # of a large training set, a sample
    raw = first[model.candidate].to_numpy(dtype="float64")
    log_odds = raw if model.calibrator is None else model.calibrator(raw)
    return rows, expit(np.clip(log_odds, -MAX_LOG_ODDS, MAX_LOG_ODDS))


def draw_periods(metrics_by_period: pd.DataFrame) -> Figure:
    """Draw the metrics of every period."""
    return period_figures.by_period(metrics_by_period)
