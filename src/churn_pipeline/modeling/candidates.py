"""The candidate models. A new one is a function here and an entry under ``candidates``.

The function takes the contract, a seed and the settings, and returns an unfitted
:class:`sklearn.pipeline.Pipeline` of an encoder and a classifier. Everything that is fitted is a
step of it, so that each fold fits its own. The classifier needs ``fit`` and ``predict_proba``, no
more: see :func:`churn_pipeline.modeling.model.classifier_log_odds` for its log-odds,
:func:`churn_pipeline.modeling.scoring_cost.scoring_cost` for its cost and
:func:`churn_pipeline.packaging.graph.to_onnx` for what it is shipped as. Settings are the
function's own arguments and, if it takes any keyword, those of the classifier, under any name that
its library knows them by.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from typing import Any

from lightgbm import LGBMClassifier
from lightgbm.basic import _ConfigAliases
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
    "subsample_freq", "objective", "booster", "boosting_type", "missing", "device", "callbacks",
}  # fmt: skip

# Parameters of LightGBM that its scikit-learn class does not list, and that leave the trees what
# scores and explanations take them for.
_OF_LIGHTGBM = {
    "bin_construct_sample_cnt", "boost_from_average", "cegb_penalty_split", "cegb_tradeoff",
    "data_sample_strategy", "enable_bundle", "extra_seed", "extra_trees", "feature_fraction_bynode",
    "feature_pre_filter", "interaction_constraints", "is_enable_sparse", "is_unbalance",
    "max_bin", "max_delta_step", "min_data_in_bin", "monotone_constraints",
    "monotone_constraints_method", "monotone_penalty", "neg_bagging_fraction",
    "num_grad_quant_bins", "other_rate", "path_smooth", "pos_bagging_fraction",
    "quant_train_renew_leaf", "scale_pos_weight", "stochastic_rounding", "top_rate",
    "use_missing", "use_quantized_grad",
}  # fmt: skip
# Names of XGBoost's own interface for parameters of its scikit-learn class.
_OF_XGBOOST = {
    "eta": "learning_rate", "lambda": "reg_lambda", "alpha": "reg_alpha", "min_split_loss": "gamma",
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
    plain = {plain_name(name, key): value for key, value in settings.items()}
    return CANDIDATES[name](contract, seed, **plain)


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
        With the valid names, or if two names mean the same setting.
    """
    if name not in CANDIDATES:
        raise ParameterError(
            f"{params_yaml()}: candidates.{name} is not a candidate{_guess(name, CANDIDATES)}; "
            f"valid candidates: {', '.join(CANDIDATES)}"
        )
    names = setting_names(name)
    given: dict[str, str] = {}
    for key in settings:
        where = f"{params_yaml()}: candidates.{name}.{key}"
        if key not in names:
            fixed = " that can be changed, because the project sets it" if key in _FIXED else ""
            raise ParameterError(
                f"{where} is not a setting{fixed}{_guess(key, names)}; "
                f"valid settings: {', '.join(sorted(set(names.values())))}"
            )
        other = given.setdefault(names[key], key)
        if other != key:
            raise ParameterError(f"{where} is the same setting as {other}; keep only one of them")


def plain_name(name: str, key: str) -> str:
    """Return the name by which the candidate's estimator takes a setting."""
    return setting_names(name)[key]


def setting_names(name: str) -> Mapping[str, str]:
    """Return each name that a setting may have → that by which the estimator takes it."""
    return _names_of(CANDIDATES[name])


@cache
def _names_of(candidate: Callable[..., Pipeline]) -> Mapping[str, str]:
    parameters = inspect.signature(candidate).parameters.values()
    own = {p.name for p in parameters if p.kind != p.VAR_KEYWORD} - {"contract", "seed"}
    if not any(p.kind == p.VAR_KEYWORD for p in parameters):
        return {key: key for key in own}
    # without the settings: XGBClassifier takes any name
    estimator = estimator_of(candidate(_no_columns(), 0))
    own |= set(estimator.get_params()) - _FIXED
    names = {key: key for key in own}
    if isinstance(estimator, XGBClassifier):
        names |= _OF_XGBOOST
    if isinstance(estimator, LGBMClassifier):
        for native, spellings in _ConfigAliases._get_all_param_aliases().items():
            known = sorted(own & set(spellings)) or sorted(_OF_LIGHTGBM & {native})
            if known:
                names |= dict.fromkeys(spellings, known[0])
    return names


def _guess(name: str, valid: Iterable[str]) -> str:
    close = get_close_matches(str(name), sorted(valid), n=3)
    return f", did you mean {' or '.join(close)}?" if close else ""


def _no_columns() -> Contract:
    return Contract(name="", description="", missing_values=(), columns={})
