"""XGBoost."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.families.base import Family, Floats
from churn_pipeline.modeling.trees import LEAF, TreeEnsemble, tree_arrays

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


class XGBoost(Family):
    """Gradient-boosted trees (Chen and Guestrin, 2016) on unscaled numbers (float32 inside)."""

    name = "xgboost"
    meaning = "gradient-boosted trees (XGBoost)"
    libraries = ("xgboost", "sklearn")
    fixed = Family.fixed | {
        "booster", "callbacks", "device", "missing", "objective", "tree_method", "verbosity",
    }  # fmt: skip
    of_table = frozenset({"monotone_constraints", "interaction_constraints"})

    def build(self, contract: Contract, seed: int, **settings: Any) -> "Pipeline":
        from sklearn.pipeline import make_pipeline
        from xgboost import XGBClassifier

        from churn_pipeline.features.encoding import tree_encoder

        fixed = {"tree_method": "hist", "n_jobs": 1, "random_state": seed}
        return make_pipeline(tree_encoder(contract), XGBClassifier(**fixed, **settings))

    def aliases(self, settings: frozenset[str]) -> Mapping[str, str]:
        """Return the names of the library's own interface."""
        return {
            "eta": "learning_rate", "lambda": "reg_lambda", "alpha": "reg_alpha",
            "min_split_loss": "gamma",
        }  # fmt: skip

    def log_odds(self, classifier: Any, matrix: Any) -> Floats:
        return np.asarray(classifier.predict(matrix, output_margin=True), dtype=np.float64)

    def form(self, classifier: Any) -> TreeEnsemble:
        learner = json.loads(classifier.get_booster().save_raw("json"))["learner"]
        base_score = float(str(learner["learner_model_param"]["base_score"]).strip("[]"))
        return TreeEnsemble.of(
            float(np.log(base_score / (1 - base_score))),
            map(_arrays, learner["gradient_booster"]["model"]["trees"]),
        )


def _arrays(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    left = np.array(tree["left_children"])
    # a threshold, or at a leaf its value
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    return tree_arrays(
        feature=np.where(left == -1, LEAF, tree["split_indices"]),
        # it goes left if value < threshold, in float32
        threshold=np.nextafter(conditions, np.float32(-np.inf)),
        left=left,
        right=tree["right_children"],
        missing_left=np.array(tree["default_left"], dtype=bool),
        value=conditions,
        cover=tree["sum_hessian"],
    )
