"""What is special about CatBoost: symmetric trees, written as ordinary ones."""

from __future__ import annotations

import json
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.added_candidate import described
from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidate_settings import check_candidates
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.families.catboost import _tree
from churn_pipeline.modeling.trees import TreeEnsemble
from tests.modeling.ensembles import customers, fit, form

NAN = np.nan
needs_catboost = pytest.mark.skipif(
    bool(FAMILIES["catboost"].missing), reason="needs catboost: `make catboost`"
)


def ensemble(
    splits: list[tuple[int, float]], values: list[float], covers: list[float], scale: float = 1.0
) -> TreeEnsemble:
    """Return one tree as CatBoost's file has it."""
    found = {
        "splits": [{"float_feature_index": column, "border": border} for column, border in splits],
        "leaf_values": values,
        "leaf_weights": covers,
    }
    return TreeEnsemble.of(0.0, [_tree(found, scale)])


def scores(trees: TreeEnsemble, *rows: list[float]) -> list[float]:
    return trees.log_odds(np.array(rows, dtype=np.float32)).tolist()


def test_bit_j_of_a_leaf_says_whether_the_value_is_above_border_j() -> None:
    trees = ensemble([(0, 1.0), (1, 5.0)], [1.0, 2.0, 4.0, 8.0], [3, 4, 5, 6], scale=0.5)
    assert scores(trees, [0, 0], [2, 0], [0, 9], [2, 9]) == [0.5, 1.0, 2.0, 4.0]
    assert scores(trees, [1, 5], [NAN, NAN], [NAN, 9]) == [0.5, 0.5, 2.0]  # at or below a border
    assert trees.feature[trees.roots].tolist() == [1]  # the last split
    assert trees.cover[trees.roots].tolist() == [18]
    assert trees.mean_comparisons() == pytest.approx(2 + 1)


def test_a_border_is_compared_as_float32() -> None:
    border = 0.1  # lies below the nearest float32
    above = float(np.nextafter(np.float32(border), np.float32(1)))
    trees = ensemble([(0, border)], [1.0, 2.0], [1, 1])
    assert scores(trees, [float(np.float32(border))], [above]) == [1.0, 2.0]


def test_a_column_that_is_asked_twice_leads_to_no_leaf_that_nobody_can_reach() -> None:
    trees = ensemble([(0, 1.0), (0, 5.0)], [1.0, 2.0, 4.0, 8.0], [3, 4, 0, 6])
    assert scores(trees, [0], [3], [9]) == [1.0, 2.0, 8.0]
    assert sorted(trees.value[trees.feature < 0]) == [1.0, 2.0, 8.0]
    assert len(trees.feature) == 5


def test_leaves_of_one_value_are_one_leaf() -> None:
    trees = ensemble([(0, 1.0), (1, 1.0)], [1.0, 2.0, 0.0, 0.0], [3, 4, 0, 0])
    assert len(trees.feature) == 5  # of 7
    assert scores(trees, [0, 0], [2, 0], [0, 2], [2, 2]) == [1.0, 2.0, 0.0, 0.0]


def test_leaves_that_no_training_customer_reached_have_shares_all_the_same() -> None:
    trees = ensemble([(0, 1.0), (1, 1.0)], [1.0, 2.0, 4.0, 8.0], [3, 4, 0, 0])
    assert (trees.cover > 0).all()
    assert trees.cover[trees.roots].tolist() == [7]
    assert scores(trees, [0, 2], [2, 2]) == [4.0, 8.0]


def test_a_tree_without_splits_is_a_leaf() -> None:
    assert scores(ensemble([], [0.25], [9]), [1.0]) == [0.25]


@needs_catboost
@pytest.mark.parametrize("missing", [True, False])
def test_what_is_shipped_has_the_probabilities_of_the_library(missing: bool) -> None:
    classifier = fit("catboost", trees=150, missing=missing, max_depth=7)
    matrix, _ = customers(5000, seed=2)
    found = expit(form("catboost", classifier).log_odds(matrix))
    np.testing.assert_allclose(found, classifier.predict_proba(matrix)[:, 1], rtol=0, atol=1e-12)


@needs_catboost
def test_no_file_and_no_word_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    classifier = fit("catboost", trees=3)
    form("catboost", classifier)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@needs_catboost
def test_neither_clock_nor_chance_is_in_the_pickle() -> None:
    classifier = fit("catboost", trees=3)
    metadata = classifier.get_metadata()
    assert metadata["train_finish_time"] == metadata["model_guid"] == ""
    again = pickle.loads(pickle.dumps(classifier))
    matrix, _ = customers(100, seed=4)
    assert (again.log_odds(matrix) == classifier.log_odds(matrix)).all()


@needs_catboost
def test_the_number_of_trees_stops_where_the_loss_of_others_does() -> None:
    family, settings = FAMILIES["catboost"], {"learning_rate": 0.3, "max_depth": 6}
    fitted, (others, churned) = customers(600, seed=1), customers(600, seed=2)
    most = family.classifier(1, n_estimators=500, **settings)
    found = family.count_trees(most, fitted, (others, churned))
    # what is fitted then is what was measured, though it is told of fewer trees
    few = family.classifier(1, n_estimators=found + 40, **settings).fit(*fitted)
    losses = [
        -np.log(p[np.arange(len(churned)), churned]).mean()
        for p in few.staged_predict_proba(others)
    ]
    assert found == int(np.argmin(losses)) + 1
    assert found < 450


@needs_catboost
def test_the_entry_that_params_yaml_describes_is_usable(root: Path) -> None:
    text = (root / "params.yaml").read_text(encoding="utf-8")
    entry = described("catboost", text)
    assert list(entry) == ["catboost"]
    check_candidates(entry)
    uncommented = yaml.safe_load(text)["candidates"]
    assert "catboost" not in uncommented


@needs_catboost
def test_a_name_of_the_library_has_the_effect_of_the_name(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    own = {"iterations": 5, "depth": 3, "l2_leaf_reg": 9.0, "rsm": 0.5, "eta": 0.3}
    plain = {"n_estimators": 5, "max_depth": 3, "reg_lambda": 9.0, "colsample_bylevel": 0.5}
    one, two = (
        build_candidate("catboost", settings, contract, 1).fit(inputs[:500], target[:500])
        for settings in (own, {**plain, "learning_rate": 0.3})
    )
    assert (one.predict_proba(inputs) == two.predict_proba(inputs)).all()


@needs_catboost
def test_every_setting_is_a_parameter_of_the_library() -> None:
    from catboost import CatBoostClassifier

    known = json.dumps(sorted(CatBoostClassifier.__init__.__code__.co_varnames))
    for name in set(FAMILIES["catboost"].settings.values()) | FAMILIES["catboost"].fixed:
        assert f'"{name}"' in known or name in ("n_jobs",), name
