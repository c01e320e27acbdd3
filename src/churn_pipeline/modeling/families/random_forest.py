"""The random forest."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.families.base import Family, Floats
from churn_pipeline.modeling.trees import LEAF, TreeEnsemble, tree_arrays

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


class RandomForest(Family):
    """Random forest (Breiman, 2001) whose trees vote in log-odds."""

    name = "random_forest"
    meaning = "a random forest whose trees vote in log-odds"

    def build(self, contract: Contract, seed: int, **settings: Any) -> "Pipeline":
        from sklearn.pipeline import make_pipeline

        from churn_pipeline.features.encoding import tree_encoder
        from churn_pipeline.modeling.forest import LogOddsForest

        return make_pipeline(tree_encoder(contract), LogOddsForest(random_state=seed, **settings))

    def log_odds(self, classifier: Any, matrix: Any) -> Floats:
        return np.asarray(classifier.decision_function(matrix), dtype=np.float64)

    def form(self, classifier: Any) -> TreeEnsemble:
        n_trees = len(classifier.estimators_)
        grown = zip(classifier.estimators_, classifier.leaf_log_odds_, strict=True)
        return TreeEnsemble.of(
            0.0,
            (
                tree_arrays(
                    feature=np.where(tree.children_left == -1, LEAF, tree.feature),
                    threshold=tree.threshold,
                    left=tree.children_left,
                    right=tree.children_right,
                    missing_left=tree.missing_go_to_left,
                    value=log_odds / n_trees,
                    cover=tree.weighted_n_node_samples,
                )
                for tree, log_odds in ((estimator.tree_, values) for estimator, values in grown)
            ),
        )

    def tried(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        tried = super().tried(settings)
        sample = tried.get("max_samples")
        if isinstance(sample, int) and sample > 1:  # of customers, of whom there may be fewer here
            del tried["max_samples"]
        return tried
