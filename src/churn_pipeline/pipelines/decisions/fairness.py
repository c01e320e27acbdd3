"""The fairness audit of the test set."""

from typing import Any

import numpy as np
import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.evaluation.customer_groups import group_customers
from churn_pipeline.evaluation.fairness import Outcomes, audit
from churn_pipeline.reporting.fairness_sentences import tell_consequences, tell_not_judged, warn
from churn_pipeline.splits.customers import customer_numbers, in_order_of
from churn_pipeline.statistics.bootstrap import Bootstrap


def audit_fairness(
    test_predictions: pd.DataFrame,
    test: pd.DataFrame,
    contract: Contract,
    evaluation: dict[str, Any],
) -> dict[str, Any]:
    """Compare how the model treats the groups of every sensitive column.

    Parameters
    ----------
    test_predictions : DataFrame
        The contract's key, ``churned``, ``churn_probability``, ``contacted``.
    test : DataFrame
        The same rows in any order, with the contract's columns.
    contract : Contract
        Its columns of role ``sensitive`` are audited, whether the model sees them or not.
    evaluation : dict
        ``replicates``, ``confidence`` and ``seed`` are used.

    Returns
    -------
    dict
        ``columns`` and ``differences`` as :func:`churn_pipeline.evaluation.fairness.audit` returns
        them, ``warnings`` (a sentence for each group whose probabilities are off beyond noise),
        ``consequences`` (one for each other difference beyond noise) and ``notes`` (one for each
        comparison with too few customers).
    """
    customers = in_order_of(test, test_predictions, contract)
    found = audit(
        {
            column.name: group_customers(customers[column.name], column)
            for column in contract.with_role("sensitive")
        },
        Outcomes(
            test_predictions["churned"].to_numpy(dtype=np.float64),
            test_predictions["churn_probability"].to_numpy(dtype=np.float64),
            test_predictions["contacted"].to_numpy(dtype=np.float64),
            customer_numbers(customers, contract),
        ),
        Bootstrap.of(evaluation),
    )
    columns, differences = found["columns"], found["differences"]
    return {
        "columns": columns,
        "differences": differences,
        "warnings": warn(columns, differences),
        "consequences": tell_consequences(columns, differences),
        "notes": tell_not_judged(columns, found["not_judged"]),
    }
