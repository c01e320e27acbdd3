"""The rules of decisions as a file of the bundle."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from churn_pipeline.scorer.bundle import Bundle, to_json
from churn_pipeline.scorer.decisions import Economics, tiers


def with_decisions(scorer: Bundle, economics: Mapping[str, Any]) -> Bundle:
    """Return the bundle with ``decisions.json``.

    Parameters
    ----------
    scorer : Bundle
        See :func:`churn_pipeline.packaging.assembly.assemble`.
    economics : mapping
        The parameters of this name.

    Raises
    ------
    ParameterError
        If the tiers do not cover all probabilities.
    """
    decisions = {
        "economics": asdict(Economics.of(economics)),
        "tiers": [asdict(tier) for tier in tiers(economics["tiers"])],
    }
    return scorer.with_files({"decisions.json": to_json(decisions)})
