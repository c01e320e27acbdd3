"""Repeated stratified cross-validation of the candidates, and the choice among them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from churn_pipeline.errors import ParameterError


def cross_validate(
    candidates: Mapping[str, Pipeline],
    inputs: pd.DataFrame,
    churned: NDArray[np.int8],
    *,
    folds: int,
    repeats: int,
    seed: int,
) -> pd.DataFrame:
    """Fit every candidate on every fold and measure it on the rest.

    All fitted steps of a candidate (imputation, scaling, encoding) see the fold's training part
    only, and all candidates see the same folds.

    Raises
    ------
    ParameterError
        If a candidate cannot be fitted with its settings.

    Returns
    -------
    DataFrame
        ``candidate``, ``repeat``, ``fold``, ``log_loss``, ``roc_auc``; one line a fit.
    """
    splitter = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    splits = list(splitter.split(inputs, churned))
    lines = []
    bar = tqdm(total=len(candidates) * len(splits), unit="fit", disable=None, leave=False)
    # one thread: the order of floating-point sums must not depend on the number of cores
    with bar, threadpool_limits(limits=1):
        for name, candidate in candidates.items():
            bar.set_description(f"cross-validating {name}")
            for index, (train, validation) in enumerate(splits):
                try:
                    model = clone(candidate).fit(inputs.iloc[train], churned[train])
                except ValueError as error:  # what scikit-learn and XGBoost say of bad settings
                    raise ParameterError(
                        f"candidate {name} cannot be fitted: {str(error).strip()}; look at "
                        f"training.candidates.{name} in params.yaml"
                    ) from error
                probability = model.predict_proba(inputs.iloc[validation])[:, 1]
                lines.append(
                    {
                        "candidate": name,
                        "repeat": index // folds + 1,
                        "fold": index % folds + 1,
                        "log_loss": log_loss(churned[validation], probability),
                        "roc_auc": roc_auc_score(churned[validation], probability),
                    }
                )
                bar.update()
    return pd.DataFrame(lines)


def choose_champion(cross_validation: pd.DataFrame) -> dict[str, Any]:
    """Choose the candidate of the lowest mean log loss.

    Parameters
    ----------
    cross_validation : DataFrame
        As returned by :func:`cross_validate`.

    Returns
    -------
    dict
        ``champion``, ``criterion`` and the mean and standard deviation over the folds of each
        candidate's log loss and ROC-AUC.
    """
    figures = {
        str(name): {
            metric: {
                "mean": round(float(group[metric].mean()), 6),
                "std": round(float(group[metric].std(ddof=1)), 6),
            }
            for metric in ("log_loss", "roc_auc")
        }
        for name, group in cross_validation.groupby("candidate", sort=True)
    }
    champion = min(figures, key=lambda name: figures[name]["log_loss"]["mean"])
    return {"champion": champion, "criterion": "log_loss", "candidates": figures}
