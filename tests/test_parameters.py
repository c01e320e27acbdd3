from __future__ import annotations

import copy
import re
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
        ("split.test_share", 0.001), ("evaluation.top_share", 1),
        ("split.method", None), ("split.method", "time"), ("split.method", "customer"),
        ("split.period", "day"), ("split.test_periods", 3), ("split.gap_days", None),
        ("split.gap_days", 0),
        ("candidates", {"xgboost": None}), ("candidates.xgboost", {}),
        ("training.seed", 2**32 - 1), ("training.folds", 2), ("training.repeats", 1),
        ("training.calibrators", []), ("training.calibrators", ["isotonic"]),
        ("tuning.trials", 1), ("tuning.patience", 1), ("tuning.minimum_improvement", 0),
        ("tuning.max_seconds", None), ("tuning.max_seconds", 0.5), ("tuning.max_seconds", 60),
        ("tuning.folds", 2), ("tuning.workers", None), ("tuning.workers", 1),
        ("tuning.seed", 2**32 - 1), ("feature_search.rounds", 1),
        ("economics.currency", "$"), ("economics.currency", "Swiss francs"),
        ("economics.customer_lifetime_value", 0.5), ("economics.customer_lifetime_value", "value"),
        ("economics.incentive_cost", 0), ("economics.contact_cost", 0),
        ("economics.tiers", {"all": {"minimum": 0, "action": "call"}}),
        ("gates.minimum_roc_auc", None), ("gates.minimum_roc_auc", 1),
        ("gates.maximum_log_loss", None), ("gates.no_regression", False),
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
        ("split.method", "random"), ("split.period", "year"), ("split.period", None),
        ("split.test_periods", 0), ("split.test_periods", None), ("split.gap_days", -1),
        ("split.gap_days", 1.5),
        ("training.folds", 1), ("training.repeats", 0), ("training.seed", True),
        ("training.seed", 2**32), ("training.confidence", 0), ("training.confidence", 1),
        ("training.calibrators", None), ("training.calibrators", "sigmoid"),
        ("candidates", ["xgboost"]), ("candidates", None),
        ("candidates.xgboost", 5), ("candidates.xgboost", ["max_depth"]),
        ("tuning.trials", 0), ("tuning.trials", 1.5), ("tuning.trials", "12"),
        ("tuning.patience", 0), ("tuning.minimum_improvement", -0.1),
        ("tuning.minimum_improvement", float("nan")), ("tuning.max_seconds", 0),
        ("tuning.max_seconds", "1h"), ("tuning.folds", 1), ("tuning.workers", 0),
        ("tuning.workers", "all"), ("tuning.seed", -1), ("tuning.seed", 2**32),
        ("tuning.seed", None), ("tuning", None),
        ("evaluation.top_share", 0), ("evaluation.calibration_bins", 0),
        ("evaluation.confidence", 1), ("evaluation.confidence", 95), ("evaluation.replicates", 0),
        ("evaluation.seed", None), ("evaluation", None),
        ("feature_search.rounds", 0), ("feature_search.ignore_derived", "no"),
        ("economics.currency", ""), ("economics.currency", " "), ("economics.currency", None),
        ("economics.currency", "a\nb"), ("economics.currency", 5), ("economics.currency", "e" * 21),
        ("economics.customer_lifetime_value", 0), ("economics.customer_lifetime_value", True),
        ("economics.customer_lifetime_value", ""), ("economics.customer_lifetime_value", None),
        ("economics.customer_lifetime_value", float("nan")), ("economics.incentive_cost", -1),
        ("economics.customer_lifetime_value", float("inf")),
        ("economics.incentive_cost", float("inf")), ("economics.acceptance_beta", float("inf")),
        ("tuning.minimum_improvement", float("inf")), ("tuning.max_seconds", float("inf")),
        ("economics.contact_cost", "1"), ("economics.acceptance_alpha", 0),
        ("economics.acceptance_beta", -2), ("economics.tiers", None), ("economics", None),
        ("economics.tiers.low.minimum", -0.1), ("economics.tiers.low.minimum", 1),
        ("economics.tiers.low.action", ""), ("gates.minimum_roc_auc", 1.01),
        ("gates.maximum_log_loss", 0), ("gates.maximum_expected_calibration_error", -0.1),
        ("gates.maximum_scoring_milliseconds", 0), ("gates.no_regression", None), ("gates", None),
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
    with pytest.raises(
        ParameterError, match=r"split\.share is .*valid keys: method, test_share, seed"
    ):
        check_parameters(put(parameters, "split.share", 0.2))
    with pytest.raises(
        ParameterError, match=r"tuning\.budget is .*valid keys: max_customers, trials, .*, seed$"
    ):
        check_parameters(put(parameters, "tuning.budget", 5))
    with pytest.raises(
        ParameterError, match="valid keys: dataset, simulation, ingestion, split, combinations"
    ):
        check_parameters(put(parameters, "splits", {}))


@pytest.mark.parametrize(
    "key", ["split.seed", "candidates", "tuning", "tuning.max_seconds", "training.calibrators"]
)
def test_missing_key_is_named(parameters: dict[str, Any], key: str) -> None:
    *parents, last = key.split(".")
    del (parameters[parents[0]] if parents else parameters)[last]
    with pytest.raises(ParameterError, match=rf"^params\.yaml: {key} is missing$"):
        check_parameters(parameters)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("candidates", {}, "candidates is empty; name at least one$"),
        ("economics.tiers", {}, "tiers is empty; name at least one$"),
        ("economics.tiers.low.minimum", 0.1, "must start at 0 and rise from tier to tier"),
        ("economics.tiers.medium.minimum", 0.9, "must start at 0 and rise from tier to tier"),
        ("economics.tiers.low.name", "a", r"is not a key; valid keys: minimum, action$"),
        ("gates.minimum_precision", 0.3, "is not a key; valid keys: .*minimum_roc_auc"),
        (
            "gates.minimum_auc",
            0.9,
            r"is not a key; valid keys: .*no_regression, .*minimum_roc_auc, .*maximum_log_loss, .*",
        ),
    ],
)
def test_unusable_mapping_is_one_sentence(
    parameters: dict[str, Any], key: str, value: Any, message: str
) -> None:
    named = "economics.tiers" if "minimum" in key.split(".")[-1:] else key
    with pytest.raises(ParameterError, match=message) as caught:
        check_parameters(put(parameters, key, value))
    assert str(caught.value).startswith(f"params.yaml: {named}")
    assert "\n" not in str(caught.value)


def test_unknown_calibrator_names_the_valid_ones(parameters: dict[str, Any]) -> None:
    with pytest.raises(
        ParameterError, match=r"training\.calibrators\.1 is 'platt': .*'sigmoid' or 'isotonic'$"
    ):
        check_parameters(put(parameters, "training.calibrators", ["sigmoid", "platt"]))


def test_all_problems_are_told_at_once(parameters: dict[str, Any]) -> None:
    broken = put(put(parameters, "split.seed", -1), "training.folds", 0)
    with pytest.raises(ParameterError, match=r"split\.seed is -1: .*; training\.folds is 0: "):
        check_parameters(broken)


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("ingestion", "source"),
        ("scoring", "source"),
        ("scoring", "sink"),
        ("publishing", "sink"),
        ("ledger", "address"),
    ],
)
def test_a_password_in_an_address_is_refused_and_not_shown(
    parameters: dict[str, Any], section: str, key: str
) -> None:
    parameters[section][key] = "postgresql://me:hush@host/bank::customers"
    with pytest.raises(ParameterError) as caught:
        check_parameters(parameters)
    message = str(caught.value)
    assert message.startswith(f"params.yaml: {section}.{key} contains a password")
    assert "conf/local/credentials.yml" in message
    assert "hush" not in message


def test_a_sink_that_is_no_table_is_refused_before_anything_runs(
    parameters: dict[str, Any],
) -> None:
    parameters["scoring"]["sink"] = "scores.csv"
    with pytest.raises(ParameterError, match=r"scoring\.sink is scores\.csv, but takes a table"):
        check_parameters(parameters)
    parameters["scoring"]["sink"] = "sqlite:///scores.db::scores"
    check_parameters(parameters)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("actions", {}, "campaign.actions is empty; name at least one"),
        ("actions", {"call": {"cost": 1}}, "campaign.actions.call.cost is not a key"),
        ("actions", {"call": {"tiers": ["top"]}}, "'top', which is none of economics.tiers: low, "),
        ("actions", {"call": {"capacity": -1}}, "campaign.actions.call.capacity is -1"),
        ("held_out", 1.0, "campaign.held_out is 1.0"),
        ("budget", -5.0, "campaign.budget is -5.0"),
    ],
)
def test_a_campaign_has_actions_and_limits(
    parameters: dict[str, Any], key: str, value: Any, said: str
) -> None:
    with pytest.raises(ParameterError, match=re.escape(said)):
        check_parameters(put(parameters, f"campaign.{key}", value))


def test_an_action_may_set_all_or_nothing(parameters: dict[str, Any]) -> None:
    every = {"contact_cost": 2, "incentive_cost": 5, "acceptance_alpha": 1, "acceptance_beta": 3}
    actions = {"call": {**every, "capacity": 10, "tiers": ["high"]}, "mail": {}}
    check_parameters(put(parameters, "campaign.actions", actions))


def test_a_ledger_is_an_address_of_a_database_or_none(parameters: dict[str, Any]) -> None:
    for address in (None, "sqlite:///a.db", "postgresql://host/bank", "postgresql://h/d::s"):
        check_parameters(put(parameters, "ledger.address", address))
    others: list[Any] = ["ledger.db", "duckdb:///a.db", "", "sqlite:///a.db::scores", 3, True]
    for address in others:
        with pytest.raises(ParameterError, match=r"params\.yaml: ledger\.address is ") as caught:
            check_parameters(put(parameters, "ledger.address", address))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("date", ["31.01.2026", "2026-02-30", "20260131"])
def test_a_date_that_is_no_day_is_refused(parameters: dict[str, Any], date: str) -> None:
    parameters["scoring"]["date"] = date
    with pytest.raises(ParameterError, match=r"scoring\.date is"):
        check_parameters(parameters)
