from __future__ import annotations

from dataclasses import astuple
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from churn_pipeline.economics.policies import POLICIES, Policy, weigh_policies
from churn_pipeline.scorer.decisions import Economics
from churn_pipeline.statistics.bootstrap import Bootstrap

DEFAULT = Economics(200, 10, 1, 6, 14)
RNG = np.random.default_rng(1)
P = RNG.beta(1, 2, 400)
Y = (RNG.random(400) < P).astype(int)
VALUES = RNG.gamma(2, 100, 400)


def weigh(
    y: Any = Y, contacted: Any = None, values: Any = VALUES, **options: Any
) -> dict[str, Policy]:
    decided = DEFAULT.expected_profit(P, VALUES) > 0 if contacted is None else contacted
    second = options.pop("second", None)
    settings = {"replicates": 200, "confidence": 0.95, "seed": 1, **options}
    return weigh_policies(y, decided, values, DEFAULT, Bootstrap(**settings), second)


def test_profits_by_hand() -> None:
    found = weigh([1, 0, 1, 0], [True, True, False, False], [200.0, 300.0, 100.0, 50.0])
    assert tuple(found) == tuple(name for name in POLICIES if name != "runner_up")
    # contacted churners earn 0.3 × 190 − 1 and 0.3 × 90 − 1, the others cost 11
    profits = {name: policy.profit_per_customer.value for name, policy in found.items()}
    assert profits == pytest.approx({
        "model": (56 - 11) / 4,
        "contact_everyone": (56 + 26 - 22) / 4,
        "contact_no_one": 0,
        "random": (56 + 26 - 22) / 8,
    })  # fmt: skip
    assert [policy.contacted_share for policy in found.values()] == [0.5, 1, 0, 0.5]
    for name, policy in found.items():
        gain = profits["model"] - profits[name]
        assert policy.difference_to_model.value == pytest.approx(gain)


def test_a_runner_up_decides_about_the_same_customers() -> None:
    y, values = [1, 0, 1, 0], [200.0, 300.0, 100.0, 50.0]
    found = weigh(y, [True, True, False, False], values, second=[True, False, True, False])
    assert tuple(found) == POLICIES
    runner_up = found["runner_up"]
    assert runner_up.contacted_share == 0.5
    assert runner_up.profit_per_customer.value == pytest.approx((56 + 26) / 4)
    assert runner_up.difference_to_model.value == pytest.approx((-11 - 26) / 4)
    same = weigh(y, [True, True, False, False], values, second=[True, True, False, False])
    difference = same["runner_up"].difference_to_model
    assert (difference.low, difference.value, difference.high) == (0.0, 0.0, 0.0)


def test_random_is_the_mean_over_all_choices_of_as_many() -> None:
    y, values = np.array([1, 0, 1, 0, 0, 1]), np.array([90.0, 200, 400, 10, 50, 120])
    earned = DEFAULT.expected_profit(y, values)
    expected = np.mean([earned[list(choice)].sum() / 6 for choice in combinations(range(6), 2)])
    found = weigh(y, [True, False, False, False, True, False], values)["random"]
    assert found.profit_per_customer.value == pytest.approx(expected)


def test_intervals_are_paired_over_the_same_replicates() -> None:
    found = weigh()
    everyone = found["contact_everyone"]
    apart = everyone.profit_per_customer.high - everyone.profit_per_customer.low
    together = everyone.difference_to_model.high - everyone.difference_to_model.low
    assert together < 0.7 * apart
    assert found["contact_no_one"].difference_to_model == found["model"].profit_per_customer
    assert astuple(found["contact_no_one"].profit_per_customer) == (0, 0, 0)
    assert astuple(found["model"].difference_to_model) == (0, 0, 0)


def test_the_width_of_an_interval_is_that_of_the_mean() -> None:
    interval = weigh(replicates=2000)["contact_everyone"].profit_per_customer
    error = DEFAULT.expected_profit(Y, VALUES).std() / np.sqrt(len(Y))
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * error, rel=0.1)
    assert interval.low < interval.value < interval.high


def test_the_seed_alone_decides() -> None:
    assert weigh(seed=3) == weigh(seed=3)
    assert weigh(seed=3) != weigh(seed=4)


@pytest.mark.parametrize("everyone", [True, False])
def test_a_model_that_parts_nobody_is_a_policy_without_model(everyone: bool) -> None:
    found = weigh(contacted=np.full(400, everyone))
    same = found["contact_everyone" if everyone else "contact_no_one"]
    assert astuple(same.difference_to_model) == pytest.approx((0, 0, 0), abs=1e-9)
    assert found["random"].profit_per_customer.value == pytest.approx(
        found["model"].profit_per_customer.value
    )
