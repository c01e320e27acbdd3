"""How near the chosen model comes to the true churn probabilities of simulated customers.

Draws customers whose true probability is known, runs the pipelines' own nodes on them, and compares
the champion on the test side with the truth. Exits 1 if a target is missed: expected log loss
within 1.5 % of the Bayes-optimal one, calibration error within the noise of the truth's own, EMPC
fraction within 2 points of the one that the true probabilities reach.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from scipy.special import xlog1py, xlogy

from benchmarks.telco import simulate_customers
from churn_pipeline.io.atomic import CSVDataset
from churn_pipeline.io.contract_dataset import ContractDataset
from churn_pipeline.io.raw_table import RawTableDataset
from churn_pipeline.modeling.maximum_profit import expected_maximum_profit
from churn_pipeline.modeling.metrics import MetricSettings, compute_metrics
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.profit import lifetime_values
from churn_pipeline.modeling.target import churned
from churn_pipeline.pipelines.features.nodes import derive_features, split_customers
from churn_pipeline.pipelines.ingestion.nodes import check_customers, quarantine_customers
from churn_pipeline.pipelines.training.nodes import (
    choose_and_calibrate,
    cross_validate_candidates,
    fit_candidates,
)
from churn_pipeline.pipelines.tuning.nodes import tune_candidates
from churn_pipeline.scorer.decisions import Economics

_ROOT = Path(__file__).resolve().parents[1]
_DRAWS = 2000  # of the noise of the truth's own calibration error


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=42, help="of the customers")
    arguments = parser.parse_args()

    parameters = yaml.safe_load((_ROOT / "params.yaml").read_text(encoding="utf-8"))
    candidate, target, predicted, truth = _predictions(
        arguments.customers, arguments.seed, parameters
    )
    print(f"champion {candidate}; test side of {len(target):,} customers")
    checks = (
        _log_loss(predicted, truth),
        _calibration(predicted, truth, target, parameters["evaluation"]["calibration_bins"]),
        _profit(predicted, truth, target, Economics.of(parameters["economics"])),
    )
    return int(not all(checks))


def _predictions(
    customers: int, seed: int, parameters: dict[str, dict[str, Any]]
) -> tuple[str, NDArray[np.int8], NDArray[np.float64], NDArray[np.float64]]:
    """Return champion, target, churn probabilities and true probabilities of the test side."""
    contract = ContractDataset(filepath=str(_ROOT / "conf/base/contract.yml")).load()
    drawn = simulate_customers(customers, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/customers.csv"
        CSVDataset(filepath=path, save_args={"index": False}).save(drawn.customers)
        raw = RawTableDataset(filepath=path).load()
        typed, violations = check_customers(raw, contract)
        accepted, _ = quarantine_customers(raw, typed, violations, contract)
    split = parameters["split"]
    train, test = split_customers(
        derive_features(accepted, contract), contract, split["test_share"], split["seed"]
    )
    training = parameters["training"]
    _, settings = tune_candidates(train, contract, parameters["candidates"], parameters["tuning"])
    out_of_fold, scores = cross_validate_candidates(train, contract, settings, training)
    fitted = fit_candidates(train, contract, settings, training)
    model: ChurnModel
    _, model, _ = choose_and_calibrate(
        scores, out_of_fold, fitted, train, contract, settings, training
    )
    key = contract.id.name
    truth = drawn.truth.set_index(key)["churn_probability"].loc[test[key]]
    return (
        model.candidate,
        churned(test, contract),
        model.churn_probability(test),
        truth.to_numpy(dtype="float64"),
    )


def _log_loss(predicted: NDArray[np.float64], truth: NDArray[np.float64]) -> bool:
    """Compare expected log losses: over the churn that the true probabilities would bring."""

    def expected(probability: NDArray[np.float64]) -> float:
        # a true probability may be 0
        return float(-np.mean(xlogy(truth, probability) + xlog1py(1 - truth, -probability)))

    best, reached = expected(truth), expected(predicted)
    return _say("expected log loss", reached, best, reached / best - 1, 0.015, "over the optimum")


def _calibration(
    predicted: NDArray[np.float64],
    truth: NDArray[np.float64],
    target: NDArray[np.int8],
    bins: int,
) -> bool:
    """Compare with the error that the true probabilities themselves show by chance."""
    rng = np.random.default_rng(0)
    noise = [_calibration_error(rng.random(len(truth)) < truth, truth, bins) for _ in range(_DRAWS)]
    error = _calibration_error(target, predicted, bins)
    limit = float(np.quantile(noise, 0.95))
    print(
        f"expected calibration error {error:.4f}; of the truth {np.median(noise):.4f}, "
        f"in 95 % of draws at most {limit:.4f}: {'PASS' if error <= limit else 'FAIL'}"
    )
    return error <= limit


def _calibration_error(target: NDArray[Any], probability: NDArray[np.float64], bins: int) -> float:
    metrics = compute_metrics(target, probability, target > 0, MetricSettings(0.1, bins))
    return float(metrics["expected_calibration_error"][0])


def _profit(
    predicted: NDArray[np.float64],
    truth: NDArray[np.float64],
    target: NDArray[np.int8],
    economics: Economics,
) -> bool:
    value = lifetime_values(economics, pd.DataFrame(index=range(len(target))))
    perfect, reached, best = (
        expected_maximum_profit(target, scores, value, economics).profit
        for scores in (target.astype("float64"), predicted, truth)
    )
    gap = (best - reached) / perfect
    return _say("EMPC fraction", reached / perfect, best / perfect, gap, 0.02, "below the truth's")


def _say(name: str, reached: float, best: float, gap: float, limit: float, words: str) -> bool:
    passed = gap <= limit
    print(
        f"{name} {reached:.4f}, from the true probabilities {best:.4f}: {gap:.2%} {words}, "
        f"at most {limit:.1%}: {'PASS' if passed else 'FAIL'}"
    )
    return passed


if __name__ == "__main__":
    sys.exit(main())
