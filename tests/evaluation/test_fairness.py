from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2_contingency

from churn_pipeline.evaluation.fairness import (
    JUDGED,
    Outcomes,
    audit,
    compare_with_rest,
    mean_residual_z_test,
    measure_group,
    two_proportion_z_test,
)
from churn_pipeline.evaluation.metric_definitions import CALIBRATION
from churn_pipeline.statistics.bootstrap import Bootstrap

BOOTSTRAP = Bootstrap(200, 0.95, 3)


def draw(n: int, seed: int, level: float = 0.3) -> Outcomes:
    """Calibrated customers, contacted from a probability of ``level`` on."""
    generator = np.random.default_rng(seed)
    p = generator.beta(1.0, 2.5, n)
    return Outcomes((generator.random(n) < p).astype(float), p, (p >= level).astype(float))


def labels(n: int, seed: int, shares: tuple[float, ...]) -> pd.Categorical:
    names = [f"g{i}" for i in range(len(shares))]
    return pd.Categorical(np.random.default_rng(seed).choice(names, n, p=shares), names)


def groups_of(names: Any) -> pd.Categorical:
    return pd.Categorical(names)


def alarms(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(d["group"], d["metric"]) for d in found["differences"] if d["beyond_noise"]}


def plant(outcomes: Outcomes, group: NDArray[np.bool_], metric: str) -> Outcomes:
    """Break one metric in a group."""
    y, p, contacted = outcomes.churned, outcomes.churn_probability, outcomes.contacted
    if metric == "selection_rate":
        return Outcomes(y, p, np.where(group & (y == 0), 1.0, contacted))
    if metric == "recall":
        return Outcomes(y, p, np.where(group & (y == 1), 0.0, contacted))
    if metric == "precision":
        return Outcomes(np.where(group & (contacted == 1), 0.0, y), p, contacted)
    return Outcomes(y, np.where(group, np.minimum(p + 0.2, 1), p), contacted)


@pytest.mark.parametrize("metric", JUDGED)
def test_a_planted_disparity_is_found(metric: str) -> None:
    group = labels(1500, 1, (0.7, 0.3))
    outcomes = plant(draw(1500, 2), np.asarray(group == "g1"), metric)
    assert ("g1", metric) in alarms(audit({"x": group}, outcomes, BOOTSTRAP))


def test_without_a_disparity_there_are_few_warnings() -> None:
    rounds = 150
    loud = 0
    for seed in range(rounds):
        outcomes = draw(800, 100 + seed)
        groups = {
            "x": labels(800, 1000 + seed, (0.8, 0.2)),
            "y": labels(800, 2000 + seed, (0.5, 0.42, 0.08)),
        }
        found = audit(groups, outcomes, Bootstrap(1, 0.95, 1))
        assert len(found["differences"]) > 8
        loud += bool(alarms(found))
    # at most 5 % of audits by Holm; 15 of 150 would be twice as many (p < 0.01)
    assert loud < 15


@pytest.mark.parametrize("shift", [0.0, 0.03, 0.06])
def test_p_values_agree_with_those_of_permutations(shift: float) -> None:
    outcomes = draw(900, 5)
    is_member = np.arange(900) < 300
    contacted = outcomes.contacted.copy()
    contacted[: int(shift * 900)] = 1
    outcomes = Outcomes(outcomes.churned, outcomes.churn_probability, contacted)
    generator = np.random.default_rng(6)
    shuffled = np.array([generator.permutation(is_member) for _ in range(4000)]).astype(float)
    found, skipped = compare_with_rest(outcomes, is_member)
    assert [entry["metric"] for entry in found] == list(JUDGED)
    assert not skipped
    for entry in found:
        above, below = outcomes.ratios()[entry["metric"]]
        drawn = shuffled @ above / (shuffled @ below)
        drawn -= (1 - shuffled) @ above / ((1 - shuffled) @ below)
        oracle = float((np.abs(drawn) >= abs(entry["difference"]) - 1e-6).mean())
        assert entry["p_value"] == pytest.approx(oracle, abs=0.05), entry


@pytest.mark.parametrize("counts", [(30, 100, 40, 200), (7, 31, 300, 900), (20, 40, 20, 40)])
def test_two_proportions_agree_with_pearsons_chi_squared(counts: tuple[int, ...]) -> None:
    a, n, b, m = counts
    oracle = chi2_contingency([[a, n - a], [b, m - b]], correction=False).pvalue
    assert two_proportion_z_test(a, n, b, m) == pytest.approx(oracle, rel=1e-9)


@pytest.mark.parametrize("all_or_none", [(5, 5, 9, 9), (0, 5, 0, 9)])
def test_nothing_tells_apart_groups_that_are_all_alike(all_or_none: tuple[int, ...]) -> None:
    assert two_proportion_z_test(*all_or_none) == 1


def test_a_small_group_without_churners_is_no_calibration_alarm() -> None:
    rest = draw(20_000, 8)
    p = np.linspace(0.01, 0.03, 40)
    group = Outcomes(np.zeros(40), p, np.zeros(40))
    assert mean_residual_z_test(group, rest) > 0.2
    many = Outcomes(np.zeros(4000), np.full(4000, 0.1), np.zeros(4000))
    assert mean_residual_z_test(many, rest) < 0.05


def test_figures_of_a_group() -> None:
    y = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0.0])
    contacted = np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 0.0])
    found = measure_group(Outcomes(y, np.full(10, 0.4), contacted), BOOTSTRAP)
    values = {key: figure["value"] for key, figure in found.items() if key != "customers"}
    assert found["customers"] == 10
    assert values == {
        "churn_rate": 0.3,
        "selection_rate": 0.3,
        "recall": 0.666667,
        "precision": 0.666667,
        "calibration_error": 0.1,
    }


def test_intervals_are_of_the_normal_width_and_repeat() -> None:
    outcomes = draw(2000, 9)
    bootstrap = replace(BOOTSTRAP, replicates=4000)
    found = measure_group(outcomes, bootstrap)
    assert found == measure_group(outcomes, bootstrap)
    for metric, (above, below) in outcomes.ratios().items():
        value, n = above.sum() / below.sum(), below.sum()
        width = 2 * 1.96 * (above - value * below).std() * np.sqrt(len(outcomes)) / n
        figure = found[metric]
        assert figure["low"] < figure["value"] < figure["high"]
        assert figure["high"] - figure["low"] == pytest.approx(width, rel=0.08), metric
        middle = (figure["high"] + figure["low"]) / 2
        assert middle == pytest.approx(value, abs=0.04 * width), metric


def test_intervals_do_not_depend_on_the_other_columns() -> None:
    outcomes, one, two = draw(300, 1), labels(300, 2, (0.5, 0.5)), labels(300, 3, (0.5, 0.5))
    alone = audit({"x": one}, outcomes, BOOTSTRAP)
    both = audit({"y": two, "x": one}, outcomes, BOOTSTRAP)
    assert alone["columns"]["x"] == both["columns"]["x"]


def test_a_group_without_churners_or_contacts_has_no_recall_or_precision() -> None:
    outcomes = draw(600, 4)
    is_member = np.arange(600) < 100
    outcomes.churned[is_member] = 0
    outcomes.contacted[is_member] = 0
    group = groups_of(np.where(is_member, "none", "rest"))
    found = audit({"x": group}, outcomes, BOOTSTRAP)
    none = found["columns"]["x"]["groups"]["none"]
    assert none["recall"] is None
    assert none["precision"] is None
    assert none["churn_rate"] == {"value": 0, "low": 0, "high": 0}
    assert {d["metric"] for d in found["differences"]} == {"selection_rate", "calibration_error"}
    assert [n["metric"] for n in found["not_judged"]] == ["recall", "precision"]


def test_two_groups_are_one_comparison_of_the_smaller_one() -> None:
    found = audit({"x": labels(500, 1, (0.3, 0.7))}, draw(500, 1), BOOTSTRAP)
    assert [(d["group"], d["metric"]) for d in found["differences"]] == [("g0", m) for m in JUDGED]
    three = audit({"x": labels(500, 1, (0.3, 0.3, 0.4))}, draw(500, 1), BOOTSTRAP)
    assert len(three["differences"]) == 12


def test_few_customers_are_listed_but_not_judged() -> None:
    group = groups_of(["few"] * 29 + ["many"] * 300 + ["enough"] * 30)
    outcomes = draw(359, 2)
    outcomes.contacted[:29] = 1
    found = audit({"x": group}, outcomes, BOOTSTRAP)
    assert found["columns"]["x"]["groups"]["few"]["customers"] == 29
    assert {d["group"] for d in found["differences"]} == {"many", "enough"}
    assert {"column": "x", "group": "few", "metric": None} in found["not_judged"]


def test_one_group_has_no_rest() -> None:
    found = audit({"x": groups_of(["a"] * 50)}, draw(50, 2), BOOTSTRAP)
    assert found["columns"]["x"]["groups"]["a"]["customers"] == 50
    assert (found["differences"], found["not_judged"]) == ([], [])


def test_right_probabilities_of_groups_that_churn_at_other_rates_are_no_miscalibration() -> None:
    # the other metrics differ with the rates, which a perfect model cannot help
    generator = np.random.default_rng(8)
    rounds, off, different = 100, 0, 0
    for seed in range(rounds):
        group = labels(1400, seed, (0.7, 0.3))
        p = generator.beta(1.5, np.where(np.asarray(group == "g1"), 3.0, 6.0))
        outcomes = Outcomes((generator.random(1400) < p).astype(float), p, (p > 0.2).astype(float))
        metrics = {metric for _, metric in alarms(audit({"x": group}, outcomes, BOOTSTRAP))}
        off += CALIBRATION in metrics
        different += bool(metrics - {CALIBRATION})
    assert off <= 10  # 5 % by level
    assert different > 80


def test_holm_goes_over_all_columns() -> None:
    outcomes, group = draw(700, 11), labels(700, 12, (0.6, 0.4))
    alone = audit({"x": group}, outcomes, BOOTSTRAP)["differences"]
    others = {f"y{i}": labels(700, 20 + i, (0.6, 0.4)) for i in range(5)}
    among = audit({"x": group, **others}, outcomes, BOOTSTRAP)["differences"][:4]
    for one, many in zip(alone, among, strict=True):
        assert one["difference"] == many["difference"]
        assert one["p_value_holm"] <= many["p_value_holm"]
    assert alone != among
