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


def compared(a: str, b: str, *, bound: float = 1.0, significant: bool = False) -> dict[str, Any]:
    return {
        "candidate": a, "other": b, "difference": 0.015, "upper_bound": bound,
        "p_value_holm": 0.25, "significant": significant,
    }  # fmt: skip


COSTS = {"cheap": 40.0, "middle": 400.0, "dear": 4000.0, "baseline": 1.0}
TABLE = measured(dear=[0.40, 0.42], middle=[0.41, 0.42], cheap=[0.42, 0.43], baseline=[0.40, 0.41])
MARGIN = 0.02


def choose(
    table: pd.DataFrame,
    *as_good: str,
    worse: tuple[str, ...] = (),
    best: str = "dear",
    cost_ratio: float = 2.0,
) -> dict[str, Any]:
    """Choose where some are within the margin of the best, and some significantly worse."""
    names = [name for name in table["candidate"].unique() if name != best]
    comparisons = [
        compared(name, best, bound=MARGIN if name in as_good else 0.021, significant=name in worse)
        for name in names
    ]
    return chosen(table, comparisons, cost_ratio)


def chosen(
    table: pd.DataFrame, comparisons: list[dict[str, Any]], cost_ratio: float = 2.0
) -> dict[str, Any]:
    losses = table.pivot(index="fold", columns="candidate", values="log_loss")
    return choose_champion(table, losses, comparisons, COSTS, margin=MARGIN, cost_ratio=cost_ratio)


@pytest.mark.parametrize(
    ("as_good", "cost_ratio", "champion", "runner_up"),
    [
        ((), 1, "dear", "middle"),
        (("middle",), 10, "middle", "dear"),
        (("middle",), 10.1, "dear", "middle"),  # not cheap enough
        (("cheap", "middle"), 2, "cheap", "dear"),
        (("cheap",), 2, "cheap", "dear"),
        (("baseline",), 2, "dear", "middle"),
    ],
)
def test_the_best_wins_unless_another_is_as_good_and_much_cheaper(
    as_good: tuple[str, ...], cost_ratio: float, champion: str, runner_up: str
) -> None:
    selection = choose(TABLE, *as_good, cost_ratio=cost_ratio)
    assert selection["champion"] == champion
    assert selection["best"] == "dear"
    assert selection["runner_up"] == runner_up
    assert selection["criterion"] == "log_loss"


@pytest.mark.parametrize("significant", [True, False])
def test_it_is_said_where_the_effort_was_not_worth_it(significant: bool) -> None:
    comparisons = [compared("baseline", "cheap", significant=significant)]
    table = TABLE[TABLE["candidate"].isin(["cheap", "baseline"])]
    reason = chosen(table, comparisons)["reason"]
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
    selection = choose(TABLE[TABLE["candidate"].isin(names)])
    assert selection["champion"] == "dear"
    assert selection["runner_up"] is None
    assert selection["reason"].startswith(
        "dear has the lowest mean log loss (0.4100), and it is the only candidate."
    )


def test_equal_losses_go_by_name_whatever_the_order() -> None:
    for names in (["b", "a"], ["a", "b"]):
        table = measured(**{name: [0.4, 0.5] for name in names})
        losses = table.pivot(index="fold", columns="candidate", values="log_loss")
        comparisons = compare_candidates(losses, 0.95)
        costs = {"a": 5.0, "b": 4.9}
        selection = choose_champion(table, losses, comparisons, costs, margin=0.001, cost_ratio=2.0)
        assert (selection["champion"], selection["runner_up"]) == ("a", "b")


@pytest.mark.parametrize(
    ("as_good", "worse", "reason"),
    [
        (
            ("cheap",),
            (),
            "dear has the lowest mean log loss (0.4100); cheap loses 0.0150 more, with confidence "
            "at most 0.0200 (limit 0.02), and scores a customer in 40 operations instead of 4,000, "
            "100.0 times as cheap.",
        ),
        (
            (),
            ("cheap", "middle"),
            "dear has the lowest mean log loss (0.4100), and all others are significantly worse.",
        ),
        (
            (),
            ("cheap",),
            "dear has the lowest mean log loss (0.4100), and no candidate that is much cheaper to "
            "score is as good.",
        ),
    ],
)
def test_the_reason_is_one_sentence(
    as_good: tuple[str, ...], worse: tuple[str, ...], reason: str
) -> None:
    assert choose(TABLE, *as_good, worse=(*worse, "baseline"))["reason"].startswith(reason)


def test_what_is_as_good_needs_the_customers_to_show_it() -> None:
    # the same difference of .0005: "not significantly worse" in both, shown to be small in one
    generator = np.random.default_rng(0)
    for noise, champion in ((0.05, "dear"), (0.001, "cheap")):
        dear = 0.4 + 0.1 * generator.normal(size=500)
        around = generator.normal(size=500)
        losses = pd.DataFrame(
            {"dear": dear, "cheap": dear + 0.0005 + noise * (around - around.mean())}
        )
        table = measured(**{str(name): [losses[name].mean()] * 2 for name in losses})
        comparisons = compare_candidates(losses, 0.95)
        found = choose_champion(table, losses, comparisons, COSTS, margin=0.001, cost_ratio=2.0)
        assert found["champion"] == champion


def test_a_linear_model_without_coefficients_costs_nothing() -> None:
    losses = TABLE.pivot(index="fold", columns="candidate", values="log_loss")
    comparisons = [compared(name, "dear", bound=0.0) for name in ("middle", "cheap", "baseline")]
    comparisons.append(compared("cheap", "baseline"))
    costs = COSTS | {"cheap": 0.0}
    found = choose_champion(TABLE, losses, comparisons, costs, margin=MARGIN, cost_ratio=2.0)
    assert found["champion"] == "cheap"
    assert "in 0 operations instead of 4,000" in found["reason"]
