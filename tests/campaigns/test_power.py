import numpy as np
import pytest

from churn_pipeline.campaigns.power import customers_needed, detectable_effect, power_of
from churn_pipeline.statistics.shares import score_limits


@pytest.mark.parametrize("customers", [1000, 20_000])
def test_detectable_effect_is_found_as_often_as_is_said(customers: int) -> None:
    effect = detectable_effect(customers, 0.1, 0.35)
    assert effect is not None
    rng = np.random.default_rng(5)
    held = rng.binomial(customers, 0.1, 4000)
    control = rng.binomial(held, 0.35) / held
    treated = rng.binomial(customers - held, 0.35 - effect) / (customers - held)
    control_low, _ = score_limits(control, held, 0.95)
    _, treated_high = score_limits(treated, customers - held, 0.95)
    low = control - treated - np.hypot(control - control_low, treated_high - treated)
    assert (low > 0).mean() == pytest.approx(0.8, abs=0.025)  # four standard errors


def test_effect_power_and_size_are_one_relation() -> None:
    effect = detectable_effect(3000, 0.2, 0.3)
    assert effect is not None
    assert power_of(3000, 0.2, 0.3, effect) == pytest.approx(0.8, abs=1e-6)
    assert customers_needed(0.2, 0.3, effect) == pytest.approx(3000, abs=2)


def test_power_grows_with_size_and_effect_and_falls_to_the_level() -> None:
    powers = [power_of(n, 0.2, 0.3, 0.05) for n in (200, 2000, 20_000)]
    assert powers == sorted(powers)
    assert power_of(20_000, 0.2, 0.3, 0.0) == pytest.approx(0.025, abs=0.005)  # upwards only


def test_a_campaign_too_small_for_any_effect_says_none() -> None:
    assert detectable_effect(20, 0.1, 0.1) is None
    assert power_of(5, 0.1, 0.3, 0.3) == 0.0
    assert power_of(1000, 0.0, 0.3, 0.1) == 0.0
    assert customers_needed(0.2, 0.3, 1e-7) is None
