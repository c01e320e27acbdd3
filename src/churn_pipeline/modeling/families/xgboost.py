"""XGBoost."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from churn_pipeline.modeling.families.base import PATIENCE, Family, Floats, Sides
from churn_pipeline.modeling.trees import Tree, TreeEnsemble


class XGBoost(Family):
    """Gradient-boosted trees (Chen and Guestrin, 2016) on unscaled numbers (float32 inside)."""

    name = "xgboost"
    meaning = "gradient-boosted trees (XGBoost)"
    encoder = "trees"
    tree_count = "n_estimators"
    libraries = ("xgboost", "sklearn")
    fixed = Family.fixed | {
        "booster", "callbacks", "device", "missing", "objective", "tree_method", "verbosity",
    }  # fmt: skip

    def classifier(self, seed: int, **settings: Any) -> Any:
        from xgboost import XGBClassifier

        return XGBClassifier(tree_method="hist", n_jobs=1, random_state=seed, **settings)

    def aliases(self, settings: frozenset[str]) -> Mapping[str, str]:
        """Return the names of the library's own interface."""
        names = {"eta": "learning_rate", "lambda": "reg_lambda", "alpha": "reg_alpha"}
        return names | {"min_split_loss": "gamma"}

    def log_odds(self, classifier: Any, matrix: Any) -> Floats:
        return np.asarray(classifier.predict(matrix, output_margin=True), dtype=np.float64)

    def count_trees(self, classifier: Any, fitted: Sides, validated: Sides) -> int:
        classifier.set_params(early_stopping_rounds=PATIENCE, eval_metric="logloss")
        classifier.fit(*fitted, eval_set=[validated], verbose=False)
        return int(classifier.best_iteration) + 1

    def form(self, classifier: Any) -> TreeEnsemble:
        learner = json.loads(classifier.get_booster().save_raw("json"))["learner"]
        base_score = float(str(learner["learner_model_param"]["base_score"]).strip("[]"))
        return TreeEnsemble.of(
            float(np.log(base_score / (1 - base_score))),
            map(_tree, learner["gradient_booster"]["model"]["trees"]),
        )


def _tree(tree: Mapping[str, Any]) -> Tree:
    # a threshold, or at a leaf its value
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    return Tree(
        feature=tree["split_indices"],
        threshold=np.nextafter(
            conditions, np.float32(-np.inf)
        ),  # it goes left if value < threshold
        left=tree["left_children"],
        right=tree["right_children"],
        missing_left=tree["default_left"],
        value=conditions,
        cover=tree["sum_hessian"],
    )
