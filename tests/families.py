"""Model families for tests: the project's with small settings, and made-up ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from churn_pipeline.modeling.candidates import BASELINE
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.families.base import Family

CANDIDATES = [name for name in FAMILIES if name != BASELINE]
INSTALLED = [name for name in CANDIDATES if not FAMILIES[name].missing]
SHIPPED = [name for name in INSTALLED if type(FAMILIES[name]).form is not Family.form]


def needs_its_library(name: str, *others: Any) -> Any:
    """Return parameters of a test, of which the first is a family: skipped without its library."""
    missing, target = ", ".join(FAMILIES[name].missing), FAMILIES[name].extra
    mark = pytest.mark.skipif(bool(missing), reason=f"needs {missing}: `make {target}`")
    return pytest.param(name, *others, marks=mark)


every_candidate = pytest.mark.parametrize("name", [needs_its_library(name) for name in CANDIDATES])
every_shipped_candidate = pytest.mark.parametrize(
    "name",
    [
        needs_its_library(name)
        for name in CANDIDATES
        if type(FAMILIES[name]).form is not Family.form
    ],
)

_SMALL: dict[str, dict[str, Any]] = {
    "catboost": {"n_estimators": 12, "learning_rate": 0.3, "max_depth": 4},
    "logistic_regression": {"knots": 2, "max_iter": 500},
    "random_forest": {"n_estimators": 8, "max_samples": 0.5},
    "xgboost": {"n_estimators": 12, "subsample": 0.5},
    "lightgbm": {"n_estimators": 12, "subsample": 0.5, "num_leaves": 7},
}


def small(name: str) -> dict[str, Any]:
    """Return settings with which a fit is quick; the defaults where none are known here."""
    return _SMALL.get(name, {})


def register(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    classifier: Callable[..., Any],
    encoder: str = "linear",
    **members: Any,
) -> Family:
    """Make a family of which only the classifier (a function of seed and settings) is known."""
    known: dict[str, Any] = {"name": name, "meaning": "made up", "encoder": encoder}
    known |= {"classifier": staticmethod(classifier), **members}
    family: Family = type("MadeUp", (Family,), known)()
    monkeypatch.setitem(FAMILIES, name, family)
    return family
