from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_pipeline.errors import ParameterError
from churn_pipeline.parameters import check_parameters


@pytest.fixture
def parameters(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    return document


def put(parameters: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(parameters)
    *parents, last = key.split(".")
    section = changed
    for part in parents:
        section = section[part]
    section[last] = value
    return changed


def test_parameters_of_the_project_are_fine(parameters: dict[str, Any]) -> None:
    check_parameters(parameters)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ingestion.max_rejected_share", 0), ("ingestion.max_rejected_share", 1),
        ("split.test_share", 0.001), ("evaluation.threshold", 0), ("evaluation.top_share", 1),
        ("training.candidates", {"xgboost": None}), ("training.seed", 2**32 - 1),
    ],
)  # fmt: skip
def test_limits_are_allowed(parameters: dict[str, Any], key: str, value: Any) -> None:
    check_parameters(put(parameters, key, value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("simulation.customers", 0), ("simulation.seed", -1), ("ingestion.source", ""),
        ("ingestion.source", None), ("ingestion.max_rejected_share", 1.1),
        ("ingestion.max_rejected_share", float("nan")), ("split.test_share", 0),
        ("split.test_share", 1), ("split.test_share", "0.2"), ("split.seed", 1.5),
        ("training.folds", 1), ("training.repeats", 0), ("training.seed", True),
        ("training.seed", 2**32), ("training.candidates", {}), ("training.candidates", ["xgboost"]),
        ("training.candidates.xgboost", 5), ("evaluation.threshold", 1.01),
        ("evaluation.top_share", 0), ("evaluation.calibration_bins", 0),
        ("evaluation.confidence", 1), ("evaluation.confidence", 95), ("evaluation.replicates", 0),
        ("evaluation.seed", None), ("evaluation", None),
    ],
)  # fmt: skip
def test_unusable_value_is_named_with_its_key(
    parameters: dict[str, Any], key: str, value: Any
) -> None:
    with pytest.raises(ParameterError) as caught:
        check_parameters(put(parameters, key, value))
    message = str(caught.value)
    assert message.startswith(f"params.yaml: {key} is {value!r}: ")
    assert "\n" not in message


def test_unknown_key_names_the_valid_ones(parameters: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=r"split\.share is .*valid keys: test_share, seed$"):
        check_parameters(put(parameters, "split.share", 0.2))
    with pytest.raises(ParameterError, match="valid keys: simulation, ingestion, split, training"):
        check_parameters(put(parameters, "splits", {}))


def test_missing_key_is_named(parameters: dict[str, Any]) -> None:
    del parameters["split"]["seed"]
    with pytest.raises(ParameterError, match=r"^params\.yaml: split\.seed is missing$"):
        check_parameters(parameters)


def test_all_problems_are_told_at_once(parameters: dict[str, Any]) -> None:
    broken = put(put(parameters, "split.seed", -1), "training.folds", 0)
    with pytest.raises(ParameterError, match=r"split\.seed is -1: .*; training\.folds is 0: "):
        check_parameters(broken)
