"""LightGBM."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from churn_pipeline.modeling.families.base import PATIENCE, Family, Floats, Sides
from churn_pipeline.modeling.trees import Tree, TreeEnsemble

# Parameters that the scikit-learn class does not list, and that leave the trees what scores and
# explanations take them for.
_MORE = {
    "bin_construct_sample_cnt", "boost_from_average", "cegb_penalty_split", "cegb_tradeoff",
    "data_sample_strategy", "enable_bundle", "extra_seed", "extra_trees", "feature_fraction_bynode",
    "feature_pre_filter", "interaction_constraints", "is_enable_sparse", "is_unbalance",
    "max_bin", "max_delta_step", "min_data_in_bin", "monotone_constraints",
    "monotone_constraints_method", "monotone_penalty", "neg_bagging_fraction",
    "num_grad_quant_bins", "other_rate", "path_smooth", "pos_bagging_fraction",
    "quant_train_renew_leaf", "scale_pos_weight", "stochastic_rounding", "top_rate",
    "use_missing", "use_quantized_grad",
}  # fmt: skip


class LightGBM(Family):
    """Gradient-boosted trees grown leaf by leaf (Ke et al., 2017)."""

    name = "lightgbm"
    meaning = "gradient-boosted trees grown leaf by leaf (LightGBM)"
    encoder = "trees"
    tree_count = "n_estimators"
    libraries = ("lightgbm", "sklearn")
    fixed = Family.fixed | {
        "boosting_type", "deterministic", "force_row_wise", "objective", "subsample_freq",
        "verbosity",
    }  # fmt: skip

    def classifier(self, seed: int, **settings: Any) -> Any:
        from lightgbm import LGBMClassifier

        fixed = {
            "n_jobs": 1,
            "random_state": seed,
            "deterministic": True,
            "force_row_wise": True,  # else chosen by timing
            "verbosity": -1,
        }
        return LGBMClassifier(**fixed, subsample_freq=1, **settings)

    def aliases(self, settings: frozenset[str]) -> Mapping[str, str]:
        """Return every name that the library knows the settings by."""
        # private: the library publishes its table of aliases in C and in its documentation only
        from lightgbm.basic import _ConfigAliases

        names: dict[str, str] = {}
        for native, spellings in _ConfigAliases._get_all_param_aliases().items():
            known = sorted(settings & set(spellings)) or sorted(_MORE & {native})
            if known:
                names |= dict.fromkeys(spellings, known[0])
        return names

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What any library raises, and LightGBM's own."""
        from lightgbm.basic import LightGBMError

        return *super().errors, LightGBMError

    def log_odds(self, classifier: Any, matrix: Any) -> Floats:
        return np.asarray(classifier.predict(matrix, raw_score=True), dtype=np.float64)

    def count_trees(self, classifier: Any, fitted: Sides, validated: Sides) -> int:
        from lightgbm import early_stopping

        stop = early_stopping(PATIENCE, verbose=False)
        x, y = validated
        classifier.fit(*fitted, eval_X=x, eval_y=y, eval_metric="logloss", callbacks=[stop])
        return max(1, int(classifier.best_iteration_))

    def form(self, classifier: Any) -> TreeEnsemble:
        trees = classifier.booster_.dump_model()["tree_info"]
        return TreeEnsemble.of(0.0, (_tree(tree["tree_structure"]) for tree in trees))


def _tree(root: dict[str, Any]) -> Tree:
    nodes: list[dict[str, Any]] = []
    waiting: list[tuple[dict[str, Any], dict[str, Any], str]] = [(root, {}, "")]
    while waiting:
        node, parent, side = waiting.pop()
        parent[side] = len(nodes)  # instead of the child, its number
        nodes.append(node)
        waiting += [(node[s], node, s) for s in ("right_child", "left_child") if s in node]
    return Tree(
        feature=[node.get("split_feature", 0) for node in nodes],
        threshold=[node.get("threshold", 0.0) for node in nodes],
        left=[node.get("left_child", -1) for node in nodes],
        right=[node.get("right_child", -1) for node in nodes],
        missing_left=[_missing_left(node) for node in nodes],
        value=[node.get("leaf_value", 0.0) for node in nodes],
        cover=[node.get("internal_count", node.get("leaf_count", 1)) for node in nodes],
    )


def _missing_left(node: Mapping[str, Any]) -> bool:
    if node.get("missing_type") == "NaN":
        return bool(node["default_left"])
    return float(node.get("threshold", 0.0)) >= 0  # it takes a NaN for 0
