"""How near the chosen model comes to the true churn probabilities of simulated customers.

Draws customers whose true probability is known, runs the pipelines on them, and compares the
champion on the test set with the truth; kinds other than the built-in one get the contract that is
inferred from their file. With --truth-only it reports what the true probabilities reach.

Exits 1 if a target is missed: expected log loss within the kind's limit of the Bayes-optimal one,
calibration error within the noise of the truth's own, EMPC fraction within 2 points of the one that
the true probabilities reach.

    python -m benchmarks.bayes_optimal --kind bank --customers 20000
"""

import argparse
import sys
import tempfile
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.tables import contract_of, expected_log_loss, truth_of
from churn_pipeline.economics.maximum_profit import expected_maximum_profit
from churn_pipeline.economics.profit import lifetime_values
from churn_pipeline.evaluation.metrics import MetricSettings, compute_metrics
from churn_pipeline.io.atomic import CSVDataset
from churn_pipeline.io.raw_table import RawTableDataset
from churn_pipeline.io.study_journal import StudyJournalDataset
from churn_pipeline.modeling.target import churned
from churn_pipeline.pipelines import features, ingestion, training, tuning
from churn_pipeline.scorer.decisions import Economics
from churn_pipeline.simulation import Kind, Simulation, read_kind, simulate

_ROOT = Path(__file__).resolve().parents[1]
_DRAWS = 2000  # of the noise of the truth's own calibration error
# expected log loss over the Bayes-optimal one; interactions and long tails are harder to learn
_LIMITS = {"telco": 0.015}
_OTHER_LIMIT = 0.1

Floats = NDArray[np.float64]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", default="telco", help="a file of conf/base/simulation")
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=42, help="of the customers")
    parser.add_argument("--truth-only", action="store_true", help="fit no model")
    arguments = parser.parse_args()

    kind = read_kind(_ROOT / f"conf/base/simulation/{arguments.kind}.yml")
    drawn = simulate(kind, arguments.customers, arguments.seed)
    _report_truth(kind, drawn)
    if arguments.truth_only:
        return 0
    parameters = yaml.safe_load((_ROOT / "params.yaml").read_text(encoding="utf-8"))
    candidate, target, predicted, truth = _predictions(kind, drawn, parameters)
    print(f"champion {candidate}; test set of {len(target):,} rows")
    checks = (
        _log_loss(predicted, truth, _LIMITS.get(arguments.kind, _OTHER_LIMIT)),
        _calibration(predicted, truth, target, parameters["evaluation"]["calibration_bins"]),
        _profit(predicted, truth, target, Economics.of(parameters["economics"])),
    )
    return int(not all(checks))


def _report_truth(kind: Kind, drawn: Simulation) -> None:
    """Print the Bayes-optimal metrics: those of the true probabilities."""
    outcome, truth = drawn.customers[kind.target], drawn.truth["churn_probability"].to_numpy()
    is_known = outcome.notna().to_numpy()
    has_churned = (outcome == kind.positive).to_numpy()[is_known]
    print(
        f"{len(outcome):,} rows, churn rate {has_churned.mean():.4f}; Bayes-optimal ROC-AUC "
        f"{roc_auc_score(has_churned, truth[is_known]):.4f}, expected log loss "
        f"{expected_log_loss(truth, truth):.4f}"
    )
    if kind.treatment:
        effect = drawn.truth["treatment_effect"]
        print(f"treatment effect {effect.mean():+.4f} on average, {(effect > 0).mean():.1%} harmed")


def _predictions(
    kind: Kind, drawn: Simulation, parameters: dict[str, dict[str, Any]]
) -> tuple[str, NDArray[np.int8], Floats, Floats]:
    """Return champion, target, churn probabilities and true probabilities of the test set."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/customers.csv"
        CSVDataset(filepath=path, save_args={"index": False}).save(drawn.customers)
        raw = RawTableDataset(filepath=path).load()
        contract = contract_of(kind, raw)
        inputs = {"raw_customers@source": raw, "contract": contract}
        parts = (part.create_pipeline() for part in (ingestion, features, tuning, training))
        pipeline = sum(parts, Pipeline([])).to_outputs("model", "test")
        given = {
            name: reduce(getitem, name.removeprefix("params:").split("."), parameters)
            for name in pipeline.inputs()
            if name.startswith("params:")
        }
        datasets = {name: MemoryDataset(data) for name, data in {**inputs, **given}.items()}
        journal = StudyJournalDataset(filepath=f"{folder}/studies.journal")
        catalog = DataCatalog({**datasets, "studies": journal})
        outputs = SequentialRunner().run(pipeline, catalog)
    model, test = outputs["model"].load(), outputs["test"].load()
    return (
        model.candidate,
        churned(test, contract),
        model.churn_probability(test),
        truth_of(test, kind, drawn.truth),
    )


def _log_loss(predicted: Floats, truth: Floats, limit: float) -> bool:
    best, reached = expected_log_loss(truth, truth), expected_log_loss(predicted, truth)
    gap = reached / best - 1
    return _say("expected log loss", reached, best, gap, limit, "over the optimum")


def _calibration(
    predicted: Floats,
    truth: Floats,
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
    predicted: Floats,
    truth: Floats,
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
