"""What ``params.yaml`` may hold; checked once, before anything runs."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from churn_pipeline.errors import ParameterError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Simulation(_Section):
    customers: int = Field(ge=1)
    seed: int = Field(ge=0)


class _Ingestion(_Section):
    source: str = Field(min_length=1)
    max_rejected_share: float = Field(ge=0, le=1)


class _Split(_Section):
    test_share: float = Field(gt=0, lt=1)
    seed: int = Field(ge=0)


class _Tuning(_Section):
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
    folds: int = Field(ge=2)
    repeats: int = Field(ge=1)
    confidence: float = Field(gt=0, lt=1)
    calibrators: list[Literal["sigmoid", "isotonic"]]
    seed: int = Field(ge=0, lt=2**32)


class _Evaluation(_Section):
    threshold: float = Field(ge=0, le=1)
    top_share: float = Field(gt=0, le=1)
    calibration_bins: int = Field(ge=1)
    confidence: float = Field(gt=0, lt=1)
    replicates: int = Field(ge=1)
    seed: int = Field(ge=0)


class _Parameters(_Section):
    simulation: _Simulation
    ingestion: _Ingestion
    split: _Split
    candidates: dict[str, dict[str, Any] | None] = Field(min_length=1)
    tuning: _Tuning
    feature_search: _FeatureSearch
    training: _Training
    evaluation: _Evaluation


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Check the whole of ``params.yaml``, runtime parameters included.

    Raises
    ------
    ParameterError
        With one sentence a problem that names the key, the value and what is expected.
    """
    try:
        _Parameters.model_validate(parameters)
    except ValidationError as error:
        problems = "; ".join(map(_describe, error.errors()))
        raise ParameterError(f"params.yaml: {problems}") from None


def _describe(problem: ErrorDetails) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{key} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{key} is not a key; valid keys: {', '.join(_valid_keys(problem['loc'][:-1]))}"
    return f"{key} is {problem['input']!r}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"


def _valid_keys(path: tuple[int | str, ...]) -> list[str]:
    section: Any = _Parameters
    for part in path:
        section = section.model_fields[part].annotation
    return list(section.model_fields)
