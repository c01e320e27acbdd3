"""A random forest whose trees vote in log-odds."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from sklearn.ensemble import RandomForestClassifier


class LogOddsForest(RandomForestClassifier):
    """Random forest (Breiman, 2001) that averages the log-odds of its trees' leaves.

    A usual forest averages probabilities, whose log-odds are no sum over trees, so that nothing
    exact can be said of a customer's log-odds. This one pools the trees logarithmically (Genest and
    Zidek, 1986): ``log_odds = mean over trees of logit((n * share + s * rate) / (n + s))``, where
    ``n`` is the number of different training customers in the leaf, ``share`` the share of churners
    among the tree's draws of them, ``rate`` the churn rate of all training customers and ``s`` is
    ``smoothing``. One thread.

    Parameters
    ----------
    smoothing : float
        How many customers of the overall churn rate each leaf is mixed with; above 0, so that no
        leaf is certain.
    n_estimators, min_samples_leaf, max_features, max_samples, max_depth, random_state
        As in :class:`sklearn.ensemble.RandomForestClassifier`.

    Attributes
    ----------
    leaf_log_odds_ : list of ndarray of float
        The log-odds of every node, one array a tree.
    """

    def __init__(
        self,
        *,
        n_estimators: int = 100,
        min_samples_leaf: int = 20,
        max_features: float = 0.3,
        max_samples: float | None = None,
        max_depth: int | None = None,
        smoothing: float = 1.0,
        random_state: int | None = None,
    ) -> None:
        super().__init__(
            n_estimators=n_estimators,
            min_samples_leaf=min_samples_leaf,
            max_features=max_features,
            max_samples=max_samples,
            max_depth=max_depth,
            n_jobs=1,
            random_state=random_state,
        )
        self.smoothing = smoothing

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: Any = None) -> Self:  # noqa: N803
        """Grow the trees."""
        if not self.smoothing > 0:
            raise ValueError(f"smoothing is {self.smoothing}; it must be above 0")
        super().fit(X, y, sample_weight)
        rate = float(np.asarray(y).mean())
        self.leaf_log_odds_ = [self._log_odds(tree.tree_, rate) for tree in self.estimators_]
        return self

    def __getstate__(self) -> Any:
        """Return what is pickled: the same bytes for the same forest."""
        for tree in getattr(self, "estimators_", ()):
            _clear_padding(tree.tree_)
        return super().__getstate__()

    def _log_odds(self, tree: Any, rate: float) -> NDArray[np.float64]:
        share = tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1)
        customers = tree.n_node_samples
        return logit((share * customers + self.smoothing * rate) / (customers + self.smoothing))

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Return the log-odds of churn, (n,)."""
        leaves = self.apply(X)
        total = np.zeros(len(leaves))
        for tree, values in enumerate(self.leaf_log_odds_):
            total += values[leaves[:, tree]]
        return total / len(self.leaf_log_odds_)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Return the probabilities of staying and of churn, (n, 2)."""
        churn = expit(self.decision_function(X))
        return np.column_stack([1 - churn, churn])


def _clear_padding(tree: Any) -> None:
    """Zero the bytes between the fields of the nodes; else what was in memory before is pickled."""
    state = tree.__getstate__()
    nodes = np.zeros(state["nodes"].shape, state["nodes"].dtype)  # zeros_like leaves the gaps
    for name in nodes.dtype.names:
        nodes[name] = state["nodes"][name]
    tree.__setstate__({**state, "nodes": nodes})
