"""The fixed settings on the real Telco file, over ten seeds of the split.

For each seed the pipelines' own nodes split the customers, choose the champion by
cross-validation on the training side, and score the test side. Exits 1 if the champion misses a
target (mean ROC-AUC at least 0.848, mean log loss at most 0.413).
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from sklearn.metrics import log_loss, roc_auc_score
from tqdm import tqdm

from churn_pipeline.contract import Contract
from churn_pipeline.io.contract_dataset import ContractDataset
from churn_pipeline.io.raw_table import RawTableDataset
from churn_pipeline.modeling.cross_validation import choose_champion
from churn_pipeline.modeling.target import churned
from churn_pipeline.pipelines.evaluation.nodes import score_test_customers
from churn_pipeline.pipelines.features.nodes import derive_features, split_customers
from churn_pipeline.pipelines.ingestion.nodes import check_customers, quarantine_customers
from churn_pipeline.pipelines.training.nodes import (
    cross_validate_candidates,
    fit_champion,
)
from churn_pipeline.simulation.reference import telco_path

_ROOT = Path(__file__).resolve().parents[1]
_TARGETS = {"roc_auc": 0.848, "log_loss": 0.413}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, default=telco_path(), help="the Telco CSV file")
    parser.add_argument("--seeds", type=int, default=10, help="seeds of the split, from 0 on")
    arguments = parser.parse_args()

    parameters = yaml.safe_load((_ROOT / "params.yaml").read_text(encoding="utf-8"))
    contract = ContractDataset(filepath=str(_ROOT / "conf/base/contract.yml")).load()
    raw = RawTableDataset(filepath=str(arguments.real)).load()
    table, violations = check_customers(raw, contract)
    customers, _ = quarantine_customers(raw, table, violations, contract)
    results = [
        result
        for seed in tqdm(range(arguments.seeds), desc="splits", disable=None)
        for result in _one_split(customers, contract, parameters, seed)
    ]
    table = pd.DataFrame(results).groupby("model", sort=False).agg(["mean", "std"])
    print(table.to_string(float_format="{:.4f}".format))
    champion = table.loc["champion"]
    reached = {
        "roc_auc": champion["roc_auc"]["mean"] >= _TARGETS["roc_auc"],
        "log_loss": champion["log_loss"]["mean"] <= _TARGETS["log_loss"],
    }
    for name, is_reached in reached.items():
        print(f"{name}: target {_TARGETS[name]} {'PASS' if is_reached else 'FAIL'}")
    return int(not all(reached.values()))


def _one_split(
    customers: pd.DataFrame, contract: Contract, parameters: dict[str, Any], seed: int
) -> list[dict[str, object]]:
    training = parameters["training"]
    plain = replace(contract, derived_columns=())
    features = derive_features(customers, contract)
    train, test = split_customers(features, contract, parameters["split"]["test_share"], seed)
    chosen = choose_champion(cross_validate_candidates(train, contract, training))
    runs = [(name, name, contract) for name in training["candidates"]] + [
        ("champion", chosen["champion"], contract),
        ("logistic_regression, no derived columns", "logistic_regression", plain),
    ]
    results = []
    for label, name, inputs in runs:
        model = fit_champion(train, inputs, training, {"champion": name})
        probability = score_test_customers(model, test, inputs)["churn_probability"]
        y = churned(test, contract)
        results.append(
            {
                "model": label,
                "roc_auc": roc_auc_score(y, probability),
                "log_loss": log_loss(y, probability),
            }
        )
    return results


if __name__ == "__main__":
    sys.exit(main())
