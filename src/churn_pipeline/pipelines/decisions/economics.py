"""Nodes of the decisions pipeline: what the decisions of the model are worth."""

from dataclasses import asdict
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from churn_pipeline.economics.maximum_profit import bootstrap_maximum_profit
from churn_pipeline.economics.policies import weigh_policies
from churn_pipeline.economics.profit import best_share, profit_curve
from churn_pipeline.economics.tiers import summarise_tiers
from churn_pipeline.reporting import economics_figures, figures
from churn_pipeline.scorer.decisions import Economics, tiers
from churn_pipeline.splits.customers import numbers_of
from churn_pipeline.statistics.bootstrap import Bootstrap


def weigh_decisions(
    test_predictions: pd.DataFrame, economics: dict[str, Any], evaluation: dict[str, Any]
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Compute what contacting customers earns on the test set.

    Parameters
    ----------
    test_predictions : DataFrame
        With ``churned``, ``churn_probability``, ``customer_lifetime_value`` and ``contacted``; and
        ``runner_up_probability`` where there is a runner-up.
    economics, evaluation : dict
        The parameters of these names.

    Returns
    -------
    economics : dict
        ``assumptions``; ``threshold`` (the break-even churn probability; None with individual
        lifetime values); ``empc`` (expected maximum profit per customer), ``empc_fraction`` (its
        part of that of perfect predictions) and ``best_share`` (to contact, in hindsight);
        ``policies`` (see :class:`churn_pipeline.economics.policies.Policy`) and ``tiers`` (see
        :func:`churn_pipeline.economics.tiers.summarise_tiers`). Rounded to six decimals.
    profit_curve : DataFrame
        See :func:`churn_pipeline.economics.profit.profit_curve`.

    Raises
    ------
    ParameterError
        If the tiers do not cover all probabilities.
    """
    assumed = Economics.of(economics)
    levels = tiers(economics["tiers"])
    churned, probability = test_predictions["churned"], test_predictions["churn_probability"]
    values = test_predictions["customer_lifetime_value"].to_numpy()
    bootstrap = Bootstrap.of(evaluation, numbers_of(test_predictions))
    empc, fraction = bootstrap_maximum_profit(churned, probability, values, assumed, bootstrap)
    by_runner_up = None
    if "runner_up_probability" in test_predictions:
        second = test_predictions["runner_up_probability"]
        by_runner_up = assumed.expected_profit(second, values) > 0
    policies = weigh_policies(
        churned, test_predictions["contacted"], values, assumed, bootstrap, by_runner_up
    )
    lifetime_value = assumed.customer_lifetime_value
    weighed = {
        "assumptions": asdict(assumed),
        "threshold": None
        if isinstance(lifetime_value, str)
        else round(assumed.break_even_probability(lifetime_value), 6),
        "empc": empc.rounded(),
        "empc_fraction": fraction.rounded(),
        "best_share": round(best_share(churned, probability, values, assumed), 6),
        "policies": {
            name: {
                "contacted_share": round(policy.contacted_share, 6),
                "profit_per_customer": policy.profit_per_customer.rounded(),
                "difference_to_model": policy.difference_to_model.rounded(),
            }
            for name, policy in policies.items()
        },
        "tiers": summarise_tiers(churned, probability, test_predictions["contacted"], levels),
    }
    return weighed, profit_curve(churned, probability, values, assumed)


def draw_economics(profit_curve: pd.DataFrame, economics: dict[str, Any], currency: str) -> Figure:
    """Draw the profit curve with what the policies earn."""
    return economics_figures.profit(profit_curve, economics, currency)


def draw_gains(
    gains_curve: pd.DataFrame, economics: dict[str, Any], metrics: dict[str, Any]
) -> Figure:
    """Draw the gains curve with the decision to contact."""
    contacted = economics["policies"]["model"]["contacted_share"]
    return figures.gains(gains_curve, (contacted, metrics["recall"]["value"]))
