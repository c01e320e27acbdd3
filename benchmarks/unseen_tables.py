"""The automatic result on tables that nobody described, beside what people would pick.

Simulated tables, whose true churn probabilities are known, and any files: each file's contract is
inferred, nothing else is given. On each split the pipelines' own nodes search, tune, choose and fit
on the training set, and so do the peers, in an environment of their own, from the same columns
(those that the contract derives included). The log loss is the expected one over the true
probabilities where these are known, else that of the test set.

Prints one line a table: the champion's mean log loss, its excess over the true probabilities', and
for each peer the champion's log loss minus the peer's with t of the corrected resampled t-test over
the splits (Nadeau and Bengio, 2003; the plain one where the splits are independent draws): below -2
the champion is significantly better, above +2 significantly worse. Results are kept in --folder, so
that a stopped run goes on; the champion's under a hash of the code that made them.

Exits 1 if the champion is significantly worse than the best peer on a table, is not the better one
overall, or takes more than a quarter of AutoGluon's CPU.

    python -m benchmarks.unseen_tables --splits 5 --peers catboost lightgbm logistic autogluon
    python -m benchmarks.unseen_tables customers.csv --target left --splits 2
"""

import argparse
import hashlib
import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from sklearn.metrics import log_loss
from tqdm import tqdm

from benchmarks.automatic import run_automatic
from benchmarks.peer_runs import install_peers, run_peer
from benchmarks.peers import PEERS
from benchmarks.tables import SIMULATED, FileTable, SimulatedTable, Split, expected_log_loss
from churn_pipeline.modeling.target import churned

_ROOT = Path(__file__).resolve().parents[1]
_CHAMPION = "champion"
_WORSE = 2.0  # t of a peer that is significantly better
_CPU_SHARE = 0.25  # of AutoGluon's


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, help="instead of the simulated tables")
    parser.add_argument("--target", help="of the files, where the name does not tell it")
    parser.add_argument("--tables", nargs="+", help="names of simulated tables; default: all")
    parser.add_argument("--splits", type=int, default=5, help="seeds of the split, from 0 on")
    parser.add_argument("--peers", nargs="*", default=[], choices=PEERS, help="to compare with")
    parser.add_argument("--peers-environment", type=Path, default=_ROOT / ".peers")
    parser.add_argument("--folder", type=Path, default=_ROOT / ".benchmarks/unseen_tables")
    arguments = parser.parse_args()
    tables: list[SimulatedTable | FileTable] = [
        *(FileTable(path, arguments.target) for path in arguments.files)
    ] or [table for table in SIMULATED if table.name in (arguments.tables or [table.name])]
    if unknown := {*(arguments.tables or [])} - {table.name for table in SIMULATED}:
        parser.error(
            f"no table {', '.join(sorted(unknown))}; tables: "
            + ", ".join(table.name for table in SIMULATED)
        )
    python = install_peers(arguments.peers_environment) if arguments.peers else None
    parameters = yaml.safe_load((_ROOT / "params.yaml").read_text(encoding="utf-8"))
    models = {_CHAMPION: f"{_CHAMPION}-{_code()}", **{peer: peer for peer in arguments.peers}}
    results = []
    for seed in tqdm(range(arguments.splits), desc="splits", disable=None):
        for table in tqdm(tables, desc="tables", leave=False, disable=None):
            kept = {
                model: arguments.folder / f"{table.name}-{seed}-{file}.json"
                for model, file in models.items()
            }
            missing = [model for model, path in kept.items() if not path.is_file()]
            split = table.split(seed) if missing else None
            for model in missing:
                assert split is not None
                _keep(kept[model], _run(model, split, parameters, python))
                tqdm.write(f"{table.name} split {seed} {model}: {kept[model].read_text()}")
            results += [
                {"table": table.name, "model": model, **json.loads(path.read_text())}
                for model, path in kept.items()
            ]
    lines = [_judge(table, pd.DataFrame(results), arguments.peers) for table in tables]
    print(pd.DataFrame(lines).to_string(index=False, float_format=lambda number: f"{number:.4f}"))
    return _verdict(pd.DataFrame(lines), arguments.peers)


def _run(
    model: str, split: Split, parameters: dict[str, Any], python: Path | None
) -> dict[str, Any]:
    train, test, contract, truth = split
    if model == _CHAMPION:
        run = run_automatic(train, test, contract, parameters)
        probability = run.probability
        about = {
            "candidate": run.champion,
            "scoring_cost": run.scoring_cost,
            "cpu_seconds": run.results["champion"]["cpu_seconds"],
        }
    else:
        assert python is not None
        columns = list(contract.model_inputs)
        figures, probability = run_peer(python, model, train, test, contract, columns)
        about = {"cpu_seconds": figures["cpu_seconds"]}
    loss, best = _losses(probability.astype("float64"), churned(test, contract), truth)
    return {"log_loss": loss, "best_log_loss": best, "rows": len(train), **about}


def _losses(
    probability: NDArray[np.float64], y: NDArray[np.int8], truth: NDArray[np.float64] | None
) -> tuple[float, float | None]:
    """Return the log loss, and that of the true probabilities where they are known."""
    certain = np.clip(probability, 1e-6, 1 - 1e-6)
    if truth is None:
        return float(log_loss(y, certain)), None
    return expected_log_loss(certain, truth), expected_log_loss(truth, truth)


def _judge(
    table: SimulatedTable | FileTable, results: pd.DataFrame, peers: list[str]
) -> dict[str, Any]:
    """Return the line of a table."""
    own = results[results["table"] == table.name]
    losses = {name: rows["log_loss"].to_numpy() for name, rows in own.groupby("model")}
    champion = own[own["model"] == _CHAMPION]
    line: dict[str, Any] = {
        "table": table.name,
        "rows": int(champion["rows"].iloc[0]),
        "champion": ", ".join(
            f"{name} {n}" for name, n in champion["candidate"].value_counts().items()
        ),
        "log_loss": losses[_CHAMPION].mean(),
    }
    if isinstance(table, SimulatedTable):
        line["excess_%"] = 100 * (losses[_CHAMPION] / champion["best_log_loss"] - 1).mean()
    for peer in peers:
        gaps = losses[_CHAMPION] - losses[peer]
        line[peer] = gaps.mean()
        if len(gaps) > 1:
            line[f"t_{peer}"] = _t(gaps, table.test_to_train)
    line["operations"] = int(champion["scoring_cost"].mean())
    for model, rows in own.groupby("model", sort=False):
        line[f"cpu_{model}"] = round(rows["cpu_seconds"].mean())
    return line


def _t(gaps: NDArray[np.float64], test_to_train: float) -> float:
    """Return the t of a mean gap over splits that share rows (Nadeau and Bengio, 2003)."""
    return float(gaps.mean() / np.sqrt(gaps.var(ddof=1) * (1 / len(gaps) + test_to_train)))


def _verdict(table: pd.DataFrame, peers: list[str]) -> int:
    """Print whether the targets are reached; return 1 if one is missed."""
    if not peers:
        return 0
    best = table[peers].idxmax(axis=1)  # the peer of the lowest log loss, so of the largest gap
    gaps = table[peers].max(axis=1)
    reached = {f"better than the best peer in {(gaps < 0).sum()} of {len(gaps)} tables": True}
    reached["better than the best peer on most tables"] = (gaps < 0).mean() > 0.5
    if f"t_{peers[0]}" in table:
        lines = zip(table.to_dict("records"), best, strict=True)
        t = {line["table"]: line[f"t_{peer}"] for line, peer in lines}
        worse = ", ".join(f"{name} ({value:+.1f})" for name, value in t.items() if value > _WORSE)
        reached[f"significantly worse than the best peer: {worse or 'none'}"] = not worse
    if "autogluon" in peers:
        share = (table["cpu_champion"] / table["cpu_autogluon"]).max()
        reached[f"CPU at most {share:.2f} of AutoGluon's"] = share <= _CPU_SHARE
    for target, is_reached in reached.items():
        print(f"{target}: {'PASS' if is_reached else 'FAIL'}")
    return int(not all(reached.values()))


@cache
def _code() -> str:
    """Return a hash of what the champion depends on."""
    digest = hashlib.sha256((_ROOT / "params.yaml").read_bytes())
    for package in ("contract", "discovery", "features", "modeling", "statistics"):
        for path in sorted((_ROOT / "src/churn_pipeline" / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _keep(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(result, sort_keys=True))
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
