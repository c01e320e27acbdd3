"""Nodes of the decisions pipeline: whom to contact on the test set, and how right that was."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from churn_pipeline.contract import Contract
from churn_pipeline.economics.profit import add_decisions
from churn_pipeline.evaluation import curves
from churn_pipeline.evaluation.metrics import bootstrap_decisions
from churn_pipeline.reporting import figures
from churn_pipeline.scorer.decisions import Economics, assign_tier, recommend, tiers
from churn_pipeline.splits.customers import NUMBER, numbers_of
from churn_pipeline.statistics.bootstrap import Bootstrap


def decide_test_customers(
    test_scores: pd.DataFrame,
    test: pd.DataFrame,
    contract: Contract,
    economics: dict[str, Any],
) -> pd.DataFrame:
    """Decide whom of the test set to contact, and how.

    Parameters
    ----------
    test_scores : DataFrame
        See :func:`churn_pipeline.pipelines.evaluation.nodes.score_test_customers`.
    test : DataFrame
        The same rows in the same order, with the contract's columns.
    contract : Contract
    economics : dict
        The parameters of this name.

    Returns
    -------
    DataFrame
        The scores with what :func:`churn_pipeline.economics.profit.add_decisions` adds, ``tier``
        and ``recommended_action``; ``customer_number`` stays the last column.

    Raises
    ------
    ParameterError, DataError
        If ``economics.customer_lifetime_value`` names a column that does not hold such values, or
        the tiers do not cover all probabilities.
    """
    # a derived column is no amount of money
    own = test.drop(columns=[column.name for column in contract.derived_columns])
    numbers = [NUMBER] if NUMBER in test_scores else []
    scores = test_scores.drop(columns=numbers)
    decided = add_decisions(scores, own, Economics.of(economics), contract.id.name)
    levels = tiers(economics["tiers"])
    probability = decided["churn_probability"]
    actions = recommend(probability, decided["contacted"], levels)
    return decided.assign(
        tier=pd.array(assign_tier(probability, levels), dtype="str"),
        recommended_action=pd.array(actions, dtype="str"),
        **{name: test_scores[name] for name in numbers},
    )


def measure_decisions(
    test_predictions: pd.DataFrame,
    model_metrics: dict[str, Any],
    economics: dict[str, Any],
    evaluation: dict[str, Any],
) -> dict[str, Any]:
    """Add the metrics of the decisions, and what they earn, to those of the probabilities.

    Returns
    -------
    dict
        Metric → ``value``, ``low``, ``high``, rounded to six decimals.
    """
    intervals = bootstrap_decisions(
        test_predictions["churned"],
        test_predictions["contacted"],
        Bootstrap.of(evaluation, numbers_of(test_predictions)),
    )
    return {
        **model_metrics,
        **{name: interval.rounded() for name, interval in intervals.items()},
        "empc": economics["empc"],
        "empc_fraction": economics["empc_fraction"],
        "profit_per_customer": economics["policies"]["model"]["profit_per_customer"],
    }


def trace_confusion(test_predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the actual and the predicted class of each customer."""
    return curves.confusion(test_predictions["churned"], test_predictions["contacted"])


def draw_confusion(confusion: pd.DataFrame) -> Figure:
    """Draw how often the decisions were right and wrong."""
    return figures.confusion(confusion)
