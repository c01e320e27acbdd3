"""The candidate models. A new one is a function here and an entry under ``training.candidates``."""

from collections.abc import Callable, Mapping
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from xgboost import XGBClassifier

from churn_pipeline.contract import Contract
from churn_pipeline.errors import ParameterError
from churn_pipeline.features.encoding import linear_encoder, tree_encoder


def logistic_regression(contract: Contract, seed: int, **settings: Any) -> Pipeline:
    """Logistic regression on standardised numbers and one-hot categories."""
    return make_pipeline(
        linear_encoder(contract), LogisticRegression(random_state=seed, **settings)
    )


def xgboost(contract: Contract, seed: int, **settings: Any) -> Pipeline:
    """Gradient-boosted trees (Chen and Guestrin, 2016) on unscaled numbers (float32 inside).

    One thread, so that the sums of the histograms do not depend on the number of cores.
    """
    fixed = {"tree_method": "hist", "n_jobs": 1, "random_state": seed}
    return make_pipeline(tree_encoder(contract), XGBClassifier(**fixed, **settings))


# what the project itself sets, for the sake of reproducibility
_FIXED = {"n_jobs", "random_state", "tree_method"}

CANDIDATES: Mapping[str, Callable[..., Pipeline]] = {
    "logistic_regression": logistic_regression,
    "xgboost": xgboost,
}


def build_candidate(
    name: str, settings: Mapping[str, Any] | None, contract: Contract, seed: int
) -> Pipeline:
    """Build an unfitted candidate.

    Parameters
    ----------
    name : str
        A key of :data:`CANDIDATES`.
    settings : mapping or None
        Settings of the estimator, as in ``training.candidates`` of ``params.yaml``.
    contract : Contract
    seed : int

    Returns
    -------
    Pipeline
        Takes a table with the contract's model inputs.

    Raises
    ------
    ParameterError
        If there is no such candidate, or it has no such setting.
    """
    if name not in CANDIDATES:
        raise ParameterError(
            f"params.yaml: training.candidates.{name} is not a candidate; valid candidates: "
            f"{', '.join(CANDIDATES)}"
        )
    settings = settings or {}
    _reject_settings(name, settings)
    return CANDIDATES[name](contract, seed, **settings)


def estimator_of(candidate: Pipeline) -> BaseEstimator:
    """Return the last step, the classifier itself."""
    return candidate[-1]


def _reject_settings(name: str, settings: Mapping[str, Any]) -> None:
    # without the settings: XGBClassifier takes any name
    valid = set(estimator_of(CANDIDATES[name](_no_columns(), 0)).get_params()) - _FIXED
    for key in settings:
        if key not in valid:
            raise ParameterError(
                f"params.yaml: training.candidates.{name}.{key} is not a setting; valid settings: "
                f"{', '.join(sorted(valid))}"
            )


def _no_columns() -> Contract:
    return Contract(name="", description="", missing_values=(), columns={})
