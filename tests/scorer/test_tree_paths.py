from __future__ import annotations

from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest
import xgboost as xgb
from numpy.typing import NDArray

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.modeling.trees import TreeEnsemble
from churn_pipeline.packaging.explainer import path_groups
from churn_pipeline.scorer import tree_paths
from tests.families import needs_its_library
from tests.modeling.ensembles import COLUMNS, customers, fit, form

every_library = pytest.mark.parametrize(
    "library",
    [needs_its_library(name) for name in ["xgboost", "lightgbm", "random_forest", "catboost"]],
)


def numbers(n_columns: int) -> Contract:
    """Return a contract of nothing but numbers, so that the trees' columns are its inputs."""
    features = {f"x{i}": {"type": "number", "meaning": "m"} for i in range(n_columns)}
    return parse_contract(
        {
            "name": "numbers",
            "columns": {
                "key": {"type": "text", "role": "id", "meaning": "m"},
                "left": {"type": "category", "role": "target", "values": ["n", "y"],
                         "positive": "y", "meaning": "m"},
                **features,
            },
        }
    )  # fmt: skip


def tree_shap(
    trees: TreeEnsemble, matrix: NDArray[Any], n_columns: int
) -> tuple[float, NDArray[np.float64]]:
    """Return the base and the contributions as export and scorer compute them."""
    groups = path_groups(trees, numbers(n_columns))
    base = trees.base + sum(float(g.value @ g.cover_share.prod(axis=0)) for g in groups)
    rows = matrix.astype(np.float64)
    return base, tree_paths.TreePaths(groups, n_columns)(rows, np.empty((len(rows), 0)))


def expected_log_odds(trees: TreeEnsemble, customer: NDArray[Any], known: tuple[int, ...]) -> float:
    """Mean log-odds when only some columns of a customer are known, by walking the trees."""

    def below(node: int) -> float:
        column = int(trees.feature[node])
        if column < 0:
            return float(trees.value[node])
        left, right = int(trees.left[node]), int(trees.right[node])
        if column in known:
            value = customer[column]
            goes_left = trees.missing_left[node] if np.isnan(value) else (
                value <= trees.threshold[node]
            )  # fmt: skip
            return below(left if goes_left else right)
        share = trees.cover[left] / (trees.cover[left] + trees.cover[right])
        return float(share * below(left) + (1 - share) * below(right))

    return trees.base + sum(below(int(root)) for root in trees.roots)


def shapley(trees: TreeEnsemble, customer: NDArray[Any]) -> list[float]:
    """Shapley values by their definition, over all subsets of the columns (Shapley, 1953)."""
    values = []
    for column in range(COLUMNS):
        others = [other for other in range(COLUMNS) if other != column]
        total = 0.0
        for size in range(COLUMNS):
            weight = factorial(size) * factorial(COLUMNS - size - 1) / factorial(COLUMNS)
            for known in combinations(others, size):
                gain = expected_log_odds(trees, customer, (*known, column))
                total += weight * (gain - expected_log_odds(trees, customer, known))
        values.append(total)
    return values


@every_library
def test_tree_shap_is_the_shapley_value_by_definition(library: str) -> None:
    trees = form(library, fit(library, trees=3))
    matrix, _ = customers(6, seed=7)
    base, found = tree_shap(trees, matrix, COLUMNS)
    tolerance = 1e-6 if library == "xgboost" else 1e-10  # covers that add up in float32
    assert base == pytest.approx(expected_log_odds(trees, matrix[0], ()), abs=tolerance)
    np.testing.assert_allclose(
        found, [shapley(trees, customer) for customer in matrix], atol=tolerance
    )


def test_tree_shap_is_what_xgboost_computes() -> None:
    classifier = fit("xgboost", trees=40, max_depth=6, subsample=0.7)
    matrix, _ = customers(200, seed=8)
    theirs = classifier.get_booster().predict(xgb.DMatrix(matrix), pred_contribs=True)
    base, found = tree_shap(form("xgboost", classifier), matrix, COLUMNS)
    np.testing.assert_allclose(found, theirs[:, :-1], atol=5e-5)  # float32
    assert base == pytest.approx(theirs[0, -1], abs=5e-5)


@pytest.mark.parametrize("missing", [True, False])
def test_tree_shap_is_what_lightgbm_computes(missing: bool) -> None:
    classifier = fit("lightgbm", trees=40, num_leaves=20, missing=missing)
    matrix, _ = customers(200, seed=9)
    theirs = classifier.predict(matrix, pred_contrib=True)
    base, found = tree_shap(form("lightgbm", classifier), matrix, COLUMNS)
    np.testing.assert_allclose(found, theirs[:, :-1], atol=1e-9)
    assert base == pytest.approx(theirs[0, -1], abs=1e-9)


@pytest.mark.parametrize("missing", [True, False])
def test_tree_shap_is_what_catboost_computes(missing: bool) -> None:
    catboost = pytest.importorskip("catboost", reason="needs catboost: `make catboost`")
    classifier = fit("catboost", trees=40, max_depth=6, missing=missing)
    matrix, _ = customers(200, seed=9)
    theirs = classifier.get_feature_importance(catboost.Pool(matrix), type="ShapValues")
    base, found = tree_shap(form("catboost", classifier), matrix, COLUMNS)
    np.testing.assert_allclose(found, theirs[:, :-1], atol=1e-9)
    assert base == pytest.approx(theirs[0, -1], abs=1e-9)


@every_library
@pytest.mark.parametrize("n", [0, 1, 10, 300])
def test_base_and_contributions_add_up_to_the_log_odds(library: str, n: int) -> None:
    trees = form(library, fit(library, trees=30))
    matrix, _ = customers(n, seed=10)
    base, found = tree_shap(trees, matrix, COLUMNS)
    assert found.shape == (n, COLUMNS)
    np.testing.assert_allclose(base + found.sum(axis=1), trees.log_odds(matrix), atol=1e-9)


@every_library
def test_customers_and_chunks_do_not_depend_on_each_other(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = form(library, fit(library))
    matrix, _ = customers(100, seed=11)
    base, together = tree_shap(trees, matrix, COLUMNS)
    alone = np.vstack([tree_shap(trees, row[None, :], COLUMNS)[1] for row in matrix[:5]])
    np.testing.assert_allclose(alone, together[:5], atol=1e-12)
    monkeypatch.setattr(tree_paths, "_CELLS_A_CHUNK", 2000)
    monkeypatch.setattr(tree_paths, "_TABLE_CELLS", 2000)  # some by tables, some not
    chunked_base, chunked = tree_shap(trees, matrix, COLUMNS)
    np.testing.assert_allclose(chunked, together, atol=1e-12)
    assert chunked_base == base


def test_column_that_no_tree_asks_contributes_nothing() -> None:
    trees = form("xgboost", fit("xgboost"))
    matrix = np.column_stack([customers(20, seed=12)[0], np.arange(20)]).astype(np.float32)
    assert (tree_shap(trees, matrix, COLUMNS + 1)[1][:, COLUMNS] == 0).all()


@pytest.mark.parametrize(
    ("library", "settings"),
    [
        ("xgboost", {"gamma": 1e6}),
        ("lightgbm", {"min_child_samples": 500}),
        needs_its_library("catboost", {"max_depth": 0}),
    ],
)
def test_trees_without_splits_contribute_nothing(library: str, settings: dict[str, Any]) -> None:
    trees = form(library, fit(library, **settings))
    matrix, _ = customers(5, seed=13)
    base, found = tree_shap(trees, matrix, COLUMNS)
    np.testing.assert_allclose(trees.log_odds(matrix), base)
    assert (found == 0).all()


def test_nodes_of_hardly_any_weight_give_exact_values() -> None:
    # all but certain customers weigh p(1-p), next to nothing
    settings: dict[str, Any] = {
        "min_child_weight": 0,
        "learning_rate": 2.0,
        "reg_lambda": 0.01,
        "max_depth": 8,
    }
    trees = form("xgboost", fit("xgboost", trees=30, **settings))
    assert trees.cover.min() < 1e-6
    matrix, _ = customers(50, seed=14)
    base, found = tree_shap(trees, matrix, COLUMNS)
    total = base + found.sum(axis=1)
    np.testing.assert_allclose(total, trees.log_odds(matrix), atol=1e-12 * np.abs(found).max())


@every_library
def test_numbers_beyond_float32_are_explained(library: str) -> None:
    trees = form(library, fit(library))
    matrix = np.full((2, COLUMNS), 1e300) * [[1], [-1]]
    base, contributions = tree_shap(trees, matrix, COLUMNS)
    for customer, values in zip(matrix, contributions, strict=True):
        expected = expected_log_odds(trees, customer, tuple(range(COLUMNS)))
        assert base + values.sum() == pytest.approx(expected, abs=1e-9)
