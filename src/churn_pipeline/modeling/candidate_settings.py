"""Whether the candidates can be built with their settings; asked before anything runs.

Names are checked against what the libraries know. Values are tried: the libraries check them when
they fit, so each candidate is fitted to a few made-up customers, with two trees where it has trees
(:meth:`churn_pipeline.modeling.families.base.Family.tried`).
"""

import contextlib
import io
import math
import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from churn_pipeline.contract import Contract
from churn_pipeline.contract.model import Column
from churn_pipeline.errors import ParameterError
from churn_pipeline.modeling.candidates import check_settings
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.tuning.search_space import SearchSpace, parse_search_space
from churn_pipeline.named_files import params_yaml

_CUSTOMERS = 200
_PLACE = re.compile(
    r"^\[[\d:]+\] \S+: |^\S+:\d+: |\s+at /\S+, line \d+ ?\.?|\s*Stack trace:.*", re.DOTALL
)


def check_candidates(candidates: Mapping[str, Mapping[str, Any] | None]) -> None:
    """Check names, search spaces and values of all settings.

    Parameters
    ----------
    candidates : mapping
        The section of ``params.yaml``.

    Raises
    ------
    ParameterError
        With the key, the value and what the library says of it.
    """
    for name, settings in candidates.items():
        check_settings(name, settings or {})
        space = parse_search_space(name, settings)
        for key, value in _values(space):
            _check_plain(name, key, value)
        _check_fits(name, space)


def _values(space: SearchSpace) -> Iterator[tuple[str, Any]]:
    """Yield the fixed values and those that bound what is searched."""
    yield from space.fixed.items()
    for key, distribution in space.searched.items():
        for value in _some_of(distribution):
            yield key, value
    for start in space.starts:
        yield from start.items()


def _some_of(distribution: BaseDistribution) -> tuple[Any, ...]:
    if isinstance(distribution, CategoricalDistribution):
        return tuple(distribution.choices)
    low, high = distribution.low, distribution.high  # type: ignore[attr-defined]
    if isinstance(distribution, FloatDistribution) and distribution.step is None:
        return low, low + (high - low) * 0.381966, high  # no whole number between two of them
    return low, high


def _check_plain(name: str, key: str, value: Any) -> None:
    """Check what no library does, or only after long work."""
    where = f"{params_yaml()}: candidates.{name}.{key} is {value!r}"
    if isinstance(value, float) and not math.isfinite(value):
        raise ParameterError(f"{where}; it must be a finite number")
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    family = FAMILIES[name]
    if family.settings[key] in family.sizes and not (is_whole and value >= 1):
        raise ParameterError(f"{where}; it must be a whole number of at least 1")


def _check_fits(name: str, space: SearchSpace) -> None:
    first = {key: _some_of(distribution)[0] for key, distribution in space.searched.items()}
    for start in space.starts or ({},):
        together = {**space.fixed, **first, **start}
        if (problem := _problem(name, together)) is None:
            continue
        for key, value in together.items():
            if (alone := _problem(name, {key: value})) is not None:
                raise _unusable(name, key, value, alone)
        raise ParameterError(
            f"{params_yaml()}: candidates.{name} cannot be used with this combination of settings: "
            f"{problem}"
        )
    together = {**space.fixed, **first, **(space.starts[0] if space.starts else {})}
    for key, distribution in space.searched.items():
        for value in _some_of(distribution):
            if (problem := _problem(name, {**together, key: value})) is not None:
                raise _unusable(name, key, value, problem)


def _unusable(name: str, key: str, value: Any, problem: str) -> ParameterError:
    return ParameterError(
        f"{params_yaml()}: candidates.{name}.{key} cannot be {value!r}: {problem}"
    )


def _problem(name: str, settings: Mapping[str, Any]) -> str | None:
    """Return what the library says against the settings, None if it takes them."""
    family = FAMILIES[name]
    plain = {family.settings[key]: value for key, value in settings.items()}
    table, churned = _made_up()
    try:
        with warnings.catch_warnings(), _silence():
            warnings.simplefilter("ignore")
            family.build(_CONTRACT, 0, **family.tried(plain)).fit(table, churned)
    except Exception as error:  # whatever a library raises at a value of whatever type
        text = _PLACE.sub("", str(error)).strip() or type(error).__name__
        return " ".join(text.split()).rstrip(".")
    return None


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Drop what libraries print: LightGBM writes to the process's stderr what it raises as well."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


_CONTRACT = Contract(
    name="made up",
    description="",
    missing_values=("",),
    columns=MappingProxyType(
        {
            column.name: column
            for column in (
                Column("id", "text", ("id",), ""),
                Column("a", "number", ("feature",), ""),
                Column("b", "number", ("feature",), "", nullable=True),
                Column("c", "category", ("feature",), "", values=("x", "y", "z")),
                Column("left", "category", ("target",), "", values=("n", "y"), positive="y"),
            )
        }
    ),
)


@cache
def _made_up() -> tuple[pd.DataFrame, Any]:
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "a": random.normal(size=_CUSTOMERS),
            "b": random.normal(size=_CUSTOMERS),
            "c": random.choice(["x", "y", "z"], _CUSTOMERS),
        }
    )
    return table, (table["a"] + random.normal(size=_CUSTOMERS) > 0).to_numpy(dtype=np.int8)
