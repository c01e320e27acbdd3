"""The selection against what people would otherwise pick, on the real Telco file.

For each seed of the split the pipelines' own nodes tune, compare, choose, fit and calibrate on the
training set, and score the test set. With --peers, AutoGluon (best_quality), a tuned LightGBM and
a tuned XGBoost do the same from the same customers (see peers.py), in an environment of their own
that is made on the first call. Exits 1 if a target is missed: mean ROC-AUC at least 0.848, mean
log loss at most 0.413; with --peers, both no worse than the best peer's, at a tenth of AutoGluon's
CPU seconds.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
import yaml
from tqdm import tqdm

from benchmarks.automatic import run_automatic
from benchmarks.peer_runs import install_peers, run_peer
from benchmarks.telco.reference import telco_path
from churn_pipeline.contract import Contract
from churn_pipeline.io.contract_dataset import ContractDataset
from churn_pipeline.io.raw_table import RawTableDataset
from churn_pipeline.pipelines.features.nodes import derive_features, split_customers
from churn_pipeline.pipelines.ingestion.nodes import check_customers, quarantine_customers

_ROOT = Path(__file__).resolve().parents[1]
_PEERS = ("autogluon", "lightgbm", "xgboost")
_TARGETS = {"roc_auc": 0.848, "log_loss": 0.413}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--real", type=Path, default=telco_path(), help="the Telco CSV file")
    parser.add_argument("--seeds", type=int, default=10, help="seeds of the split, from 0 on")
    parser.add_argument("--peers", action="store_true", help="run the peers as well (40 minutes)")
    parser.add_argument(
        "--peers-environment", type=Path, default=_ROOT / ".peers", help="where they are installed"
    )
    parser.add_argument("--results", type=Path, help="CSV file to keep each result in")
    arguments = parser.parse_args()

    parameters = yaml.safe_load((_ROOT / "params.yaml").read_text(encoding="utf-8"))
    contract = ContractDataset(filepath=str(_ROOT / "conf/base/contract.yml")).load()
    raw = RawTableDataset(filepath=str(arguments.real)).load()
    typed, violations = check_customers(raw, contract)
    customers, _ = quarantine_customers(raw, typed, violations, contract)
    features = derive_features(customers, contract)
    python = install_peers(arguments.peers_environment) if arguments.peers else None
    results = []
    for seed in tqdm(range(arguments.seeds), desc="splits", disable=None):
        split = split_customers(features, contract, parameters["split"]["test_share"], seed)
        run = run_automatic(*split, contract, parameters)
        tqdm.write(f"champion {run.champion}: {run.results['champion']}")
        runs = run.results
        if python is not None:
            runs |= _peers(*split, contract, python)
        results += [{"split": seed, "model": name, **result} for name, result in runs.items()]
        if arguments.results:
            pd.DataFrame(results).to_csv(arguments.results, index=False)
    table = pd.DataFrame(results).drop(columns="split").groupby("model", sort=False)
    print(table.agg(["mean", "std"]).to_string(float_format="{:.4f}".format))
    return int(not _judge(table.mean()))


def _peers(
    train: pd.DataFrame, test: pd.DataFrame, contract: Contract, python: Path
) -> dict[str, dict[str, float]]:
    columns = [name for name in contract.model_inputs if name in contract.columns]
    results = {}
    for peer in _PEERS:
        results[peer] = run_peer(python, peer, train, test, contract, columns).figures
        tqdm.write(f"{peer}: {results[peer]}")
    return results


def _judge(means: pd.DataFrame) -> bool:
    champion = means.loc["champion"]
    reached = {
        f"ROC-AUC at least {_TARGETS['roc_auc']}": champion["roc_auc"] >= _TARGETS["roc_auc"],
        f"log loss at most {_TARGETS['log_loss']}": champion["log_loss"] <= _TARGETS["log_loss"],
    }
    if "autogluon" in means.index:
        peers = means.loc[list(_PEERS)]
        share = champion["cpu_seconds"] / peers["cpu_seconds"]["autogluon"]
        reached |= {
            "ROC-AUC no worse than the best peer's": champion["roc_auc"] >= peers["roc_auc"].max(),
            "log loss no worse than the best peer's": champion["log_loss"]
            <= peers["log_loss"].min(),
            f"CPU at most 10 % of AutoGluon's ({share:.1%})": share <= 0.1,
        }
    for target, is_reached in reached.items():
        print(f"{target}: {'PASS' if is_reached else 'FAIL'}")
    return all(reached.values())


if __name__ == "__main__":
    sys.exit(main())
