"""What the choice among the candidates costs, on simulated tables whose truth is known.

Each table is a random sample of simulated customers. The pipelines' own nodes search, tune, compare
and fit on it; the expected log loss of every fitted candidate is then taken over 20,000 other
customers with their true churn probabilities. What the choice loses is the expected log loss of the
champion above that of the best candidate. Beside it, what taking the lowest mean loses.

Each table's figures are kept in --folder, so that a run goes on where another was stopped, and
another rule is judged on the same fits. Exits 1 if the rule misses a target: a mean loss of at most
.0012, and more than .002 in at most 12 % of the tables.

    python -m benchmarks.choice_rule --seeds 10
"""

import argparse
import os
import pickle
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from scipy.special import expit
from tqdm import tqdm

from benchmarks.tables import accepted, contract_of, expected_log_loss
from churn_pipeline.contract import Contract
from churn_pipeline.io.raw_table import RawTableDataset
from churn_pipeline.modeling.candidates import BASELINE, build_candidate
from churn_pipeline.modeling.cross_validation import fit_on, out_of_fold_losses, score_folds
from churn_pipeline.modeling.model import log_odds
from churn_pipeline.modeling.selection import choose_champion
from churn_pipeline.modeling.target import churned
from churn_pipeline.pipelines.features.nodes import add_combinations, combine_columns
from churn_pipeline.pipelines.training.nodes import cross_validate_candidates
from churn_pipeline.pipelines.tuning.nodes import tune_candidates
from churn_pipeline.simulation import read_kind, simulate
from churn_pipeline.statistics.comparison import compare_candidates

_ROOT = Path(__file__).resolve().parents[1]
_KINDS = ("telco", "bank", "usage")
_SIZES = (400, 800, 1600, 3200, 8000)
_OTHERS = 20_000  # customers that the truth is measured on
_MUCH = 0.002  # of log loss
_MEAN_LIMIT, _SHARE_LIMIT = 0.0012, 0.12

Floats = NDArray[np.float64]


class Sample(NamedTuple):
    """Simulated customers: some to learn from, others, and the others' true probabilities."""

    train: pd.DataFrame
    others: pd.DataFrame
    contract: Contract
    true: Floats


class Fits(NamedTuple):
    """What the choice on a table goes by, and what it does not know."""

    out_of_fold: pd.DataFrame
    churned: NDArray[np.int8]
    costs: dict[str, float]
    expected: dict[str, float]


def sample_of(kind_name: str, size: int, seed: int) -> Sample:
    """Draw one table."""
    kind = read_kind(_ROOT / f"conf/base/simulation/{kind_name}.yml")
    drawn = simulate(kind, size + _OTHERS, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers.csv"
        drawn.customers.to_csv(path, index=False)
        raw = RawTableDataset(filepath=str(path)).load()
    contract = contract_of(kind, raw)
    table = accepted(raw, contract)
    truth = drawn.truth.set_index(kind.id)["churn_probability"]
    order = np.random.default_rng(seed).permutation(len(table))
    train = table.iloc[order[:size]].reset_index(drop=True)
    others = table.iloc[order[size:]].reset_index(drop=True)
    return Sample(train, others, contract, truth[others[kind.id]].to_numpy())


def fits_of(kind_name: str, size: int, seed: int, parameters: dict[str, Any]) -> Fits:
    """Tune, compare and fit on one table."""
    train, others, contract, true = sample_of(kind_name, size, seed)
    contract, _ = combine_columns(train, contract, parameters["combinations"])
    train, others = (add_combinations(side, contract) for side in (train, others))
    _, settings = tune_candidates(train, contract, parameters["candidates"], parameters["tuning"])
    training = parameters["training"]
    out_of_fold, _, costs = cross_validate_candidates(train, contract, settings, training)
    names = list(contract.model_inputs)
    target, expected = churned(train, contract), {}
    for name, values in settings.items():
        candidate = build_candidate(name, values, contract, training["seed"])
        model = fit_on(name, candidate, train[names], target)
        expected[name] = expected_log_loss(expit(log_odds(name, model, others[names])), true)
    return Fits(out_of_fold, target, costs, expected)


def losses_by_rule(fits: Fits, parameters: dict[str, Any]) -> dict[str, float]:
    """Return the expected log loss of what each rule chooses above that of the best candidate."""
    training = parameters["training"]
    losses = out_of_fold_losses(fits.out_of_fold, fits.churned)
    selection = choose_champion(
        score_folds(fits.out_of_fold, fits.churned),
        losses,
        compare_candidates(losses, training["confidence"], BASELINE),
        fits.costs,
        margin=training["margin"],
        cost_ratio=training["cost_ratio"],
    )
    candidates = fits.expected
    best = min(candidates.values())
    return {
        "the project's": candidates[selection["champion"]] - best,
        "lowest mean": candidates[selection["best"]] - best,
        "the cheapest": candidates[min(candidates, key=lambda name: fits.costs[name])] - best,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10, help="tables of each kind and size")
    parser.add_argument("--folder", type=Path, default=_ROOT / ".benchmarks/choice_rule")
    arguments = parser.parse_args()
    parameters = yaml.safe_load((_ROOT / "params.yaml").read_text(encoding="utf-8"))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for seed, size, kind in tqdm(list(product(range(arguments.seeds), _SIZES, _KINDS))):
        kept = arguments.folder / f"{kind}-{size}-{seed}.pkl"
        if not kept.is_file():
            fits = fits_of(kind, size, seed, parameters)
            partial = kept.with_suffix(f".{os.getpid()}.partial")
            partial.write_bytes(pickle.dumps(tuple(fits)))
            partial.replace(kept)
        fits = Fits(*pickle.loads(kept.read_bytes()))  # written above
        lines.append({"kind": kind, "size": size, **losses_by_rule(fits, parameters)})
    table = pd.DataFrame(lines)
    rules = list(table.columns[2:])
    print(f"{len(table)} tables; expected log loss above that of the best candidate")
    print(table.groupby(["kind", "size"])[rules].mean().round(5).to_string())
    for rule in rules:
        lost = table[rule]
        print(
            f"{rule:<14} {lost.mean():.5f} ± {lost.std(ddof=1) / np.sqrt(len(lost)):.5f}, "
            f"more than {_MUCH:g} in {(lost > _MUCH).mean():.1%}"
        )
    own = table["the project's"]
    return int(own.mean() > _MEAN_LIMIT or (own > _MUCH).mean() > _SHARE_LIMIT)


if __name__ == "__main__":
    sys.exit(main())
