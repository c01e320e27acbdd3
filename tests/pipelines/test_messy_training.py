"""From an awkward file to a scorer, with nothing but the inferred contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from benchmarks.tables import accepted
from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.discovery import infer_contract
from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import read_raw_table
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.target import churned
from churn_pipeline.packaging.assembly import assemble, check_parity
from churn_pipeline.packaging.rules import with_decisions
from churn_pipeline.pipelines.features.nodes import (
    add_combinations,
    combine_columns,
    split_customers,
)
from churn_pipeline.pipelines.training.nodes import (
    choose_and_calibrate,
    cross_validate_candidates,
)
from churn_pipeline.pipelines.tuning.nodes import tune_candidates
from churn_pipeline.scorer import Scorer
from tests.sizes import size

pytestmark = pytest.mark.slow

Floats = NDArray[np.float64]


class Result(NamedTuple):
    contract: Contract
    model: ChurnModel
    train: pd.DataFrame
    test: pd.DataFrame
    roc_auc: float
    scorer: Scorer


@pytest.fixture(scope="module")
def parameters(root: Path) -> dict[str, Any]:
    """The project's parameters with two candidates and a small search."""
    parameters = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    parameters["candidates"] = {
        "logistic_regression": {"C": 1.0, "max_iter": 200},
        "lightgbm": {"n_estimators": 30, "num_leaves": 7, "min_child_samples": 10},
    }
    parameters["tuning"] |= {"folds": 2, "workers": 1}
    parameters["training"] |= {"folds": 2, "repeats": 1}
    parameters["combinations"]["most"] = 1
    return parameters


def train_on(table: pd.DataFrame, parameters: dict[str, Any], folder: Path) -> Result:
    path = folder / "table.csv"
    table.to_csv(path, index=False)
    raw = read_raw_table(str(path))
    contract = parse_contract(infer_contract(raw, "table").document)
    train, test = split_customers(accepted(raw, contract), contract, 0.3, 1)
    contract, _ = combine_columns(train, contract, parameters["combinations"])
    train, test = (add_combinations(side, contract) for side in (train, test))
    _, settings = tune_candidates(train, contract, parameters["candidates"], parameters["tuning"])
    out_of_fold, folds, costs = cross_validate_candidates(
        train, contract, settings, parameters["training"]
    )
    _, model, _ = choose_and_calibrate(
        folds, out_of_fold, costs, train, contract, settings, parameters["training"]
    )
    scorer = Scorer(with_decisions(assemble(model, contract, train), parameters["economics"]))
    check_parity(model, scorer, test, contract)
    auc = roc_auc_score(churned(test, contract), model.churn_probability(test))
    return Result(contract, model, train, test, float(auc), scorer)


def drawn(log_odds: Floats, seed: int) -> Floats:
    return np.where(np.random.default_rng(seed).random(len(log_odds)) < expit(log_odds), 1, 0)


def customers(n: int, seed: int = 1) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    usage, months = generator.gamma(2.0, 30.0, n).round(1), generator.integers(1, 72, n)
    return pd.DataFrame(
        {
            "customer_id": [f"C{number:07}" for number in range(n)],
            "usage": usage,
            "months": months,
            "plan": generator.choice(["basic", "gold", "family"], n),
            "churn": drawn(0.03 * (usage - 60) - 0.04 * (months - 30), seed),
        }
    )


def test_three_hundred_rows(parameters: dict[str, Any], tmp_path: Path) -> None:
    result = train_on(customers(300), parameters, tmp_path)
    assert result.roc_auc > 0.7


def test_half_a_percent_of_churners(parameters: dict[str, Any], tmp_path: Path) -> None:
    table = customers(24_000)
    table["churn"] = drawn((0.03 * (table["usage"] - 60) - 7).to_numpy(), 3)
    assert 0.003 < table["churn"].mean() < 0.007
    result = train_on(table, parameters, tmp_path)
    assert result.roc_auc > 0.75
    mean = result.model.churn_probability(result.test).mean()
    assert 0.5 < mean / table["churn"].mean() < 2


def test_a_target_that_never_happens_is_one_sentence(
    parameters: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"churn") as error:
        train_on(customers(300).assign(churn=0), parameters, tmp_path)
    assert "\n" not in str(error.value)


def test_hundreds_of_columns(parameters: dict[str, Any], tmp_path: Path) -> None:
    generator, measures = np.random.default_rng(2), size(90, 480)
    noise = pd.DataFrame(generator.normal(size=(700, measures)).round(3)).add_prefix("measure_")
    result = train_on(pd.concat([customers(700), noise], axis=1), parameters, tmp_path)
    assert len(result.contract.features) > measures
    assert result.roc_auc > 0.55


def test_heavy_tails(parameters: dict[str, Any], tmp_path: Path) -> None:
    table = customers(1500)
    generator = np.random.default_rng(4)
    table["balance"] = np.exp(generator.normal(8, 5, 1500)).round(2)  # to some hundred billions
    result = train_on(table, parameters, tmp_path)
    assert result.roc_auc > 0.7
    assert np.isfinite(result.model.log_odds(result.test)).all()


def test_twenty_thousand_levels(parameters: dict[str, Any], tmp_path: Path) -> None:
    generator = np.random.default_rng(6)
    n = 12_000
    table = customers(n)
    weights = 1 / np.arange(1, 20_001)
    code = generator.choice(20_000, n, p=weights / weights.sum())
    table["postcode"] = [f"P{number:05}" for number in code]
    risk = generator.normal(0, 2, 20_000)
    table["churn"] = drawn(risk[code] - 0.5, 7)
    result = train_on(table, parameters, tmp_path)
    column = result.contract.columns["postcode"]
    assert column.is_open
    assert 50 < len(column.values) <= 1000
    assert result.roc_auc > 0.65
    record = {**result.scorer.example, "postcode": "never seen"}
    assert 0 < result.scorer.score([result.scorer.read(record)])[0].churn_probability < 1


def test_identifiers_that_look_like_numbers_are_no_features(
    parameters: dict[str, Any], tmp_path: Path
) -> None:
    table = customers(900)
    generator = np.random.default_rng(8)
    table["account_number"] = generator.permutation(900) + 80_000_000
    table["row"] = np.arange(900)
    result = train_on(table, parameters, tmp_path)
    assert not {"account_number", "row"} & set(result.contract.model_inputs)


def test_a_sum_that_trees_find_hard_is_found(parameters: dict[str, Any], tmp_path: Path) -> None:
    generator = np.random.default_rng(9)
    n = 5000
    charges = pd.DataFrame(
        {f"{part}_charge": generator.gamma(6, 4, n).round(2) for part in ("day", "eve", "night")}
    )
    total = charges.sum(axis=1).to_numpy()
    table = pd.concat([customers(n), charges], axis=1)
    table["churn"] = drawn(np.where(total > 85, 1.5, -3.0), 10)
    result = train_on(table, parameters, tmp_path)
    found = [column.expression.text for column in result.contract.derived_columns]
    assert "day_charge + eve_charge + night_charge" in found
    truth = roc_auc_score(churned(result.test, result.contract), (
        result.test[["day_charge", "eve_charge", "night_charge"]].sum(axis=1) > 85
    ))  # fmt: skip
    assert result.roc_auc > truth - 0.02
