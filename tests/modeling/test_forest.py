from __future__ import annotations

import pickle
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from scipy.special import logit
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier

from churn_pipeline.modeling.forest import LogOddsForest
from tests.modeling.ensembles import customers, fit


@pytest.mark.parametrize("smoothing", [0.5, 1.0, 4.0])
def test_log_odds_are_the_mean_of_the_smoothed_leaves(smoothing: float) -> None:
    matrix, churned = customers(400, seed=1)
    forest = LogOddsForest(
        n_estimators=5, min_samples_leaf=8, smoothing=smoothing, random_state=2
    ).fit(matrix, churned)
    new, _ = customers(60, seed=2)
    rate, votes = churned.mean(), np.zeros((60, 5))
    draws = np.arange(400)
    for position, tree in enumerate(forest.estimators_):
        drawn = np.bincount(forest.estimators_samples_[position], minlength=400)
        leaves, new_leaves = tree.apply(matrix), tree.apply(new)
        for customer, leaf in enumerate(new_leaves):
            there = draws[(leaves == leaf) & (drawn > 0)]
            share = np.average(churned[there], weights=drawn[there])
            n = len(there)
            votes[customer, position] = logit((n * share + smoothing * rate) / (n + smoothing))
    np.testing.assert_allclose(forest.decision_function(new), votes.mean(axis=1), atol=1e-12)


def test_probabilities_are_those_of_the_log_odds() -> None:
    forest, (matrix, _) = fit("random_forest"), customers(50, seed=3)
    stay, churn = forest.predict_proba(matrix).T
    np.testing.assert_allclose(np.log(churn / stay), forest.decision_function(matrix))
    np.testing.assert_allclose(stay + churn, 1)


def test_nobody_is_certain_even_in_pure_leaves() -> None:
    matrix = np.repeat([[0.0], [1.0]], 100, axis=0).astype(np.float32)
    churned = np.repeat([0, 1], 100)
    forest = LogOddsForest(n_estimators=20, min_samples_leaf=1, max_features=1.0, random_state=1)
    forest.fit(matrix, churned)
    p = forest.predict_proba(matrix)[:, 1]
    assert (
        RandomForestClassifier(random_state=1).fit(matrix, churned).predict_proba(matrix).min() == 0
    )
    assert ((p > 0) & (p < 1)).all()
    assert p[0] < 0.02
    assert p[-1] > 0.98


def test_fitted_twice_gives_the_same_bytes_and_seeds_differ() -> None:
    assert pickle.dumps(fit("random_forest")) == pickle.dumps(fit("random_forest"))
    matrix, _ = customers(50, seed=3)
    one, two = (fit("random_forest", random_state=s).decision_function(matrix) for s in (1, 2))
    assert (one != two).any()


def test_no_bytes_of_the_memory_before_are_pickled() -> None:
    padding = 0
    for forest in (fit("random_forest"), deepcopy(fit("random_forest"))):
        for tree in pickle.loads(pickle.dumps(forest)).estimators_:
            nodes = tree.tree_.__getstate__()["nodes"]
            cleared = np.zeros(nodes.shape, nodes.dtype)
            for name in nodes.dtype.names:
                cleared[name] = nodes[name]
            assert nodes.tobytes() == cleared.tobytes()
            fields = [nodes.dtype[name].itemsize for name in nodes.dtype.names]
            padding += nodes.dtype.itemsize - sum(fields)
    assert padding > 0


def test_trees_are_those_of_the_usual_forest() -> None:
    settings: dict[str, Any] = {
        "n_estimators": 4,
        "min_samples_leaf": 9,
        "max_features": 0.5,
        "max_samples": 0.6,
    }
    matrix, churned = customers(300, seed=4)
    ours = LogOddsForest(**settings, random_state=5).fit(matrix, churned)
    usual = RandomForestClassifier(**settings, random_state=5).fit(matrix, churned)
    assert (ours.apply(matrix) == usual.apply(matrix)).all()


def test_settings_survive_a_clone() -> None:
    given: dict[str, Any] = {
        "n_estimators": 7,
        "smoothing": 3.0,
        "max_samples": 0.4,
        "max_depth": 2,
    }
    assert clone(LogOddsForest(**given)).get_params().items() >= given.items()
