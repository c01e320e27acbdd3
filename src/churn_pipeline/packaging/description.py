"""What a bundle says of its model."""

import hashlib
from collections.abc import Mapping
from typing import Any

from churn_pipeline.scorer import Bundle

NAME = "churn_model"


def describe(
    scorer: Bundle,
    *,
    gates_passed: int,
    selection: Mapping[str, Any],
    metrics: Mapping[str, Any],
    economics: Mapping[str, Any],
    data_quality: Mapping[str, Any],
    train_customers: int,
    test_customers: int,
) -> dict[str, Any]:
    """Return the content of ``description.json``.

    Returns
    -------
    dict
        ``name``, ``candidate`` and its ``settings``, ``calibration``; ``contract`` (name and hash);
        ``data``: name and hash of the file, how many customers it held, how many the model was
        trained and tested on; ``metrics`` on the test set; ``break_even_probability`` (None with
        individual lifetime values), ``gates_passed`` (how many).
    """
    champion = selection["champion"]
    contract = scorer.json("contract.json")
    return {
        "name": NAME,
        "candidate": champion,
        "settings": selection["candidates"][champion]["settings"],
        "calibration": selection["calibration"]["method"],
        "contract": {
            "name": contract["name"],
            "sha256": hashlib.sha256(scorer.files["contract.json"]).hexdigest(),
        },
        "data": {
            "file": data_quality["source"]["name"],
            "sha256": data_quality["source"]["sha256"],
            "train_customers": train_customers,
            "test_customers": test_customers,
        },
        "metrics": dict(metrics),
        "break_even_probability": economics["threshold"],
        "gates_passed": gates_passed,
    }
