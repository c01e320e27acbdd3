"""The gate on the current champion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import ttest_rel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from churn_pipeline.evaluation.champion import LostChampion
from churn_pipeline.evaluation.regression import (
    Regression,
    compare_with_champion,
)
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.statistics.losses import log_losses

# customers whose churn depends on `risk` and not on `noise`


@pytest.fixture(scope="module")
def sides() -> tuple[pd.DataFrame, pd.DataFrame]:
    generator = np.random.default_rng(1)
    table = pd.DataFrame({name: generator.normal(size=1600) for name in ("risk", "noise")})
    probability = 1 / (1 + np.exp(1 - 1.5 * table["risk"]))
    table["churned"] = (generator.random(1600) < probability).astype("int8")
    return table[:800], table[800:]


def fit(train: pd.DataFrame, *inputs: str) -> ChurnModel:
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.fit(train[list(inputs)], train["churned"])
    return ChurnModel.of("logistic_regression", pipeline, inputs)


def compare(
    new: ChurnModel,
    champion: ChurnModel | LostChampion | None,
    test: pd.DataFrame,
    confidence: float = 0.95,
    margin: float = 0.0,
) -> Regression:
    churned: NDArray[np.int8] = test["churned"].to_numpy()
    return compare_with_champion(
        churned, new.churn_probability(test), champion, test, confidence, margin
    )


Sides = tuple[pd.DataFrame, pd.DataFrame]


def test_a_regression_is_found_and_an_improvement_is_none(sides: Sides) -> None:
    good, poor = fit(sides[0], "risk"), fit(sides[0], "noise")
    worse, better = compare(poor, good, sides[1]), compare(good, poor, sides[1])
    assert not worse.passed
    assert better.passed
    assert worse.difference == pytest.approx(-(better.difference or 0))
    losses = [log_loss(sides[1]["churned"], m.churn_probability(sides[1])) for m in (poor, good)]
    assert worse.difference == pytest.approx(losses[0] - losses[1])
    assert "margin 0: worse beyond noise" in worse.detail


def test_an_identical_champion_passes(sides: Sides) -> None:
    model = fit(sides[0], "risk")
    found = compare(model, model, sides[1])
    assert (found.difference, found.passed) == (0.0, True)
    assert "+0.0000 to +0.0000, margin 0: not worse by more than the margin" in found.detail


def test_an_equal_model_passes_about_as_often_as_promised() -> None:
    generator = np.random.default_rng(2)
    p = generator.beta(1, 2, size=(400, 500))
    churned = (generator.random(p.shape) < p).astype("int8")
    customers = pd.DataFrame({"x": range(500)})
    noise = [p + generator.uniform(-1, 1, p.shape) * 0.5 * p * (1 - p) for _ in range(2)]
    champion = fit(pd.DataFrame({"x": [0, 1], "churned": [0, 1]}), "x")
    failed = 0
    for row, new, old in zip(churned, *noise, strict=True):
        known: Any = lambda _, old=old: logit(old)  # noqa: E731
        current = replace(champion, calibrator=known)
        failed += not compare_with_champion(row, new, current, customers, 0.95).passed
    assert 8 <= failed <= 35  # 20 of 400 expected; 1 in 1,000 for chance to leave this range


def test_either_end_decides_as_a_one_sided_paired_t_test(sides: Sides) -> None:
    train, test = sides
    old, new = fit(train[:100], "risk", "noise"), fit(train[100:150], "risk", "noise")
    y = test["churned"].to_numpy()
    losses = [log_losses(y, m.churn_probability(test)) for m in (new, old)]
    oracle = ttest_rel(*losses, alternative="greater").pvalue
    assert compare(new, old, test, confidence=1 - oracle * 0.99).passed
    assert not compare(new, old, test, confidence=1 - oracle * 1.01).passed


def test_a_significant_difference_within_the_margin_passes(sides: Sides) -> None:
    train, test = sides
    old = fit(train, "risk")
    spread: Any = lambda scores: scores + 0.01 * np.sign(scores)  # noqa: E731
    shifted = replace(old, calibrator=spread)
    for new, champion in ((shifted, old), (old, shifted)):
        found = compare(new, champion, test, margin=0.002)
        assert found.passed
        assert "margin 0.002: not worse by more than the margin" in found.detail
    worse = max(
        (compare(a, b, test) for a, b in ((shifted, old), (old, shifted))),
        key=lambda found: found.difference or 0,
    )
    assert 0 < (worse.difference or 0) < 0.002


def test_a_small_test_side_says_that_it_cannot_tell(sides: Sides) -> None:
    train, test = sides
    new, old = fit(train[:100], "risk", "noise"), fit(train[100:200], "risk", "noise")
    found = compare(new, old, test[:40], margin=0.002)
    assert found.passed
    assert "too few test customers" in found.detail


def test_a_loss_that_may_exceed_the_margin_fails_though_its_estimate_does_not(
    sides: Sides,
) -> None:
    good, poor = fit(sides[0], "risk"), fit(sides[0], "noise")
    exact = compare(poor, good, sides[1]).difference
    assert exact is not None
    assert not compare(poor, good, sides[1], margin=exact * 1.001).passed
    assert compare(poor, good, sides[1], margin=exact * 2).passed


def test_the_first_model_has_no_champion_to_beat(sides: Sides) -> None:
    found = compare(fit(sides[0], "risk"), None, sides[1])
    assert found == Regression(None, None, "there is no champion yet")


def test_a_lost_champion_fails_with_the_remedy(sides: Sides) -> None:
    found = compare(fit(sides[0], "risk"), LostChampion("version 3: gone"), sides[1])
    assert (found.difference, found.passed) == (None, False)
    assert "cannot be loaded (version 3: gone)" in found.detail
    assert "kedro model rollback" in found.detail


class Raising(LogisticRegression):
    def decision_function(self, X: Any) -> Any:  # noqa: N803
        raise ValueError("columns are\nwrong")


def test_a_champion_that_cannot_score_fails_with_the_remedy(sides: Sides) -> None:
    train, test = sides
    new = fit(train, "risk")
    renamed = compare(new, fit(train, "noise"), test.drop(columns="noise"))
    assert not renamed.passed
    assert "(it needs noise)" in renamed.detail
    raising = make_pipeline(Raising()).fit(train[["risk"]], train["churned"])
    broken = compare(new, ChurnModel.of("logistic_regression", raising, ("risk",)), test)
    assert (broken.difference, broken.passed) == (None, False)
    assert "(columns are)" in broken.detail
    assert "set gates.no_regression to false" in broken.detail
