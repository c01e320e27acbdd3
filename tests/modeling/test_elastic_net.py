from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.elastic_net import ElasticNetLogisticRegression

COLUMNS = 7


def customers(n: int = 250, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Draw correlated columns of which three matter, one of them a flag."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(n, COLUMNS)) + generator.normal(size=(n, 1))
    matrix[:, 0] = matrix[:, 0] > 0
    log_odds = 2 * matrix[:, 0] - matrix[:, 1] + 0.7 * matrix[:, 2] - 1.5
    return matrix, (generator.random(n) < expit(log_odds)).astype(np.int8)


def objective(model: LogisticRegression, c: float, l1_ratio: float) -> float:
    """The function to minimise, by its definition."""
    matrix, churned = customers()
    weights = model.coef_[0]
    p = expit(matrix @ weights + model.intercept_[0])
    loss = -np.sum(np.log(np.where(churned == 1, p, 1 - p)))
    penalty = l1_ratio * np.abs(weights).sum() + (1 - l1_ratio) / 2 * np.sum(weights**2)
    return float(c * loss + penalty)


@pytest.mark.parametrize("c", [0.003, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("l1_ratio", [0.05, 0.5, 1.0])
def test_saga_finds_the_same(c: float, l1_ratio: float) -> None:
    saga = LogisticRegression(
        solver="saga", C=c, l1_ratio=l1_ratio, tol=1e-10, max_iter=50_000, random_state=0
    ).fit(*customers())
    exact = ElasticNetLogisticRegression(C=c, l1_ratio=l1_ratio, tol=1e-9, max_iter=500)
    exact.fit(*customers())
    np.testing.assert_allclose(exact.coef_, saga.coef_, atol=1e-6)
    assert ((exact.coef_ == 0) == (np.abs(saga.coef_) < 1e-9)).all()
    if saga.coef_.any():  # else it stops before the intercept has settled
        np.testing.assert_allclose(exact.intercept_, saga.intercept_, atol=1e-6)
    assert objective(exact, c, l1_ratio) <= objective(saga, c, l1_ratio) * (1 + 1e-12)
    usual = ElasticNetLogisticRegression(C=c, l1_ratio=l1_ratio).fit(*customers())
    np.testing.assert_allclose(usual.coef_, exact.coef_, atol=1e-4)


def test_almost_no_lasso_is_ridge() -> None:
    ridge = LogisticRegression(C=0.5, tol=1e-9, max_iter=1000).fit(*customers())
    found = ElasticNetLogisticRegression(C=0.5, l1_ratio=1e-7, tol=1e-9, max_iter=500)
    found.fit(*customers())
    np.testing.assert_allclose(found.coef_, ridge.coef_, atol=1e-5)


def test_candidate_without_lasso_is_fitted_by_lbfgs(contract: Contract) -> None:
    ridge = build_candidate("logistic_regression", {"l1_ratio": 0.0}, contract, 1)[-1]
    assert type(ridge) is LogisticRegression
    assert ridge.solver == "lbfgs"
    lasso = build_candidate("logistic_regression", {"l1_ratio": 0.5}, contract, 1)[-1]
    assert isinstance(lasso, ElasticNetLogisticRegression)


def test_strong_lasso_leaves_the_churn_rate_only() -> None:
    model = ElasticNetLogisticRegression(C=1e-4, l1_ratio=1.0).fit(*customers())
    assert (model.coef_ == 0).all()
    rate = customers()[1].mean()
    np.testing.assert_allclose(model.predict_proba(customers()[0])[:, 1], rate)


def test_separable_customers_end_in_finite_coefficients() -> None:
    matrix = np.linspace(-1, 1, 40)[:, None]
    model = ElasticNetLogisticRegression(C=1e6, l1_ratio=0.5).fit(matrix, matrix[:, 0] > 0)
    assert np.isfinite(model.coef_).all()
    assert model.coef_[0, 0] > 10
    assert (model.predict(matrix) == (matrix[:, 0] > 0)).all()


def test_constant_and_repeated_columns_do_no_harm() -> None:
    matrix, churned = customers()
    wider = np.column_stack([matrix, np.zeros(len(matrix)), matrix[:, 1]])
    one = ElasticNetLogisticRegression(l1_ratio=1.0, tol=1e-9, max_iter=500).fit(matrix, churned)
    two = ElasticNetLogisticRegression(l1_ratio=1.0, tol=1e-9, max_iter=500).fit(wider, churned)
    np.testing.assert_allclose(
        two.decision_function(wider), one.decision_function(matrix), atol=1e-4
    )
    assert two.coef_[0, COLUMNS] == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("l1_ratio", value) for value in (0.0, -0.1, 1.1, "a", np.nan, None)),
        *(("C", value) for value in (0.0, -1.0, "a", np.nan)),
        *(("max_iter", value) for value in (0, 2.5, "a")),
        ("tol", 0.0),
    ],
)
def test_an_impossible_setting_is_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is {value!r}; it must be a"):
        ElasticNetLogisticRegression(**{name: value}).fit(*customers())


def test_weights_of_customers_are_refused() -> None:
    with pytest.raises(ValueError, match="weights of customers are not supported"):
        ElasticNetLogisticRegression().fit(*customers(), sample_weight=np.ones(250))


def test_steps_are_counted_and_bounded() -> None:
    assert ElasticNetLogisticRegression(max_iter=1).fit(*customers()).n_iter_.tolist() == [1]
    assert 1 < ElasticNetLogisticRegression().fit(*customers()).n_iter_[0] < 50


def test_fitted_twice_gives_the_same_bytes() -> None:
    model = ElasticNetLogisticRegression(C=2.0, l1_ratio=0.3)
    one, two = (pickle.dumps(clone(model).fit(*customers())) for _ in range(2))
    assert one == two
