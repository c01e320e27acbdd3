"""What ``params.yaml`` may hold; checked once, before anything runs."""

import re
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from churn_pipeline.campaigns.settings import CampaignSettings
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.evaluation.metric_definitions import METRIC_GATES, METRICS
from churn_pipeline.io.addresses import parse_sink, refuse_password
from churn_pipeline.ledger.address import parse_ledger
from churn_pipeline.scorer.decisions import ACTION_RULE, is_no_action
from churn_pipeline.serving.settings import parse_settings

_ADDRESSES = (
    ("ingestion", "source"),
    ("scoring", "source"),
    ("scoring", "sink"),
    ("publishing", "sink"),
    ("ledger", "address"),
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Dataset(_Section):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    folder: str = Field(min_length=1)
    contract: str = Field(min_length=1)


class _Simulation(_Section):
    kind: str = Field(min_length=1)
    customers: int = Field(ge=1)
    seed: int = Field(ge=0)


class _Ingestion(_Section):
    source: str = Field(min_length=1)
    max_rejected_share: float = Field(ge=0, le=1)


class _Split(_Section):
    method: Literal["time", "customer"] | None
    test_share: float = Field(gt=0, lt=1)
    seed: int = Field(ge=0)
    period: Literal["day", "week", "month", "quarter"]
    test_periods: int = Field(ge=1)
    gap_days: int | None = Field(ge=0)


class _Combinations(_Section):
    most: int = Field(ge=0)
    max_columns: int = Field(ge=2)
    max_customers: int = Field(ge=100)
    confidence: float = Field(gt=0, lt=1)
    seed: int = Field(ge=0, lt=2**32)


class _Tuning(_Section):
    max_customers: int | None = Field(ge=100)
    trials: int = Field(ge=1)
    patience: int = Field(ge=1)
    minimum_improvement: float = Field(ge=0)
    max_seconds: float | None = Field(gt=0)
    folds: int = Field(ge=2)
    workers: int | None = Field(ge=1)
    seed: int = Field(ge=0, lt=2**32)  # all that scikit-learn takes


class _FeatureSearch(_Section):
    folds: int = Field(ge=2)
    repeats: int = Field(ge=1)
    rounds: int = Field(ge=1)
    confidence: float = Field(gt=0, lt=1)
    seed: int = Field(ge=0, lt=2**32)
    ignore_derived: bool


class _Training(_Section):
    max_customers: int | None = Field(ge=100)
    max_fitted_customers: int | None = Field(ge=100)
    max_fitted_rows: int | None = Field(ge=100)
    max_trees: int = Field(ge=1)
    folds: int = Field(ge=2)
    repeats: int = Field(ge=1)
    confidence: float = Field(gt=0, lt=1)
    margin: float = Field(ge=0)
    cost_ratio: float = Field(ge=1)
    calibrators: list[Literal["sigmoid", "isotonic"]]
    seed: int = Field(ge=0, lt=2**32)


class _Evaluation(_Section):
    top_share: float = Field(gt=0, le=1)
    calibration_bins: int = Field(ge=1)
    confidence: float = Field(gt=0, lt=1)
    replicates: int = Field(ge=1)
    seed: int = Field(ge=0)


class _Tier(_Section):
    minimum: float = Field(ge=0, lt=1)
    action: str

    @field_validator("action")
    @classmethod
    def _for_a_contact(cls, action: str) -> str:
        if is_no_action(action):
            raise ValueError(ACTION_RULE)
        return action


class _Economics(_Section):
    currency: str = Field(pattern=r"^\S(.{0,18}\S)?$")
    customer_lifetime_value: Any  # a union would report every mistake once for each type
    incentive_cost: float = Field(ge=0)
    contact_cost: float = Field(ge=0)
    acceptance_alpha: float = Field(gt=0)
    acceptance_beta: float = Field(gt=0)
    tiers: dict[str, _Tier] = Field(min_length=1)

    @field_validator("customer_lifetime_value")
    @classmethod
    def _number_or_column(cls, value: Any) -> float | str:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not ((is_number and 0 < value < inf) or (isinstance(value, str) and value)):
            raise ValueError("must be a number greater than 0, or the name of a column")
        return value

    @field_validator("tiers")
    @classmethod
    def _ascending(cls, tiers: dict[str, _Tier]) -> dict[str, _Tier]:
        minimums = [tier.minimum for tier in tiers.values()]
        if minimums[0] != 0 or any(a >= b for a, b in pairwise(minimums)):
            raise ValueError("the minimums must start at 0 and rise from tier to tier")
        return tiers


class _OtherGates(_Section):
    maximum_scoring_milliseconds: float | None = Field(gt=0)
    no_regression: bool
    regression_margin: float = Field(ge=0)


_METRIC_GATES: dict[str, Any] = {
    gate: (float | None, Field(None, gt=METRICS[metric].lowest, le=METRICS[metric].highest))
    for gate, metric in METRIC_GATES.items()
}
_Gates = create_model("_Gates", __base__=_OtherGates, **_METRIC_GATES)


class _Sink(_Section):
    sink: str | None = Field(min_length=1)
    date: str | None

    @field_validator("date")
    @classmethod
    def _iso(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            raise ValueError('must be a day such as "2026-01-31", or null')
        if value is not None:
            date.fromisoformat(value)
        return value


class _Scoring(_Sink):
    source: str | None = Field(min_length=1)
    all_snapshots: bool


class _Ledger(_Section):
    address: str | None = Field(min_length=1)


class _Parameters(_Section):
    dataset: _Dataset
    simulation: _Simulation
    ingestion: _Ingestion
    split: _Split
    combinations: _Combinations
    candidates: dict[str, dict[str, Any] | None] = Field(min_length=1)
    tuning: _Tuning
    feature_search: _FeatureSearch
    training: _Training
    evaluation: _Evaluation
    economics: _Economics
    gates: _Gates  # type: ignore[valid-type]  # made of the metrics
    scoring: _Scoring
    ledger: _Ledger
    campaign: CampaignSettings
    publishing: _Sink
    serving: Any

    @model_validator(mode="after")
    def _tiers_of_actions(self) -> Self:
        known = [*self.economics.tiers]
        for name, action in self.campaign.actions.items():
            for tier in action.tiers or ():
                if tier not in known:
                    raise ValueError(
                        f"campaign.actions.{name}.tiers has {tier!r}, which is none of "
                        f"economics.tiers: {', '.join(known)}"
                    )
        return self


def check_parameters(parameters: Mapping[str, Any], source: str = "params.yaml") -> None:
    """Check the whole of ``params.yaml``, runtime parameters included.

    Parameters
    ----------
    parameters : mapping
    source : str
        Name of the file, for the messages.

    Raises
    ------
    ParameterError
        With one sentence a problem that names the key, the value and what is expected.
    """
    _check_addresses(parameters, source)
    try:
        _Parameters.model_validate(parameters)
    except ValidationError as error:
        problems = "; ".join(map(_describe, error.errors()))
        raise ParameterError(f"{source}: {problems}") from None
    parse_settings(parameters["serving"], Path.cwd(), environ={}, source=source)


def _check_addresses(parameters: Mapping[str, Any], source: str) -> None:
    """Check addresses before anything shows them: none may hold a password."""
    for section, key in _ADDRESSES:
        values = parameters.get(section)
        address = values.get(key) if isinstance(values, Mapping) else None
        if not isinstance(address, str):
            continue
        try:
            refuse_password(address, f"{section}.{key}")
            if key == "sink":
                parse_sink(address, f"{section}.{key}")
            elif section == "ledger" and address:
                parse_ledger(address)
        except DataError as error:
            raise ParameterError(f"{source}: {error}") from None


def _describe(problem: ErrorDetails) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{key} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{key} is not a key; valid keys: {', '.join(_valid_keys(problem['loc'][:-1]))}"
    if problem["type"] == "too_short":
        return f"{key} is empty; name at least one"
    message = problem["msg"].removeprefix("Value error, ")
    if not key:  # of several sections
        return message
    value = "" if isinstance(problem["input"], dict) else f" is {problem['input']!r}"
    return f"{key}{value}: {message[:1].lower()}{message[1:]}"


def _valid_keys(path: tuple[int | str, ...]) -> list[str]:
    section: Any = _Parameters
    for part in path:
        if isinstance(section, type) and issubclass(section, BaseModel):
            section = section.model_fields[str(part)].annotation
        else:  # a mapping of names to sections
            section = get_args(section)[1]
    return list(section.model_fields)
