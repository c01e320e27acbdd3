"""Nodes that explain the scores of the test set."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from churn_pipeline.contract import Contract
from churn_pipeline.evaluation.explanation import dependence, importance, top_reasons
from churn_pipeline.reporting import explanation_figures
from churn_pipeline.scorer import Bundle, Model
from churn_pipeline.splits.customers import key_columns

_REASONS = 3
_INPUTS_IN_DETAIL = 6
_CUSTOMERS_IN_DETAIL = 500
_DECIMALS = 6


def explain_test_customers(
    scorer: Bundle,
    test: pd.DataFrame,
    contract: Contract,
    evaluation: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Explain every test customer's log-odds by exact SHAP values.

    Parameters
    ----------
    scorer : Bundle
    test : DataFrame
    contract : Contract
    evaluation : dict
        ``seed`` chooses the customers of ``shap_dependence``.

    Returns
    -------
    reasons : DataFrame
        One line a row: the contract's key, ``churn_probability``, ``log_odds``, ``base_log_odds``
        and the three inputs that raise the probability most, see
        :func:`churn_pipeline.evaluation.explanation.top_reasons`.
    shap_importance : DataFrame
        See :func:`churn_pipeline.evaluation.explanation.importance`.
    shap_dependence : DataFrame
        Values and SHAP values of the six most important inputs at most for 500 customers at most,
        see :func:`churn_pipeline.evaluation.explanation.dependence`.
    """
    champion = Model(scorer)
    rows = champion.rows(test)
    contributions = pd.DataFrame(
        champion.contributions(rows), columns=list(champion.explained_inputs)
    )
    scores = pd.DataFrame(
        {
            **{name: column.to_numpy() for name, column in key_columns(test, contract).items()},
            "churn_probability": champion.churn_probability(rows),
            "log_odds": champion.log_odds(rows),
            "base_log_odds": champion.base_log_odds,
        }
    )
    reasons = top_reasons(contributions, test, contract, _REASONS)
    ranked = importance(contributions, contract)
    detail = dependence(
        contributions,
        test,
        ranked["input"].head(_INPUTS_IN_DETAIL).tolist(),
        max_customers=_CUSTOMERS_IN_DETAIL,
        seed=evaluation["seed"],
    )
    return (
        pd.concat([scores, reasons], axis=1),
        ranked.round(_DECIMALS),
        detail.round(_DECIMALS),
    )


def draw_explanations(
    shap_importance: pd.DataFrame, shap_dependence: pd.DataFrame
) -> tuple[Figure, Figure]:
    """Draw the importance of the inputs, and how the most important ones act."""
    return (
        explanation_figures.importance(shap_importance),
        explanation_figures.dependence(shap_dependence),
    )
