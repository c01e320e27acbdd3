"""What it costs to score a customer, counted rather than timed, so that it repeats."""

import numpy as np
from sklearn.pipeline import Pipeline

from churn_pipeline.modeling.trees import tree_ensemble


def scoring_cost(pipeline: Pipeline) -> float:
    """Count the operations that a fitted candidate's classifier takes for one customer.

    A linear model multiplies and adds once for each coefficient that is not 0. A tree compares once
    a level: the mean over the training customers, summed over the trees, plus one addition a tree.
    ``docs/benchmarks.md`` shows that measured times come in the same order.
    """
    classifier = pipeline[-1]
    if hasattr(classifier, "coef_"):
        return float(np.count_nonzero(classifier.coef_))
    return tree_ensemble(classifier).mean_comparisons()
