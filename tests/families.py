"""Model families for tests: the project's with small settings, and made-up ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.pipeline import Pipeline

from churn_pipeline.modeling.candidates import BASELINE
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.families.base import Family

CANDIDATES = [name for name in FAMILIES if name != BASELINE]
SHIPPED = [name for name in CANDIDATES if type(FAMILIES[name]).form is not Family.form]
every_candidate = pytest.mark.parametrize("name", CANDIDATES)
every_shipped_candidate = pytest.mark.parametrize("name", SHIPPED)

_SMALL: dict[str, dict[str, Any]] = {
    "logistic_regression": {"knots": 2, "max_iter": 500},
    "random_forest": {"n_estimators": 8, "max_samples": 0.5},
    "xgboost": {"n_estimators": 12, "subsample": 0.5},
    "lightgbm": {"n_estimators": 12, "subsample": 0.5, "num_leaves": 7},
}


def small(name: str) -> dict[str, Any]:
    """Return settings with which a fit is quick; the defaults where none are known here."""
    return _SMALL.get(name, {})


def register(monkeypatch: pytest.MonkeyPatch, name: str, build: Callable[..., Pipeline]) -> Family:
    """Make a family that can be built, and of which nothing else is known."""
    members = {"name": name, "meaning": "made up", "build": staticmethod(build)}
    family: Family = type("MadeUp", (Family,), members)()
    monkeypatch.setitem(FAMILIES, name, family)
    return family
