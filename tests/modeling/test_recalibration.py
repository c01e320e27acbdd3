from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from churn_pipeline.modeling import recalibration
from churn_pipeline.modeling.recalibration import (
    IsotonicCalibrator,
    SigmoidCalibrator,
    choose_calibrator,
    describe,
    fit_isotonic,
    fit_sigmoid,
)

N, FOLDS, REPEATS = 3000, 5, 2
Floats = NDArray[np.float64]


def truth(seed: int = 0) -> tuple[Floats, NDArray[np.int8]]:
    """Draw log-odds and who churned by them."""
    generator = np.random.default_rng(seed)
    log_odds = generator.normal(-1, 1.5, N)
    return log_odds, (generator.random(N) < expit(log_odds)).astype(np.int8)


def folds() -> list[list[NDArray[np.int64]]]:
    generator = np.random.default_rng(5)
    return [np.array_split(generator.permutation(N), FOLDS) for _ in range(REPEATS)]


def choose(log_odds: Floats, churned: NDArray[np.int8], *methods: str) -> Any:
    return choose_calibrator(
        [log_odds] * REPEATS,
        churned,
        folds(),
        methods=methods or ("sigmoid", "isotonic"),
        confidence=0.95,
    )


def test_sigmoid_corrects_an_overconfident_model() -> None:
    log_odds, churned = truth()
    calibrator, facts = choose(2 * log_odds + 1, churned)
    assert facts["method"] == "sigmoid"
    assert calibrator.slope == pytest.approx(0.5, abs=0.05)
    assert calibrator.intercept == pytest.approx(-0.5, abs=0.15)
    trial = facts["tried"]["sigmoid"]
    assert trial["log_loss_after"] < trial["log_loss_before"] - 0.01
    assert trial["p_value"] < 0.05
    assert describe(calibrator) == {
        "slope": round(calibrator.slope, 6),
        "intercept": round(calibrator.intercept, 6),
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_calibrated_model_gets_no_calibrator(seed: int) -> None:
    calibrator, facts = choose(*truth(seed))
    assert calibrator is None
    assert facts["method"] == "none"
    assert set(facts["tried"]) == {"sigmoid", "isotonic"}
    assert all(trial["p_value"] >= 0.05 for trial in facts["tried"].values())
    assert describe(calibrator) == {}


def test_isotonic_is_chosen_for_a_bent_map() -> None:
    log_odds, churned = truth()
    bent = np.where(log_odds > 0, 8 * log_odds, 0.1 * log_odds) + 1
    calibrator, facts = choose(bent, churned)
    assert facts["method"] == "isotonic"
    tried = facts["tried"]
    assert tried["isotonic"]["log_loss_after"] < tried["sigmoid"]["log_loss_after"]
    middle = np.abs(log_odds) < 2
    assert np.abs(calibrator(bent) - log_odds)[middle].mean() < 0.3


def test_only_the_given_methods_are_tried() -> None:
    log_odds, churned = truth()
    calibrator, facts = choose(3 * log_odds, churned, "isotonic")
    assert facts["method"] == calibrator.method == "isotonic"
    assert list(facts["tried"]) == ["isotonic"]
    calibrator, facts = choose_calibrator([log_odds], churned, folds()[:1], [], 0.95)
    assert (calibrator, facts) == (None, {"method": "none", "tried": {}})


def test_calibrator_that_memorises_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    log_odds, churned = truth()
    fitted: list[set[float]] = []

    def memorise(known: Floats, target: NDArray[np.int8]) -> Any:
        fitted.append(set(known))
        answers = dict(zip(known, np.where(target == 1, 9.0, -9.0), strict=True))
        return lambda values: np.array([answers.get(value, value) for value in values])

    monkeypatch.setitem(recalibration.METHODS, "memory", memorise)
    calibrator, facts = choose(log_odds, churned, "memory")
    trial = facts["tried"]["memory"]
    assert calibrator is None
    assert trial["log_loss_after"] == trial["log_loss_before"]
    held_out = [set(log_odds[part]) for repeat in folds() for part in repeat]
    assert len(fitted) == FOLDS * REPEATS
    for known, part in zip(fitted, held_out, strict=True):
        assert known == set(log_odds) - part


@pytest.mark.parametrize("fit", [fit_sigmoid, fit_isotonic])
def test_order_of_customers_is_kept(fit: Any) -> None:
    log_odds, churned = truth()
    values = fit(3 * log_odds - 1, churned)(np.linspace(-30, 30, 500))
    assert (np.diff(values) >= 0).all()
    assert np.isfinite(values).all()


@pytest.mark.parametrize("fit", [fit_sigmoid, fit_isotonic])
def test_a_model_that_is_wrong_all_along_is_flattened_and_not_turned_round(fit: Any) -> None:
    log_odds, churned = truth()
    values = fit(-log_odds, churned)(np.linspace(-4, 4, 50))
    np.testing.assert_allclose(expit(values), churned.mean(), atol=0.01)
    assert (np.diff(values) >= 0).all()


def test_isotonic_is_never_certain() -> None:
    log_odds = np.linspace(-3, 3, 200)
    churned = (log_odds > 0).astype(np.int8)  # both ends are pure
    p = expit(fit_isotonic(log_odds, churned)(np.array([-50.0, -2, 2, 50])))
    # 100 of each kind and one customer of rate 1/2
    np.testing.assert_allclose(p, [0.5 / 101, 0.5 / 101, 100.5 / 101, 100.5 / 101])


def test_isotonic_by_hand() -> None:
    # steps of churn rates 0, 1/2 and 1 at mean log-odds -2, 0.5 and 3
    calibrator = fit_isotonic(np.array([-2.0, 0, 1, 3]), np.array([0, 1, 0, 1], dtype=np.int8))
    assert isinstance(calibrator, IsotonicCalibrator)
    assert calibrator.points == (-2.0, 0.5, 3.0)
    np.testing.assert_allclose(expit(calibrator.values), [0.25, 0.5, 0.75])
    np.testing.assert_allclose(calibrator(np.array([1.75])), [np.mean(calibrator.values[1:])])


def test_sigmoid_by_hand() -> None:
    calibrator = SigmoidCalibrator(slope=2.0, intercept=-1.0)
    assert calibrator(np.array([0.0, 1.5])).tolist() == [-1.0, 2.0]


def test_same_inputs_give_the_same_calibrator() -> None:
    log_odds, churned = truth()
    assert choose(2 * log_odds, churned) == choose(2 * log_odds, churned)
