"""The candidate models. A new one is a function here and an entry under ``candidates``.

The function takes the contract, a seed and the settings, and returns an unfitted
:class:`sklearn.pipeline.Pipeline` of an encoder and a classifier. Everything that is fitted is a
step of it, so that each fold fits its own. The classifier needs ``fit`` and ``predict_proba``, no
more: see :func:`churn_pipeline.modeling.model.classifier_log_odds` for its log-odds,
:func:`churn_pipeline.modeling.scoring_cost.scoring_cost` for its cost and
:func:`churn_pipeline.packaging.graph.to_onnx` for what it is shipped as. Settings are the
function's own arguments and, if it takes any keyword, those of the classifier.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from xgboost import XGBClassifier

from churn_pipeline.contract import Contract
from churn_pipeline.errors import ParameterError
from churn_pipeline.features.encoding import linear_encoder, tree_encoder
from churn_pipeline.modeling.elastic_net import ElasticNetLogisticRegression
from churn_pipeline.modeling.forest import LogOddsForest
from churn_pipeline.named_files import params_yaml


def logistic_regression(
    contract: Contract,
    seed: int,
    *,
    C: float = 1.0,  # noqa: N803
    l1_ratio: float = 0.0,
    knots: int = 0,
    max_iter: int = 200,
) -> Pipeline:
    """Logistic regression with an elastic net on piecewise linear numbers and one-hot categories.

    ``C`` is the inverse strength of the penalty, ``l1_ratio`` the share of its L1 part (Zou and
    Hastie, 2005); ``knots`` bends each number at so many quantiles; ``max_iter`` bounds the solver.
    """
    settings: dict[str, Any] = {"C": C, "max_iter": max_iter, "random_state": seed}
    classifier = (
        LogisticRegression(**settings)
        if l1_ratio == 0
        else ElasticNetLogisticRegression(l1_ratio=l1_ratio, **settings)
    )
    return make_pipeline(linear_encoder(contract, knots), classifier)


def random_forest(contract: Contract, seed: int, **settings: Any) -> Pipeline:
    """Random forest (Breiman, 2001) whose trees vote in log-odds."""
    return make_pipeline(tree_encoder(contract), LogOddsForest(random_state=seed, **settings))


def xgboost(contract: Contract, seed: int, **settings: Any) -> Pipeline:
    """Gradient-boosted trees (Chen and Guestrin, 2016) on unscaled numbers (float32 inside)."""
    fixed = {"tree_method": "hist", "n_jobs": 1, "random_state": seed}
    return make_pipeline(tree_encoder(contract), XGBClassifier(**fixed, **settings))


def lightgbm(contract: Contract, seed: int, **settings: Any) -> Pipeline:
    """Gradient-boosted trees grown leaf by leaf (Ke et al., 2017)."""
    fixed = {
        "n_jobs": 1,
        "random_state": seed,
        "deterministic": True,
        "force_row_wise": True,  # else chosen by timing
        "verbosity": -1,
    }
    return make_pipeline(
        tree_encoder(contract), LGBMClassifier(**fixed, subsample_freq=1, **settings)
    )


# What the project itself sets, for the sake of reproducibility. One thread, so that sums do not
# depend on the number of cores. And what would make the trees' sum something else than log-odds, or
# a number something else than what a split compares: scores and explanations rest on them.
_FIXED = {
    "n_jobs", "random_state", "tree_method", "deterministic", "force_row_wise", "verbosity",
    "subsample_freq", "objective", "booster", "boosting_type", "missing",
}  # fmt: skip

CANDIDATES: dict[str, Callable[..., Pipeline]] = {
    "logistic_regression": logistic_regression,
    "random_forest": random_forest,
    "xgboost": xgboost,
    "lightgbm": lightgbm,
}

BASELINE = "baseline"


def build_candidate(
    name: str, settings: Mapping[str, Any] | None, contract: Contract, seed: int
) -> Pipeline:
    """Build an unfitted candidate.

    Parameters
    ----------
    name : str
        A key of :data:`CANDIDATES`.
    settings : mapping or None
        Settings of the estimator, each a value.
    contract : Contract
    seed : int

    Returns
    -------
    Pipeline
        An encoder and a classifier; takes a table with the contract's model inputs.

    Raises
    ------
    ParameterError
        If there is no such candidate, or it has no such setting.
    """
    settings = settings or {}
    check_settings(name, settings)
    return CANDIDATES[name](contract, seed, **settings)


def build_baseline(contract: Contract, seed: int) -> Pipeline:
    """Build what every candidate has to beat: plain logistic regression on the file's columns."""
    return logistic_regression(replace(contract, derived_columns=()), seed, max_iter=2000)


def estimator_of(candidate: Pipeline) -> BaseEstimator:
    """Return the last step, the classifier itself."""
    return candidate[-1]


def check_settings(name: str, settings: Mapping[str, Any]) -> None:
    """Check that the candidate exists and has these settings.

    Raises
    ------
    ParameterError
        With the valid names.
    """
    if name not in CANDIDATES:
        raise ParameterError(
            f"{params_yaml()}: candidates.{name} is not a candidate{_guess(name, CANDIDATES)}; "
            f"valid candidates: {', '.join(CANDIDATES)}"
        )
    candidate = CANDIDATES[name]
    parameters = inspect.signature(candidate).parameters.values()
    valid = {p.name for p in parameters if p.kind != p.VAR_KEYWORD} - {"contract", "seed"}
    if any(p.kind == p.VAR_KEYWORD for p in parameters):
        # without the settings: XGBClassifier takes any name
        valid |= set(estimator_of(candidate(_no_columns(), 0)).get_params()) - _FIXED
    for key in settings:
        if key not in valid:
            raise ParameterError(
                f"{params_yaml()}: candidates.{name}.{key} is not a setting{_guess(key, valid)}; "
                f"valid settings: {', '.join(sorted(valid))}"
            )


def _guess(name: str, valid: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(valid), n=1)
    return f", did you mean {close[0]}?" if close else ""


def _no_columns() -> Contract:
    return Contract(name="", description="", missing_values=(), columns={})
