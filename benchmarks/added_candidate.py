"""What a candidate that is not among the defaults would add, and what it would cost.

On each table the pipelines' own nodes search, tune, choose and fit twice: with the candidates of
``params.yaml``, and with those and the one that a comment there describes. Simulated tables are
random samples of each kind, whose champion is measured by its expected log loss over 20,000 other
customers with their true churn probabilities; a file's contract is inferred, and its champion is
measured on a quarter of its customers. All in one process, whose CPU seconds are counted.

Each result is kept in --folder, so that a run goes on where another was stopped. Exits 1 unless the
log loss falls by --worth on average and rises nowhere by more than that. Tables of several rows a
customer are files here: `kedro simulate --kind saas` writes one.

    python -m benchmarks.added_candidate --candidate catboost --files telco.csv
"""

import argparse
import json
import sys
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import yaml
from tqdm import tqdm

from benchmarks.automatic import run_automatic
from benchmarks.choice_rule import sample_of
from benchmarks.tables import accepted, expected_log_loss
from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.discovery import Hints, infer_contract
from churn_pipeline.io.raw_table import read_raw_table
from churn_pipeline.modeling.families import FAMILIES, libraries
from churn_pipeline.pipelines.features.nodes import split_customers

_ROOT = Path(__file__).resolve().parents[1]
_KINDS = ("telco", "bank", "usage")  # one row a customer, whose truth is known


def described(name: str, text: str) -> dict[str, Any]:
    """Return the entry of a candidate that is commented out in ``params.yaml``."""
    lines = text.splitlines()
    entry = ["candidates:"]
    for line in lines[lines.index(f"  # {name}:") :]:
        if not line.startswith("  # "):
            break
        entry.append(f"  {line[4:]}")
    return yaml.safe_load("\n".join(entry))["candidates"]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--candidate", default="catboost", choices=sorted(FAMILIES))
    parser.add_argument("--sizes", type=int, nargs="+", default=[1500, 4000])
    parser.add_argument("--seeds", type=int, default=2, help="tables of each kind and size")
    parser.add_argument("--files", nargs="*", default=[], help="customer tables")
    parser.add_argument("--worth", type=float, default=0.001, help="log loss")
    parser.add_argument("--folder", type=Path, default=_ROOT / ".benchmarks/added_candidate")
    arguments = parser.parse_args()
    text = (_ROOT / "params.yaml").read_text(encoding="utf-8")
    parameters = yaml.safe_load(text)
    parameters["tuning"]["workers"] = 1
    candidates = parameters["candidates"]
    entry = {name: value for name, value in candidates.items() if name == arguments.candidate}
    without = {name: value for name, value in candidates.items() if name != arguments.candidate}
    both = {**without, **(entry or described(arguments.candidate, text))}
    for library in libraries(both):
        __import__(library)  # the first run would pay for all
    arguments.folder.mkdir(parents=True, exist_ok=True)
    tables = list(product(range(arguments.seeds), (*_KINDS, *arguments.files), arguments.sizes))
    seen, lines = set(), []
    for seed, source, size in tqdm(tables):
        label = f"{source} {size:,}" if source in _KINDS else Path(source).stem
        if (seed, label) in seen:  # a file has one size
            continue
        seen.add((seed, label))
        kept = arguments.folder / f"{label} {seed}.json"
        if not kept.is_file():
            measured = {
                key: _measure(source, size, seed, {**parameters, "candidates": chosen})
                for key, chosen in (("without", without), ("with", both))
            }
            kept.write_text(json.dumps(measured), encoding="utf-8")
        found = json.loads(kept.read_text(encoding="utf-8"))
        lines.append({"table": label, "seed": seed, **_line(found)})
    return _report(pd.DataFrame(lines), arguments.worth)


def _measure(source: str, size: int, seed: int, parameters: dict[str, Any]) -> dict[str, Any]:
    true = None
    if source in _KINDS:
        train, others, contract, true = sample_of(source, size, seed)
    else:
        train, others, contract = _parted(source, seed)
    run = run_automatic(train, others, contract, parameters)
    measured = run.results["champion"]
    loss = measured["log_loss"] if true is None else expected_log_loss(run.probability, true)
    return {
        "champion": run.champion,
        "log_loss": float(loss),
        "cpu_seconds": measured["cpu_seconds"],
    }


def _parted(file: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, Contract]:
    raw = read_raw_table(file)
    contract = parse_contract(infer_contract(raw, Path(file).stem, Hints()).document)
    train, test = split_customers(accepted(raw, contract), contract, 0.25, seed)
    return train, test, contract


def _line(found: dict[str, Any]) -> dict[str, Any]:
    one, two = found["without"], found["with"]
    return {
        "champion": one["champion"],
        "champion with": two["champion"],
        "log loss": one["log_loss"],
        "with": two["log_loss"],
        "gain": one["log_loss"] - two["log_loss"],
        "cpu s": one["cpu_seconds"],
        "cpu s with": two["cpu_seconds"],
    }


def _report(table: pd.DataFrame, worth: float) -> int:
    print(table.round(5).to_string(index=False))
    gain = table["gain"].to_numpy()
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.nan
    print(f"gain {gain.mean():.5f} ± {error:.5f}, from {gain.min():.5f} to {gain.max():.5f}")
    print(
        f"median CPU seconds {median(table['cpu s']):.1f}, {median(table['cpu s with']):.1f} with"
    )
    return int(gain.mean() < worth or gain.min() < -worth)


if __name__ == "__main__":
    sys.exit(main())
