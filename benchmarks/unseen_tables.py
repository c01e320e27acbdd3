"""The automatic result on tables that nobody described, against AutoGluon.

Each file's contract is inferred, nothing else is told; its customers are parted several times; the
pipelines' own nodes search, tune, choose and fit on the training set. With --peers, AutoGluon
(best_quality, 180 s) does the same from the same columns, in an environment of its own. Prints one
line a split and, with --peers, whether the champion's log loss is significantly worse (paired
t-test over the test customers, the splits together).
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.stats import ttest_1samp

from benchmarks.automatic import run_automatic
from benchmarks.telco_ten_splits import install_peers
from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.discovery import Hints, infer_contract
from churn_pipeline.io.raw_table import RawTable, read_raw_table
from churn_pipeline.modeling.target import churned
from churn_pipeline.pipelines.features.nodes import derive_features, split_customers
from churn_pipeline.pipelines.ingestion.nodes import check_customers, quarantine_customers

_ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", help="customer tables, as `kedro contract infer` takes")
    parser.add_argument("--target", help="where the name does not tell it")
    parser.add_argument("--splits", type=int, default=2, help="seeds of the split, from 0 on")
    parser.add_argument("--test-share", type=float, default=0.25)
    parser.add_argument("--peers", action="store_true", help="run AutoGluon as well")
    parser.add_argument("--peers-environment", type=Path, default=_ROOT / ".peers")
    arguments = parser.parse_args()
    python = install_peers(arguments.peers_environment) if arguments.peers else None
    parameters = yaml.safe_load((_ROOT / "params.yaml").read_text(encoding="utf-8"))
    worse = 0
    for file in arguments.files:
        raw = read_raw_table(file)
        inferred = infer_contract(raw, Path(file).stem, Hints(target=arguments.target))
        contract = parse_contract(inferred.document)
        customers = accepted(raw, contract)
        gaps = []
        for seed in range(arguments.splits):
            train, test = split_customers(customers, contract, arguments.test_share, seed)
            run = run_automatic(train, test, contract, parameters)
            line = run.results["champion"]
            print(
                f"{Path(file).stem} split {seed}: {run.champion} roc_auc {line['roc_auc']:.4f} "
                f"log_loss {line['log_loss']:.4f} cpu {line['cpu_seconds']:.0f} s "
                f"found {list(run.found)}",
                flush=True,
            )
            if python is not None:
                peer, seconds = _autogluon(train, test, contract, python)
                y = churned(test, contract)
                gaps.append(_losses(y, run.probability) - _losses(y, peer))
                print(
                    f"    autogluon log_loss {_losses(y, peer).mean():.4f} cpu {seconds:.0f} s",
                    flush=True,
                )
        if gaps:
            gap = np.concatenate(gaps)
            p_value = ttest_1samp(gap, 0.0, alternative="greater").pvalue
            worse += p_value < 0.05
            verdict = "FAIL" if p_value < 0.05 else "PASS"
            print(f"{Path(file).stem}: {gap.mean():+.4f} (p = {p_value:.2g}) {verdict}", flush=True)
    return int(worse > 0)


def accepted(raw: RawTable, contract: Contract) -> pd.DataFrame:
    """Return the customers that meet the contract, with its derived columns."""
    typed, violations = check_customers(raw, contract)
    customers, _ = quarantine_customers(raw, typed, violations, contract)
    return derive_features(customers, contract)


def _losses(y: np.ndarray, probability: np.ndarray) -> np.ndarray:
    certain = np.clip(probability, 1e-6, 1 - 1e-6)
    return -np.where(y == 1, np.log(certain), np.log1p(-certain))


def _autogluon(
    train: pd.DataFrame, test: pd.DataFrame, contract: Contract, python: Path
) -> tuple[np.ndarray, float]:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, side in (("train", train), ("test", test)):
            paths.append(str(Path(folder) / f"{name}.parquet"))
            columns = list(contract.model_inputs)
            side[columns].assign(churned=churned(side, contract)).to_parquet(paths[-1])
        output = Path(folder) / "probability.npy"
        script = str(Path(__file__).with_name("peers.py"))
        command = [str(python), script, "autogluon", *paths, "--probability", str(output)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"autogluon failed:\n{done.stderr[-2000:]}")
        seconds = float(yaml.safe_load(done.stdout)["cpu_seconds"])
        return np.load(output), seconds


if __name__ == "__main__":
    sys.exit(main())
