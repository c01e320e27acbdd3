"""Search spaces, as ``candidates`` of ``params.yaml`` writes them.

A setting is a value, which stays fixed, or a mapping, which is searched: ``{low, high}`` with
``log: true`` or ``step`` where wanted, or ``{choices: […]}``. ``default`` is what is tried first.
"""

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
        if "choices" in setting:
            return CategoricalDistribution(setting["choices"])
        low, high = setting["low"], setting["high"]
        options = {k: setting[k] for k in ("log", "step") if k in setting}
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, **options)
        return FloatDistribution(float(low), float(high), **options)
    except KeyError as error:
        raise ParameterError(
            f"{key} is a mapping without {error}; a search space has low and high, or choices"
        ) from None
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{key} is no search space: {str(error).rstrip('.')}") from None


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except (TypeError, ValueError):
        return False
