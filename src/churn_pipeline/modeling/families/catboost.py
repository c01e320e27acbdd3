"""CatBoost."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from churn_pipeline.modeling.families.base import PATIENCE, Family, Floats, Sides
from churn_pipeline.modeling.trees import Tree, TreeEnsemble

_EMPTY = 1e-9
"""Training customers that a leaf counts for where none came: explanations divide by shares."""


class CatBoost(Family):
    """Boosted symmetric trees: all nodes of a level ask the same (Prokhorenkova et al., 2018).

    Of a tree of ``depth`` levels, CatBoost keeps one column and border a level and the values of
    ``2 ** depth`` leaves. :meth:`form` writes them as the ordinary trees of the others, less what
    nobody can reach. CatBoost's own treatment of categories is not used: it sees the columns
    of the tree encoder, as the others do.
    """

    name = "catboost"
    meaning = "gradient-boosted symmetric trees (CatBoost)"
    encoder = "trees"
    tree_count = "n_estimators"
    libraries = ("catboost", "sklearn")
    extra = "catboost"
    fixed = Family.fixed | {
        "allow_writing_files", "eval_metric", "grow_policy", "logging_level", "loss_function",
        "nan_mode", "random_seed", "task_type", "thread_count", "verbose",
    }  # fmt: skip

    def classifier(
        self,
        seed: int,
        *,
        auto_class_weights: str | None = None,
        bagging_temperature: float | None = None,
        boost_from_average: bool | None = None,
        boosting_type: str = "Plain",
        bootstrap_type: str | None = None,
        colsample_bylevel: float | None = None,
        feature_border_type: str | None = None,
        learning_rate: float = 0.1,
        leaf_estimation_iterations: int = 1,
        leaf_estimation_method: str | None = None,
        max_bin: int | None = None,
        max_depth: int | None = None,
        model_shrink_mode: str | None = None,
        model_shrink_rate: float | None = None,
        monotone_constraints: Any = None,
        n_estimators: int | None = None,
        random_strength: float | None = None,
        reg_lambda: float | None = None,
        scale_pos_weight: float | None = None,
        score_function: str | None = None,
        subsample: float | None = None,
    ) -> Any:
        """Return an unfitted classifier; a setting that is None has CatBoost's default.

        Where that would depend on the number of trees, the default is another: the first of many
        trees are to be those of few.

        CatBoost's class lists what it was given only, and takes much that these trees have no use
        for: what it does with texts, ranks and several classes, for one.
        """
        given = locals()
        from churn_pipeline.modeling.symmetric_trees import SymmetricTrees

        settings = sorted(set(self.settings.values()))
        return SymmetricTrees(
            **{key: given[key] for key in settings if given[key] is not None},
            random_seed=seed,
            thread_count=1,
            allow_writing_files=False,
            logging_level="Silent",
        )

    def aliases(self, settings: frozenset[str]) -> Mapping[str, str]:
        """Return CatBoost's own names of the settings."""
        return {
            **dict.fromkeys(("iterations", "num_boost_round", "num_trees"), "n_estimators"),
            "border_count": "max_bin",
            "depth": "max_depth",
            "eta": "learning_rate",
            "l2_leaf_reg": "reg_lambda",
            "rsm": "colsample_bylevel",
        }

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What any library raises, and CatBoost's own."""
        from catboost import CatBoostError

        return *super().errors, CatBoostError

    def log_odds(self, classifier: Any, matrix: Any) -> Floats:
        return np.asarray(classifier.log_odds(matrix), dtype=np.float64)

    def count_trees(self, classifier: Any, fitted: Sides, validated: Sides) -> int:
        classifier.fit(*fitted, eval_set=validated, early_stopping_rounds=PATIENCE)
        return int(classifier.best_iteration_) + 1

    def form(self, classifier: Any) -> TreeEnsemble:
        # the one public way to the trees; the folder is nobody else's and gone at once
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.json"
            classifier.save_model(str(path), format="json")
            model = json.loads(path.read_bytes())
        scale, (bias,) = model["scale_and_bias"]
        return TreeEnsemble.of(
            float(bias), (_tree(tree, float(scale)) for tree in model["oblivious_trees"])
        )


class _Nodes(NamedTuple):
    """The nodes of a tree so far, an entry each."""

    feature: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    value: list[float]
    cover: list[float]


def _tree(tree: Mapping[str, Any], scale: float) -> Tree:
    """Write a symmetric tree as an ordinary one, which gives everybody the same leaf."""
    splits = [
        (int(split["float_feature_index"]), float(np.float32(split["border"])))
        for split in tree.get("splits") or ()
    ]
    values = scale * np.array(tree["leaf_values"], dtype=np.float64)
    covers = np.array(tree["leaf_weights"], dtype=np.float64)
    nodes = _Nodes([], [], [], [], [], [])
    _add(nodes, splits, values, covers, {})
    missing_left = [True] * len(nodes.feature)
    return Tree(*nodes[:4], missing_left, nodes.value, nodes.cover)


def _add(
    nodes: _Nodes,
    splits: list[tuple[int, float]],
    values: Floats,
    covers: Floats,
    bounds: Mapping[int, tuple[float, float]],
) -> int:
    """Add the node above these leaves and all below it; return its number.

    Bit ``j`` of a leaf's position is set if the value is above the border of split ``j``, both as
    float32; a missing value is above none. So the last split parts the leaves in the middle, and is
    the root (also where CatBoost explains a tree).

    Parameters
    ----------
    nodes : _Nodes
    splits : list of tuple of int and float
        Column and border; as many as are left to ask.
    values, covers : ndarray of float, (2 ** n_splits,)
        Of the leaves: contribution to the log-odds, training customers.
    bounds : mapping of int to tuple of float
        Column → what is known of its value: above the first and not above the second.
    """
    if splits:
        *others, (column, border) = splits
        low, high = bounds.get(column, (-np.inf, np.inf))
        half = len(values) // 2
        below, above = slice(None, half), slice(half, None)
        if border >= high:  # a column may be asked several times
            return _add(nodes, others, values[below], covers[below], bounds)
        if border <= low:
            return _add(nodes, others, values[above], covers[above], bounds)
    number = len(nodes.feature)
    if not covers.any():
        covers = np.full_like(covers, _EMPTY)
    is_leaf = bool((values == values[0]).all())  # most often 0, where no training customer came
    nodes.feature.append(0)
    nodes.threshold.append(0.0)
    nodes.left.append(-1)
    nodes.right.append(-1)
    nodes.value.append(float(values[0]))
    nodes.cover.append(float(covers.sum()))
    if not is_leaf:
        nodes.feature[number], nodes.threshold[number] = column, border
        known = {**bounds, column: (low, border)}
        nodes.left[number] = _add(nodes, others, values[below], covers[below], known)
        known = {**bounds, column: (border, high)}
        nodes.right[number] = _add(nodes, others, values[above], covers[above], known)
    return number
