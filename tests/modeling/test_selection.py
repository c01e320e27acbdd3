from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.modeling.selection import choose_champion
from churn_pipeline.statistics.comparison import compare_candidates


def measured(**log_losses: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"candidate": name, "repeat": 1, "fold": fold, "log_loss": loss, "roc_auc": 0.8}
            for name, losses in log_losses.items()
            for fold, loss in enumerate(losses, start=1)
        ]
    )


def compared(a: str, b: str, *, significant: bool) -> dict[str, Any]:
    return {"candidate": a, "other": b, "p_value_holm": 0.25, "significant": significant}


COSTS = {"cheap": 40.0, "middle": 400.0, "dear": 4000.0, "baseline": 1.0}
TABLE = measured(dear=[0.40, 0.42], middle=[0.41, 0.42], cheap=[0.42, 0.43], baseline=[0.40, 0.41])


def choose(table: pd.DataFrame, *worse: str, best: str = "dear") -> dict[str, Any]:
    names = [name for name in table["candidate"].unique() if name != best]
    comparisons = [compared(name, best, significant=name in worse) for name in names]
    return choose_champion(table, comparisons, COSTS)


@pytest.mark.parametrize(
    ("worse", "champion", "runner_up"),
    [
        ((), "cheap", "dear"),
        (("cheap",), "middle", "dear"),
        (("middle",), "cheap", "dear"),
        (("cheap", "middle"), "dear", "middle"),
    ],
)
def test_the_cheapest_of_those_not_significantly_worse_than_the_best_wins(
    worse: tuple[str, ...], champion: str, runner_up: str
) -> None:
    selection = choose(TABLE, *worse)
    assert selection["champion"] == champion
    assert selection["runner_up"] == runner_up
    assert selection["criterion"] == "log_loss"


@pytest.mark.parametrize("significant", [True, False])
def test_it_is_said_where_the_effort_was_not_worth_it(significant: bool) -> None:
    comparisons = [compared("baseline", "cheap", significant=significant)]
    table = TABLE[TABLE["candidate"].isin(["cheap", "baseline"])]
    reason = choose_champion(table, comparisons, COSTS)["reason"]
    assert ("cheap is not significantly better than plain" in reason) != significant


def test_the_baseline_is_listed_but_cannot_win() -> None:
    selection = choose(TABLE)
    assert set(selection["candidates"]) == set(COSTS)
    assert "baseline" not in (selection["champion"], selection["runner_up"])


def test_figures_are_means_and_deviations_over_the_folds() -> None:
    found = choose(measured(dear=[0.2, 0.4]))["candidates"]["dear"]
    assert found["log_loss"] == {"mean": 0.3, "std": 0.141421}
    assert found["roc_auc"] == {"mean": 0.8, "std": 0.0}
    assert found["scoring_cost"] == 4000.0


@pytest.mark.parametrize("names", [("dear",), ("dear", "baseline")])
def test_a_single_candidate_wins_and_has_no_runner_up(names: tuple[str, ...]) -> None:
    selection = choose(TABLE[TABLE["candidate"].isin(names)], "baseline")
    assert selection["champion"] == "dear"
    assert selection["runner_up"] is None
    assert selection["reason"] == (
        "dear has the lowest mean log loss (0.4100), and it is the only candidate."
    )


def test_equal_losses_and_costs_go_by_name_whatever_the_order() -> None:
    for names in (["b", "a"], ["a", "b"]):
        table = measured(**{name: [0.4, 0.5] for name in names})
        comparisons = compare_candidates(table, 0.25, 0.95)
        selection = choose_champion(table, comparisons, {"a": 5.0, "b": 5.0})
        assert (selection["champion"], selection["runner_up"]) == ("a", "b")


@pytest.mark.parametrize(
    ("worse", "reason"),
    [
        (
            (),
            "dear has the lowest mean log loss (0.4100); cheap is not significantly worse "
            "(+0.0150, p = 0.25 after Holm's correction) and scores a customer in 40 operations "
            "instead of 4,000.",
        ),
        (
            ("cheap", "middle"),
            "dear has the lowest mean log loss (0.4100), and all others are significantly worse.",
        ),
    ],
)  # fmt: skip
def test_the_reason_is_one_sentence(worse: tuple[str, ...], reason: str) -> None:
    assert choose(TABLE, *worse, "baseline")["reason"] == reason


def test_the_reason_when_the_best_is_the_cheapest_of_the_tied() -> None:
    table = measured(cheap=[0.40, 0.42], middle=[0.41, 0.42], dear=[0.6, 0.7])
    assert choose(table, "dear", best="cheap")["reason"] == (
        "cheap has the lowest mean log loss (0.4100), and no candidate that is cheaper to score is "
        "statistically as good."
    )


def test_a_clear_difference_beats_cost_and_noise_does_not() -> None:
    generator = np.random.default_rng(0)
    folds = 0.4 + 0.01 * generator.normal(size=10)
    noise = 0.004 * generator.normal(size=10)
    for gap, champion in ((0.02, "dear"), (0.001, "cheap")):
        table = measured(dear=list(folds), cheap=list(folds + gap + noise))
        comparisons = compare_candidates(table, 1 / 4, 0.95)
        assert choose_champion(table, comparisons, COSTS)["champion"] == champion
