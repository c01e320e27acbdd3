"""What it costs to score a customer, counted rather than timed, so that it repeats."""

import pickle

import numpy as np
from sklearn.pipeline import Pipeline

from churn_pipeline.modeling.trees import has_trees, tree_ensemble


def scoring_cost(pipeline: Pipeline) -> float:
    """Count the operations that a fitted candidate's classifier takes for one customer.

    A linear model multiplies and adds once for each coefficient that is not 0. A tree compares once
    a level: the mean over the training customers, summed over the trees, plus one addition a tree.
    A classifier of any other kind is taken to touch all that it holds: an operation for 8 bytes.
    ``docs/benchmarks.md`` has measured times beside it.
    """
    classifier = pipeline[-1]
    if hasattr(classifier, "coef_"):
        return float(np.count_nonzero(classifier.coef_))
    if has_trees(classifier):
        return tree_ensemble(classifier).mean_comparisons()
    return float(len(pickle.dumps(classifier)) // 8)
