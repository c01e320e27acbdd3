"""Node of the feature search pipeline."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import yaml

from churn_pipeline.contract import Contract
from churn_pipeline.features.feature_search import search_columns
from churn_pipeline.features.proposals import Proposal, propose_columns

logger = logging.getLogger(__name__)

_HEADER = """\
# Derived columns that lowered the cross-validated log loss of a logistic regression significantly.
# Read them; those that make sense go under derived_columns of the contract.
"""
_NOTHING = """\
# None of the proposed derived columns lowered the log loss significantly.
derived_columns: {}
"""


def search_features(
    train: pd.DataFrame, contract: Contract, feature_search: dict[str, Any]
) -> tuple[pd.DataFrame, str]:
    """Search derived columns that improve a logistic regression on the training set.

    Parameters
    ----------
    train : DataFrame
    contract : Contract
    feature_search : dict
        The section of ``params.yaml``; ``ignore_derived`` starts from a contract without derived
        columns.

    Returns
    -------
    table : DataFrame
        See :func:`churn_pipeline.features.feature_search.search_columns`.
    proposed_columns : str
        The columns found, as a ``derived_columns`` section of a contract; the comment above each
        holds the evidence.

    Raises
    ------
    DataError
        If a fold would lack customers of one kind.
    """
    if feature_search["ignore_derived"]:
        contract = replace(contract, derived_columns=())
    proposals = propose_columns(contract, train)
    table, found = search_columns(
        train,
        contract,
        proposals,
        **{key: value for key, value in feature_search.items() if key != "ignore_derived"},
    )
    names = ", ".join(proposal.column.name for proposal in found) or "none"
    logger.info("Columns   %s found among %d; see proposed_columns.yml", names, len(proposals))
    return table, _render(found, table, feature_search["confidence"])


def _render(found: Sequence[Proposal], table: pd.DataFrame, confidence: float) -> str:
    if not found:
        return _NOTHING
    lines = [_HEADER, "derived_columns:\n"]
    for number, proposal in enumerate(found, start=1):
        part = table[table["round"] == number]
        evidence = part[part["kept"]].iloc[0]
        lines.append(
            f"  # {number}. log loss {evidence['log_loss_without']:.5f} without, "
            f"{evidence['log_loss']:.5f} with it: {evidence['difference']:+.5f} "
            f"({100 * confidence:g} % interval {evidence['low']:+.5f} to {evidence['high']:+.5f}), "
            f"p = {evidence['p_value_holm']:.2g} (Holm, {int((~part['linear']).sum())} proposals)\n"
        )
        column = proposal.column
        entry = {"expression": column.expression.text, "meaning": column.meaning}
        if column.unit is not None:
            entry["unit"] = column.unit
        text = yaml.safe_dump(
            {column.name: entry}, sort_keys=False, allow_unicode=True, width=10**6
        )
        lines += [f"  {line}\n" for line in text.splitlines()]
    return "".join(lines)
