"""Search spaces, as ``candidates`` of ``params.yaml`` writes them.

A setting is a value, which stays fixed, or a mapping, which is searched: ``{low, high}`` with
``log: true`` or ``step`` where wanted, or ``{choices: […]}``. ``default`` is what is tried first.
A range whose numbers are all whole holds whole numbers only.
"""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from churn_pipeline.errors import ParameterError

_RANGE_KEYS = {"low", "high", "log", "step", "default"}
_CHOICES_KEYS = {"choices", "default"}


@dataclass(frozen=True)
class SearchSpace:
    """The settings of one candidate.

    Attributes
    ----------
    fixed : mapping
        Settings with one value.
    searched : mapping of str to BaseDistribution
        Settings that tuning chooses.
    defaults : mapping
        The values that are tried first, of settings that name one.
    """

    fixed: Mapping[str, Any]
    searched: Mapping[str, BaseDistribution]
    defaults: Mapping[str, Any]


def parse_search_space(candidate: str, settings: Mapping[str, Any] | None) -> SearchSpace:
    """Part the settings of a candidate into fixed and searched ones.

    Raises
    ------
    ParameterError
        If a mapping is no range and no choice, or its default lies outside.
    """
    fixed: dict[str, Any] = {}
    searched: dict[str, BaseDistribution] = {}
    defaults: dict[str, Any] = {}
    for name, setting in (settings or {}).items():
        if not isinstance(setting, Mapping):
            fixed[name] = setting
            continue
        key = f"params.yaml: candidates.{candidate}.{name}"
        searched[name] = _distribution(key, setting)
        if "default" in setting:
            default = setting["default"]
            if not _contains(searched[name], default):
                raise ParameterError(f"{key}.default is {default!r}, which the range does not hold")
            defaults[name] = default
    return SearchSpace(fixed, searched, defaults)


def _distribution(key: str, setting: Mapping[str, Any]) -> BaseDistribution:
    valid = _CHOICES_KEYS if "choices" in setting else _RANGE_KEYS
    if unknown := sorted(set(setting) - valid):
        raise ParameterError(
            f"{key}.{unknown[0]} is not a key of a search space; valid keys: "
            f"{', '.join(sorted(valid))}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a range that its step does not divide, for one
            return _choices(setting) if "choices" in setting else _range(setting)
    except KeyError as error:
        raise ParameterError(
            f"{key} is a mapping without {error}; a search space has low and high, or choices"
        ) from None
    except (TypeError, ValueError, UserWarning) as error:
        raise ParameterError(f"{key} is no search space: {str(error).rstrip('.')}") from None


def _choices(setting: Mapping[str, Any]) -> BaseDistribution:
    if not isinstance(setting["choices"], list):
        raise TypeError(f"choices is {setting['choices']!r}, not a list")
    return CategoricalDistribution(setting["choices"])


def _range(setting: Mapping[str, Any]) -> BaseDistribution:
    numbers = {key: setting[key] for key in ("low", "high")}
    numbers |= {key: setting[key] for key in ("step", "default") if key in setting}
    for key, number in numbers.items():
        if isinstance(number, bool) or not math.isfinite(float(number)):
            raise ValueError(f"{key} is {number!r}, not a number")
    log = setting.get("log", False)
    if not isinstance(log, bool):
        raise TypeError(f"log is {log!r}, neither true nor false")
    if all(isinstance(number, int) for number in numbers.values()):
        return IntDistribution(numbers["low"], numbers["high"], log, numbers.get("step", 1))
    step = float(numbers["step"]) if "step" in numbers else None
    return FloatDistribution(float(numbers["low"]), float(numbers["high"]), log, step)


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except (TypeError, ValueError):
        return False
