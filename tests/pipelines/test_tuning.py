from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import churn_pipeline
from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.modeling.tuning.studies import StudyJournal
from churn_pipeline.pipelines.tuning.nodes import tune_candidates
from churn_pipeline.stages.imports import files_behind

Changes = dict[str, Any]


@pytest.fixture(scope="module")
def train(sides: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    return sides[0].head(300)


def test_every_candidate_is_tuned_within_its_space(
    train: pd.DataFrame, contract: Contract, candidates: dict[str, Any], tuning: dict[str, Any]
) -> None:
    trials, tuned = tune_candidates(train, contract, candidates, tuning)
    assert trials.groupby("candidate", sort=False).size().to_dict() == dict.fromkeys(candidates, 2)
    assert list(tuned) == list(candidates)
    for name, settings in tuned.items():
        assert settings.keys() == candidates[name].keys()
    assert tuned["xgboost"]["n_estimators"] == 5
    assert tuned["xgboost"]["max_depth"] in range(1, 5)
    assert 0.01 <= tuned["logistic_regression"]["C"] <= 1
    best = trials.loc[trials.groupby("candidate")["log_loss"].idxmin()].set_index("candidate")
    for name in candidates:
        for setting, value in tuned[name].items():
            if isinstance(candidates[name][setting], dict):
                assert best.loc[name, f"params_{setting}"] == value
    assert json.loads(json.dumps(tuned)) == tuned


SMALL: dict[str, Any] = {
    "logistic_regression": {"C": {"low": 0.01, "high": 1.0, "default": 0.1}, "max_iter": 300}
}


def flip_first(train: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    name = contract.target.name
    other = {value: contract.target.values[1 - i] for i, value in enumerate(contract.target.values)}
    column = train[name].astype("str")
    column.iloc[0] = other[column.iloc[0]]
    return train.assign(**{name: column})


def change_number(train: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    name = contract.numeric_inputs[0]
    column = train[name].copy()
    column.iloc[0] += 1
    return train.assign(**{name: column})


def rename_customers(train: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    return train.assign(**{contract.id.name: "x" + train[contract.id.name].astype("str")})


def widen(train: pd.DataFrame, contract: Contract) -> Contract:
    name = contract.categorical_inputs[0]
    column = contract.columns[name]
    wider = replace(column, values=(*column.values, "a new one"))
    return replace(contract, columns={**contract.columns, name: wider})


@pytest.fixture(scope="module")
def journal(
    train: pd.DataFrame,
    contract: Contract,
    tuning: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The journal of two trials in two folds; to be copied."""
    path = tmp_path_factory.mktemp("tuned") / "studies.journal"
    tune_candidates(train, contract, SMALL, tuning, StudyJournal(path))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "is_resumed"),
    [
        (lambda *_: {}, True),
        (lambda t, c: {"train": rename_customers(t, c)}, True),
        (lambda *_: {"tuning": {"patience": 1}}, True),
        (lambda *_: {"tuning": {"workers": None}}, True),
        (lambda t, c: {"train": change_number(t, c)}, False),
        (lambda t, c: {"train": flip_first(t, c)}, False),
        (lambda t, c: {"train": t.iloc[1:]}, False),
        (lambda t, c: {"train": t.iloc[::-1]}, False),
        (lambda t, c: {"contract": widen(t, c)}, False),
        (lambda *_: {"tuning": {"seed": 2}}, False),
        (lambda *_: {"tuning": {"folds": 3}}, False),
        (lambda *_: {"candidates": {"C": {"low": 0.01, "high": 2.0, "default": 0.1}}}, False),
        (lambda *_: {"candidates": {"C": {"low": 0.01, "high": 1.0, "default": 0.2}}}, False),
        (lambda *_: {"candidates": {"max_iter": 301}}, False),
    ],
)
def test_trials_are_resumed_only_where_nothing_that_matters_has_changed(
    change: Callable[[pd.DataFrame, Contract], Changes],
    is_resumed: bool,
    train: pd.DataFrame,
    contract: Contract,
    tuning: dict[str, Any],
    journal: Path,
    tmp_path: Path,
    fits: list[str],
) -> None:
    path = Path(shutil.copy(journal, tmp_path))
    changed = change(train, contract)
    settings = {**SMALL["logistic_regression"], **changed.get("candidates", {})}
    arguments = (
        changed.get("train", train),
        changed.get("contract", contract),
        {"logistic_regression": settings},
        {**tuning, **changed.get("tuning", {}), "workers": 1},
    )
    found, tuned = tune_candidates(*arguments, StudyJournal(path))
    assert (len(fits) == 0) is is_resumed
    without, tuned_without = tune_candidates(*arguments)
    pd.testing.assert_frame_equal(found, without, check_exact=True)
    assert tuned == tuned_without


def test_another_library_version_or_another_code_is_another_study(
    train: pd.DataFrame,
    contract: Contract,
    tuning: dict[str, Any],
    tmp_path: Path,
    fits: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from churn_pipeline.pipelines.tuning import nodes

    path = tmp_path / "studies.journal"
    source = Path(str(churn_pipeline.__file__)).parents[1]
    real = files_behind
    for name, replacement in (
        ("_version", lambda name: "0"),
        ("files_behind", lambda m, s: {next(iter(real(m, s)))}),
    ):
        fits.clear()
        tune_candidates(train, contract, SMALL, tuning, StudyJournal(path))
        assert len(fits) == (4 if name == "_version" else 0)  # the journal holds them by then
        fits.clear()
        with monkeypatch.context() as patch:
            patch.setattr(nodes, name, replacement)
            tune_candidates(train, contract, SMALL, tuning, StudyJournal(path))
        assert len(fits) == 4
    code = {path.name for path in real(["churn_pipeline.modeling.tuning.search"], source)}
    assert {
        "candidates.py",
        "encoding.py",
        "forest.py",
        "elastic_net.py",
        "search.py",
        "xgboost.py",
    } <= code


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ({"forest": None}, r"candidates\.forest is not a candidate.*; valid candidates: catboost"),
        ({"xgboost": {"deep": 1}}, r"candidates\.xgboost\.deep is not a setting"),
        ({"xgboost": {"max_depth": {"low": 1}}}, r"candidates\.xgboost\.max_depth is a mapping"),
        ({"logistic_regression": {"C": "a"}}, r"check candidates\.logistic_regression in params"),
        ({"lightgbm": {"num_leaves": {"low": 1, "high": 1}}}, r"check candidates\.lightgbm in"),
    ],
)
def test_unusable_candidates_are_one_sentence(
    candidates: dict[str, Any],
    message: str,
    train: pd.DataFrame,
    contract: Contract,
    tuning: dict[str, Any],
) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        tune_candidates(train, contract, candidates, tuning)
    assert "\n" not in str(caught.value)


def test_more_folds_than_churners_is_one_sentence(
    train: pd.DataFrame, contract: Contract, tuning: dict[str, Any]
) -> None:
    few = train.groupby(contract.target.name, observed=True).head(4)
    with pytest.raises(DataError, match=r"only 4 customers .* tuning\.folds \(5\)"):
        tune_candidates(few, contract, SMALL, {**tuning, "folds": 5})
