"""What fitting and scoring cost: claims that the code refers to.

Scoring: the counted cost of every candidate (what the choice goes by) beside the time that the
shipped form of its classifier takes for the test set, encoded before. Fitting: the elastic net
beside scikit-learn's own saga solver at equal accuracy. Medians of several runs, side by side, in
one thread. Reads the training set and the tuned settings of the last run.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from churn_pipeline.features.encoding import linear_encoder
from churn_pipeline.io.contract_dataset import ContractDataset
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.elastic_net import ElasticNetLogisticRegression
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.target import churned
from churn_pipeline.modeling.trees import TreeEnsemble

_ROOT = Path(__file__).resolve().parents[1]
_STEPS = (50, 100, 200, 500, 1000, 2000)  # of saga


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()

    contract = ContractDataset(filepath=str(_ROOT / "conf/base/contract.yml")).load()
    train, test = (
        pd.read_parquet(_ROOT / f"data/05_model_input/{side}.parquet") for side in ("train", "test")
    )
    tuned = json.loads((_ROOT / "data/08_reporting/tuned_settings.json").read_text("utf-8"))
    inputs, y = list(contract.model_inputs), churned(train, contract)
    with threadpool_limits(limits=1):
        models = {
            name: build_candidate(name, settings, contract, 0).fit(train[inputs], y)
            for name, settings in tuned.items()
        }
        encoded = {name: model[:-1].transform(test[inputs]) for name, model in models.items()}
        scorers = {name: _scorer(name, model[-1]) for name, model in models.items()}
        seconds = _side_by_side(
            {name: partial(scorers[name], encoded[name]) for name in models},
            arguments.rounds,
        )
        print(f"{'candidate':<22}{'operations':>12}{'µs a customer':>16}")
        for name, cost in sorted((n, FAMILIES[n].scoring_cost(m[-1])) for n, m in models.items()):
            print(f"{name:<22}{cost:>12,.0f}{1e6 * seconds[name] / len(test):>16.2f}")
        matrix = linear_encoder(contract).fit_transform(train[inputs])
        for strength, share in ((0.1, 0.5), (1.0, 0.5), (1.0, 1.0)):
            _compare_solvers(matrix, y, strength, share)
    return 0


def _scorer(name: str, classifier: Any) -> Callable[[Any], Any]:
    """Return what the shipped model scores with."""
    form = FAMILIES[name].form(classifier)
    if isinstance(form, TreeEnsemble):
        return form.log_odds
    return partial(FAMILIES[name].log_odds, classifier)


def _side_by_side(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: median(found) for name, found in seconds.items()}


def _compare_solvers(matrix: Any, y: Any, strength: float, share: float) -> None:
    """Give saga as many steps as it takes to come as near to the optimum."""
    settings: dict[str, Any] = {"C": strength, "l1_ratio": share}
    exact = ElasticNetLogisticRegression(**settings, max_iter=500, tol=1e-9).fit(matrix, y)
    ours = ElasticNetLogisticRegression(**settings, max_iter=200)
    start = time.perf_counter()
    error = np.abs(ours.fit(matrix, y).coef_ - exact.coef_).max()
    ours_seconds = time.perf_counter() - start
    for steps in _STEPS:
        saga = LogisticRegression(
            **settings, solver="saga", max_iter=steps, tol=1e-12, random_state=0
        )
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            reached = np.abs(saga.fit(matrix, y).coef_ - exact.coef_).max()
        seconds = time.perf_counter() - start
        if reached <= max(error, 1e-3):
            break
    print(
        f"elastic net C={strength:g}, l1_ratio={share:g}: {ours_seconds:.3f} s (largest error "
        f"{error:.1e}); saga {seconds:.2f} s ({steps} steps, {reached:.1e}): "
        f"{seconds / ours_seconds:.0f} times as long"
    )


if __name__ == "__main__":
    sys.exit(main())
