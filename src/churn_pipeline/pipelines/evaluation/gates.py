"""The quality gates, checked at the end of the evaluation."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.evaluation.champion import Champion, LostChampion
from churn_pipeline.evaluation.gap import gap_sentences
from churn_pipeline.evaluation.gates import SCORING_TIME, Measured, check, is_on, time_scoring
from churn_pipeline.evaluation.regression import (
    MARGIN,
    REGRESSION,
    Regression,
    compare_with_champion,
)
from churn_pipeline.packaging.verdict import scorer_of
from churn_pipeline.reporting.gates_table import gates_table
from churn_pipeline.scorer import Bundle, Model
from churn_pipeline.splits.customers import customer_numbers, in_order_of

logger = logging.getLogger(__name__)


def check_gates(
    scorer: Bundle,
    champion_model: Champion | LostChampion | None,
    metrics: dict[str, Any],
    test_predictions: pd.DataFrame,
    test: pd.DataFrame,
    contract: Contract,
    gates: dict[str, Any],
    evaluation: dict[str, Any],
    validation_gap: dict[str, Any],
    split: dict[str, Any],
    split_parameters: dict[str, Any],
) -> dict[str, Any]:
    """Check the quality gates, and print them as a table; a failed gate stops nothing here.

    Parameters
    ----------
    scorer : Bundle
        The new model.
    champion_model : Champion, LostChampion or None
        The model in use so far; None if there is none.
    metrics : dict
        Metric → ``value``, ``low``, ``high``, of the new model.
    test_predictions : DataFrame
        The contract's key, ``churned`` and ``churn_probability``.
    test : DataFrame
        The same rows in any order, with the contract's columns and the derived ones.
    contract : Contract
    gates : dict
        The limits; null or false switches a gate off.
    evaluation : dict
        ``confidence`` is used.
    validation_gap : dict
        See :func:`churn_pipeline.evaluation.gap.validation_gap`.
    split : dict
        The record of the split; ``method`` is used.
    split_parameters : dict
        How the customers were split, of which a champion may have had others.

    Returns
    -------
    dict
        ``scorer`` (the version of what was judged), ``passed`` (whether no gate failed) and
        ``gates``: ``gate``, ``limit``, ``value``, ``passed`` (None where the gate does not apply)
        and ``detail``; the value and the detail are None where they depend on the machine or on its
        model registry. Those are only printed.
        ``validation_gap``, and ``findings``: sentences on what nobody should overlook, no gates.
    """
    customers = in_order_of(test, test_predictions, contract)
    checked = check(
        gates,
        Measured(
            metrics,
            _time(Model(scorer), customers) if is_on(gates, SCORING_TIME) else None,
            _compare(
                champion_model,
                test_predictions,
                customers,
                contract,
                evaluation["confidence"],
                gates.get(MARGIN, 0.0),
                split_parameters,
            )
            if is_on(gates, REGRESSION)
            else None,
        ),
    )
    logger.info(gates_table(checked))
    findings = gap_sentences(validation_gap, split["method"] == "time")
    return {
        "scorer": scorer_of(scorer).version,
        "passed": all(gate.passed is not False for gate in checked),
        "gates": [
            {
                "gate": gate.gate,
                "limit": gate.limit,
                "value": None if gate.is_local or gate.value is None else round(gate.value, 6),
                "passed": gate.passed,
                "detail": None if gate.is_local else gate.detail,
            }
            for gate in checked
        ],
        "validation_gap": validation_gap,
        "findings": findings,
    }


def _compare(
    champion: Champion | LostChampion | None,
    predictions: pd.DataFrame,
    customers: pd.DataFrame,
    contract: Contract,
    confidence: float,
    margin: float,
    split: dict[str, Any],
) -> Regression:
    if isinstance(champion, Champion) and (other := champion.other_split(split)):
        return Regression(
            None,
            None,
            f"the champion was trained with another split ({other}), so it was trained on some of "
            "these customers",
        )
    return compare_with_champion(
        predictions["churned"].to_numpy(dtype=np.int8),
        predictions["churn_probability"].to_numpy(dtype=np.float64),
        champion.model if isinstance(champion, Champion) else champion,
        customers,
        confidence,
        margin,
        customer_numbers(customers, contract),
    )


def _time(scorer: Model, customers: pd.DataFrame) -> float:
    return time_scoring(scorer.churn_probability, scorer.rows(customers))
