from __future__ import annotations

import numpy as np
import pytest

from benchmarks.campaigns import simulate_campaign
from churn_pipeline.campaigns.arms import held_out
from churn_pipeline.campaigns.effect import (
    Effect,
    acceptance,
    measure_effect,
    sample_ratio_p_value,
)
from churn_pipeline.errors import DataError


def arms(treated: tuple[int, int], control: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return outcome and arm of so many (churned, stayed) customers."""
    counts = [*treated, *control]
    churned = np.repeat([True, False, True, False], counts)
    return churned, np.repeat([True, True, False, False], counts)


def measured(treated: tuple[int, int], control: tuple[int, int], share: float) -> Effect:
    churned, is_treated = arms(treated, control)
    return measure_effect(churned, is_treated, np.full(len(churned), 0.3), share)


def test_difference_has_newcombes_interval() -> None:
    # Newcombe (1998), table II (a): 56/70 and 48/80, method 10: 0.0524 to 0.3339
    effect = measured((48, 32), (56, 14), 70 / 150)
    assert effect.difference.value == pytest.approx(0.2, abs=1e-9)
    assert effect.difference.low == pytest.approx(0.0524, abs=1e-4)
    assert effect.difference.high == pytest.approx(0.3339, abs=1e-4)
    assert effect.adjusted is None  # all scores are equal
    assert effect.best == effect.difference


def test_arms_of_the_wrong_sizes_are_refused() -> None:
    with pytest.raises(DataError, match=r"700 of 1,000 customers .* but 80% were to be"):
        measured((300, 400), (100, 200), 0.2)
    assert sample_ratio_p_value(800, 1000, 0.8) == pytest.approx(1.0)
    assert sample_ratio_p_value(10, 10, 1.0) == 1.0
    assert sample_ratio_p_value(9, 10, 1.0) == 0.0


@pytest.mark.parametrize(("treated", "control", "arm"), [((0, 0), (3, 5), "contacted")])
def test_an_empty_arm_is_refused(
    treated: tuple[int, int], control: tuple[int, int], arm: str
) -> None:
    with pytest.raises(DataError, match=f"no {arm} customer has a known outcome"):
        measured(treated, control, 0.2)


def test_scores_that_tell_churners_sharpen_the_estimate() -> None:
    rng = np.random.default_rng(1)
    n, share = 4000, 0.3
    p = rng.beta(0.7, 1.4, n)
    held = held_out("spring", map(str, range(n)), share)
    churned = rng.random(n) < np.where(held, p, 0.7 * p)
    effect = measure_effect(churned, ~held, p, share)
    assert effect.adjusted is not None
    width = effect.adjusted.high - effect.adjusted.low
    assert width < 0.9 * (effect.difference.high - effect.difference.low)
    assert effect.adjusted.low < 0.3 * p.mean() < effect.adjusted.high


def test_levels_and_power_hold_on_simulated_campaigns() -> None:
    real, none = (
        [r for i in range(200) if (r := simulate_campaign(i, 1000, effect)) is not None]
        for effect in (True, False)
    )
    assert np.mean([r.covered for r in real]) >= 0.91
    assert np.mean([r.adjusted_covered for r in real]) >= 0.91
    assert np.mean([r.seen for r in none]) <= 0.09
    assert np.mean([r.adjusted_seen for r in none]) <= 0.09
    assert abs(np.mean([r.seen for r in real]) - np.mean([r.told for r in real])) < 0.08


def test_what_was_assumed_of_the_acceptance_moves_towards_what_was_found() -> None:
    assumed = 6 / 20
    effect = measured((6000, 18_000), (3000, 3000), 0.2)  # 25 % instead of 50 %: half accept
    found = acceptance(effect, 6, 14)
    assert found.found.value == pytest.approx(0.5, abs=1e-6)
    assert found.found.low < 0.5 < found.found.high
    mean = found.alpha / (found.alpha + found.beta)
    assert assumed < mean <= 0.5
    assert mean == pytest.approx(0.5, abs=0.01)  # much is known
    assert found.alpha + found.beta > 20  # and more sure than before


def test_a_small_campaign_hardly_moves_what_was_assumed() -> None:
    found = acceptance(measured((10, 30), (5, 5), 0.2), 6, 14)
    mean = found.alpha / (found.alpha + found.beta)
    assert abs(mean - 0.3) < 0.05
    assert 20 < found.alpha + found.beta < 30


def test_a_campaign_that_made_churners_gives_a_low_prior_that_can_be_used() -> None:
    found = acceptance(measured((16_000, 8000), (3000, 3000), 0.2), 6, 14)
    assert found.found.high < 0
    assert found.alpha >= 0.1
    assert found.alpha + found.beta >= 20
    assert found.alpha / (found.alpha + found.beta) < 0.01
