"""Logistic regression with an elastic net, and the baseline, which is a plain one."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.families.base import Family, Floats, LinearForm

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


class LogisticRegression(Family):
    """Logistic regression with an elastic net on piecewise linear numbers and one-hot categories.

    ``C`` is the inverse strength of the penalty, ``l1_ratio`` the share of its L1 part (Zou and
    Hastie, 2005); ``knots`` bends each number at so many quantiles; ``max_iter`` bounds the solver.
    """

    name = "logistic_regression"
    meaning = "logistic regression with an elastic net"

    def build(
        self,
        contract: Contract,
        seed: int,
        *,
        C: float = 1.0,  # noqa: N803
        l1_ratio: float = 0.0,
        knots: int = 0,
        max_iter: int = 200,
    ) -> "Pipeline":
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        from churn_pipeline.features.encoding import linear_encoder
        from churn_pipeline.modeling.elastic_net import ElasticNetLogisticRegression

        settings: dict[str, Any] = {"C": C, "max_iter": max_iter, "random_state": seed}
        classifier = (
            LogisticRegression(**settings)
            if l1_ratio == 0
            else ElasticNetLogisticRegression(l1_ratio=l1_ratio, **settings)
        )
        return make_pipeline(linear_encoder(contract, knots), classifier)

    def log_odds(self, classifier: Any, matrix: Any) -> Floats:
        return np.asarray(classifier.decision_function(matrix), dtype=np.float64)

    def form(self, classifier: Any) -> LinearForm:
        coefficients = np.asarray(classifier.coef_[0], dtype=np.float64)
        return LinearForm(coefficients, float(classifier.intercept_[0]))


class Baseline(LogisticRegression):
    """What every candidate has to beat, and what cannot be chosen."""

    name = "baseline"
    meaning = "plain logistic regression on the columns of the file"

    def build(self, contract: Contract, seed: int) -> "Pipeline":  # type: ignore[override]
        return super().build(replace(contract, derived_columns=()), seed, max_iter=2000)
