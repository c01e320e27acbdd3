"""The node that refits the champion to see how stable its reasons are."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from churn_pipeline.contract import Contract
from churn_pipeline.evaluation.reason_stability import reason_stability
from churn_pipeline.modeling.cross_validation import fit_on
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.target import churned
from churn_pipeline.packaging.assembly import assemble
from churn_pipeline.scorer import Bundle, Model
from churn_pipeline.splits.customers import customer_numbers
from churn_pipeline.statistics.association import associations, groups_of

_REFITS = 5
_REASONS = 3  # a customer, as everywhere
_EXPLAINED = 1000  # test rows: a share of 80 % has a standard error of 1.3 points
_FITTED = 20_000  # training rows of a refit at most, which bounds the time
_COMPARED = 5000  # training rows by which inputs are found to be alike
_ALIKE = 0.8  # association from which two inputs count as one


def measure_reason_stability(
    model: ChurnModel,
    scorer: Bundle,
    train: pd.DataFrame,
    test: pd.DataFrame,
    contract: Contract,
    evaluation: dict[str, Any],
) -> dict[str, Any]:
    """Refit the champion on bootstrap samples of customers and compare the reasons that it gives.

    Parameters
    ----------
    model : ChurnModel
        The champion, whose settings are kept.
    scorer : Bundle
        What is shipped of it.
    train, test : DataFrame
    contract : Contract
    evaluation : dict
        ``seed`` draws the samples.

    Returns
    -------
    dict
        See :func:`churn_pipeline.evaluation.reason_stability.reason_stability`; besides ``refits``,
        ``training_rows`` of each (fewer than the champion's make it look less stable),
        ``customers`` whose reasons were compared, and ``alike``: the groups of inputs, named, of
        which each two have an association of ``least_association`` or more
        (:func:`churn_pipeline.statistics.association.associations`).
    """
    rng = np.random.default_rng(evaluation["seed"])
    champion = Model(scorer)
    rows = champion.rows(test.iloc[np.sort(rng.permutation(len(test))[:_EXPLAINED])])
    target = churned(train, contract)
    numbers = customer_numbers(train, contract)
    refitted = []
    for _ in tqdm(range(_REFITS), desc="refits", leave=False, disable=None):
        drawn = _draw(target, numbers, rng)
        sample = train.iloc[drawn].reset_index(drop=True)
        fitted = fit_on(model.candidate, model.pipeline, sample[list(model.inputs)], target[drawn])
        refit = ChurnModel.of(model.candidate, fitted, model.inputs)
        refitted.append(Model(assemble(refit, contract, sample)).contributions(rows))
    names = list(champion.explained_inputs)
    compared = train.iloc[np.sort(rng.permutation(len(train))[:_COMPARED])]
    groups = groups_of(associations(compared[names]), _ALIKE)
    alike = [[names[i] for i in np.flatnonzero(groups == group)] for group in np.unique(groups)]
    return {
        "refits": _REFITS,
        "training_rows": min(len(train), _FITTED),
        "customers": len(rows),
        "least_association": _ALIKE,
        "alike": sorted(group for group in alike if len(group) > 1),
        **reason_stability(champion.contributions(rows), refitted, groups, _REASONS),
    }


def _draw(
    target: NDArray[np.int8], numbers: NDArray[np.int64] | None, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw customers with replacement, those who churned at some time and the others separately.

    Returns
    -------
    ndarray of int
        All rows of each, as often as it was drawn.
    """
    of_row = np.arange(len(target)) if numbers is None else numbers
    n = int(of_row.max()) + 1
    has_churned = np.bincount(of_row, weights=target, minlength=n) > 0
    share = min(1.0, _FITTED / len(target))
    times = np.zeros(n, dtype=np.int64)
    for stratum in (np.flatnonzero(has_churned), np.flatnonzero(~has_churned)):
        if len(stratum):
            drawn = rng.choice(stratum, max(1, round(share * len(stratum))))
            times += np.bincount(drawn, minlength=n)
    return np.repeat(np.arange(len(target)), times[of_row])
