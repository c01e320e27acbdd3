"""Search spaces, as ``candidates`` of ``params.yaml`` writes them.

A setting is a value, which stays fixed, or a mapping, which is searched: ``{low, high}`` with
``log: true`` or ``step`` where wanted, or ``{choices: […]}``. ``default`` is what is tried first; a
list of defaults is tried one after the other.
A range whose numbers are all whole holds whole numbers only.
"""

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from churn_pipeline.errors import ParameterError
from churn_pipeline.named_files import params_yaml

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
    starts : tuple of mapping
        What is tried first, of settings that name a default; one mapping a trial.
    """

    fixed: Mapping[str, Any]
    searched: Mapping[str, BaseDistribution]
    starts: tuple[Mapping[str, Any], ...]


def parse_search_space(candidate: str, settings: Mapping[str, Any] | None) -> SearchSpace:
    """Part the settings of a candidate into fixed and searched ones.

    Raises
    ------
    ParameterError
        If a mapping is neither a range nor a choice, or its default is outside.
    """
    fixed: dict[str, Any] = {}
    searched: dict[str, BaseDistribution] = {}
    defaults: dict[str, list[Any]] = {}
    for name, setting in (settings or {}).items():
        if not isinstance(setting, Mapping):
            fixed[name] = setting
            continue
        key = f"{params_yaml()}: candidates.{candidate}.{name}"
        searched[name] = _distribution(key, setting)
        if "default" in setting:
            given = setting["default"]
            defaults[name] = given if isinstance(given, list) and given else [given]
            for default in defaults[name]:
                if not _contains(searched[name], default):
                    raise ParameterError(
                        f"{key}.default is {default!r}, which is outside the range"
                    )
    return SearchSpace(fixed, searched, tuple(_starts(defaults)))


def _starts(defaults: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Yield the first defaults, the second ones …; the last of a shorter list goes on."""
    for turn in range(max(map(len, defaults.values()), default=1)):
        yield {name: values[min(turn, len(values) - 1)] for name, values in defaults.items()}


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
        raise ParameterError(
            f"{key} is not a valid search space: {str(error).rstrip('.')}"
        ) from None


def _choices(setting: Mapping[str, Any]) -> BaseDistribution:
    if not isinstance(setting["choices"], list):
        raise TypeError(f"choices is {setting['choices']!r}, not a list")
    return CategoricalDistribution(setting["choices"])


def _range(setting: Mapping[str, Any]) -> BaseDistribution:
    numbers = {key: setting[key] for key in ("low", "high")}
    numbers |= {"step": setting["step"]} if "step" in setting else {}
    given = setting.get("default", [])
    numbers |= {
        f"default {n}": d for n, d in enumerate(given if isinstance(given, list) else [given])
    }
    for key, number in numbers.items():
        if isinstance(number, bool) or not math.isfinite(float(number)):
            raise ValueError(f"{key} is {number!r}, not a number")
    log = setting.get("log", False)
    if not isinstance(log, bool):
        raise TypeError(f"log is {log!r}, not true or false")
    if all(isinstance(number, int) for number in numbers.values()):
        return IntDistribution(numbers["low"], numbers["high"], log, numbers.get("step", 1))
    step = float(numbers["step"]) if "step" in numbers else None
    return FloatDistribution(float(numbers["low"]), float(numbers["high"]), log, step)


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except (TypeError, ValueError):
        return False
