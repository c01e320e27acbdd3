from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from churn_pipeline.modeling import trees
from churn_pipeline.modeling.trees import TreeEnsemble
from tests.families import needs_its_library
from tests.modeling.ensembles import COLUMNS, customers, fit, form, margin

LIBRARIES = ["xgboost", "lightgbm", "random_forest", "catboost"]
every_library = pytest.mark.parametrize("library", [needs_its_library(name) for name in LIBRARIES])


@every_library
@pytest.mark.parametrize("missing_in_training", [True, False])
@pytest.mark.parametrize("missing", [True, False])
def test_log_odds_are_those_of_the_library(
    library: str, missing_in_training: bool, missing: bool
) -> None:
    classifier = fit(library, missing=missing_in_training)
    matrix, _ = customers(500, seed=2, missing=missing)
    found = form(library, classifier).log_odds(matrix)
    tolerance = 1e-5 if library == "xgboost" else 1e-12  # it adds up in float32
    np.testing.assert_allclose(found, margin(library, classifier, matrix), atol=tolerance)
    assert found.std() > 0.3


@every_library
def test_customers_at_a_threshold_go_the_way_of_the_library(library: str) -> None:
    classifier = fit(library)
    ensemble = form(library, classifier)
    thresholds = ensemble.threshold[ensemble.feature == 3].astype(np.float32)
    largest = np.finfo(np.float32).max  # "is it missing" has no threshold, or one of that size
    thresholds = thresholds[np.abs(thresholds) < largest]
    values = np.concatenate(
        [thresholds, *(np.nextafter(thresholds, np.float32(end)) for end in (-np.inf, np.inf))]
    )
    matrix = np.repeat(customers(1, seed=4, missing=False)[0], len(values), axis=0)
    matrix[:, 3] = values
    np.testing.assert_allclose(
        ensemble.log_odds(matrix), margin(library, classifier, matrix), atol=1e-5
    )


@pytest.mark.parametrize(
    ("library", "settings"),
    [
        ("xgboost", {"base_score": 0.1}),
        ("xgboost", {"subsample": 0.5, "scale_pos_weight": 3}),
        ("xgboost", {"max_depth": 0, "max_leaves": 5, "grow_policy": "lossguide"}),
        ("xgboost", {"min_child_weight": 0, "learning_rate": 5.0, "reg_lambda": 0}),
        ("xgboost", {"gamma": 1e6}),  # no tree has a split
        ("lightgbm", {"subsample": 0.5, "subsample_freq": 1}),
        ("lightgbm", {"boost_from_average": False}),
        ("lightgbm", {"min_child_samples": 500}),  # no tree has a split
        ("lightgbm", {"use_missing": False}),
        ("random_forest", {"max_depth": 1, "max_samples": 0.2}),
        ("random_forest", {"min_samples_leaf": 600}),
        needs_its_library("catboost", {"max_depth": 0}),  # no tree has a split
        needs_its_library("catboost", {"boost_from_average": True}),
        needs_its_library("catboost", {"boosting_type": "Ordered", "subsample": 0.5}),
        needs_its_library("catboost", {"model_shrink_rate": 0.2}),
        needs_its_library("catboost", {"max_depth": 9, "learning_rate": 5.0, "reg_lambda": 0.0}),
        needs_its_library("catboost", {"monotone_constraints": [0, 0, -1, 1, 0]}),
    ],
)
def test_settings_of_the_library_change_nothing(library: str, settings: dict[str, Any]) -> None:
    classifier = fit(library, **settings)
    matrix, _ = customers(300, seed=5)
    expected = margin(library, classifier, matrix)
    found = form(library, classifier).log_odds(matrix)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@every_library
def test_node_covers_add_up(library: str) -> None:
    ensemble = form(library, fit(library))
    inner = ensemble.feature >= 0
    below = ensemble.cover[ensemble.left[inner]] + ensemble.cover[ensemble.right[inner]]
    np.testing.assert_allclose(below, ensemble.cover[inner], rtol=1e-4)
    assert ((ensemble.feature[inner] >= 0) & (ensemble.feature[inner] < COLUMNS)).all()
    if library != "xgboost":  # it weighs customers by p(1-p)
        assert (ensemble.cover[ensemble.roots] == 600).all()


def by_hand() -> TreeEnsemble:
    """``x0 <= 1.5``, then ``x1 <= 0``; a second tree is one leaf."""
    return TreeEnsemble(
        base=0.25,
        roots=np.array([0, 5]),
        feature=np.array([0, -1, 1, -1, -1, -1]),
        threshold=np.array([1.5, 0, 0, 0, 0, 0]),
        left=np.array([1, 0, 3, 0, 0, 0]),
        right=np.array([2, 0, 4, 0, 0, 0]),
        missing_left=np.array([False, False, True, False, False, False]),
        value=np.array([0, 1.0, 0, 2.0, 4.0, 8.0]),
        cover=np.array([10.0, 6, 4, 1, 3, 10]),
    )


def test_one_tree_by_hand() -> None:
    nan = np.nan
    matrix = np.array([[1.5, 9], [1.6, 0], [1.6, 0.1], [nan, 1], [nan, nan]], dtype=np.float32)
    assert by_hand().log_odds(matrix).tolist() == [9.25, 10.25, 12.25, 12.25, 10.25]


def test_comparisons_by_hand() -> None:
    # everybody is compared once, 4 of 10 twice; two additions
    assert by_hand().mean_comparisons() == pytest.approx(1 + 0.4 + 2)


def test_chunks_do_not_change_the_log_odds(monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble, (matrix, _) = form("xgboost", fit("xgboost")), customers(50, seed=6)
    whole = ensemble.log_odds(matrix)
    monkeypatch.setattr(trees, "_CELLS_A_CHUNK", 7 * len(ensemble.roots))
    assert (ensemble.log_odds(matrix) == whole).all()
    assert ensemble.log_odds(matrix[:0]).shape == (0,)
