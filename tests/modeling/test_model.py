from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.model import ChurnModel, log_odds
from churn_pipeline.modeling.recalibration import IsotonicCalibrator, SigmoidCalibrator
from tests.families import INSTALLED, every_candidate, register, small

SIGMOID = SigmoidCalibrator(0.5, -1.0)
ISOTONIC = IsotonicCalibrator((-3.0, 0.0, 2.0), (-2.0, -1.5, 1.0))


@pytest.fixture(scope="module")
def pipelines(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> dict[str, Pipeline]:
    return {
        name: build_candidate(name, small(name), contract, 1).fit(inputs[:600], target[:600])
        for name in INSTALLED
    }


@every_candidate
@pytest.mark.parametrize("calibrator", [None, SIGMOID, ISOTONIC])
def test_log_odds_are_the_candidates_calibrated(
    name: str,
    calibrator: Any,
    pipelines: dict[str, Pipeline],
    inputs: pd.DataFrame,
    contract: Contract,
) -> None:
    model = ChurnModel.of(name, pipelines[name], contract.model_inputs, calibrator)
    raw = logit(pipelines[name].predict_proba(inputs)[:, 1].astype(np.float64))
    np.testing.assert_allclose(log_odds(name, pipelines[name], inputs), raw, atol=1e-5)
    expected = raw if calibrator is None else calibrator(raw)
    found = model.log_odds(inputs)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(model.churn_probability(inputs), expit(found))
    assert found.dtype == np.float64


@every_candidate
def test_model_sees_its_inputs_only(
    name: str, pipelines: dict[str, Pipeline], inputs: pd.DataFrame, contract: Contract
) -> None:
    model = ChurnModel.of(name, pipelines[name], contract.model_inputs)
    table = inputs[list(inputs)[::-1]].assign(other=1.0)
    table[contract.target.name] = "Yes"
    table.index = np.arange(len(table))[::-1] + 7
    np.testing.assert_array_equal(model.log_odds(table), model.log_odds(inputs))


@every_candidate
def test_unpickled_model_scores_the_same(
    name: str, pipelines: dict[str, Pipeline], inputs: pd.DataFrame, contract: Contract
) -> None:
    model = ChurnModel.of(name, pipelines[name], contract.model_inputs, SIGMOID)
    text = pickle.dumps(model)
    read = pickle.loads(text)
    np.testing.assert_array_equal(read.log_odds(inputs), model.log_odds(inputs))
    assert (read.candidate, read.inputs, read.calibrator) == (name, model.inputs, SIGMOID)
    assert (
        pickle.dumps(ChurnModel.of(name, pipelines[name], contract.model_inputs, SIGMOID)) == text
    )


@every_candidate
def test_customers_do_not_depend_on_each_other(
    name: str, pipelines: dict[str, Pipeline], inputs: pd.DataFrame, contract: Contract
) -> None:
    model = ChurnModel.of(name, pipelines[name], contract.model_inputs)
    alone = [model.log_odds(inputs[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(alone, model.log_odds(inputs)[:5], atol=1e-12)


@pytest.mark.parametrize("certain", [SigmoidCalibrator(1e6, 0.0), SigmoidCalibrator(-1e6, 0.0)])
def test_nobody_is_certain(
    certain: SigmoidCalibrator,
    pipelines: dict[str, Pipeline],
    inputs: pd.DataFrame,
    contract: Contract,
) -> None:
    model = ChurnModel.of("xgboost", pipelines["xgboost"], contract.model_inputs, certain)
    p = model.churn_probability(inputs)
    assert p.min() == pytest.approx(1e-6)
    assert p.max() == pytest.approx(1 - 1e-6)


def test_classifier_that_knows_probabilities_only_gets_finite_log_odds(
    contract: Contract,
    inputs: pd.DataFrame,
    target: NDArray[np.int8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(monkeypatch, "bayes", lambda seed: GaussianNB(), "trees")
    complete = inputs.fillna(dict.fromkeys(contract.numeric_inputs, 0))
    candidate = build_candidate("bayes", None, contract, 1).fit(complete, target)
    p = candidate.predict_proba(complete)[:, 1]
    assert (p < 1e-6).any() or (p > 1 - 1e-6).any()
    found = log_odds("bayes", candidate, complete)
    np.testing.assert_allclose(found, logit(np.clip(p, 1e-6, 1 - 1e-6)))
