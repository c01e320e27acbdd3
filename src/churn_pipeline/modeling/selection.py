"""The choice among the candidates: the best, or one that is as good and much cheaper to score."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from churn_pipeline.modeling.candidates import BASELINE


def choose_champion(
    cross_validation: pd.DataFrame,
    losses: pd.DataFrame,
    comparisons: Sequence[Mapping[str, Any]],
    scoring_costs: Mapping[str, float],
    *,
    margin: float,
    cost_ratio: float,
) -> dict[str, Any]:
    """Choose the candidate of lowest log loss, or a much cheaper one that is as good.

    As good is who is non-inferior: the one-sided confidence bound of its additional log loss stays
    within ``margin``. "Not significantly worse" would not do, since a weak test calls everything
    so. The baseline is there to be beaten and cannot be chosen.

    Parameters
    ----------
    cross_validation : DataFrame
        As :func:`churn_pipeline.modeling.cross_validation.score_folds` returns it.
    losses : DataFrame, (n, n_candidates)
        As :func:`churn_pipeline.modeling.cross_validation.out_of_fold_losses` returns it.
    comparisons : sequence of mapping
        As :func:`churn_pipeline.statistics.comparison.compare_candidates` returns it.
    scoring_costs : mapping of str to float
        Operations that it takes to score one customer, by candidate.
    margin : float
        Additional log loss that counts as none.
    cost_ratio : float
        How many times as cheap a candidate must be to be preferred.

    Returns
    -------
    dict
        ``champion``, ``best`` (of lowest mean log loss), ``runner_up`` (the best of the others;
        None if there is none), ``criterion``, ``reason`` (a sentence), ``candidates`` (means,
        standard deviations over the folds, scoring cost) and ``comparisons``.
    """
    figures: dict[str, dict[str, Any]] = {
        str(name): {
            "log_loss": _figure(losses[name].mean(), group["log_loss"]),
            "roc_auc": _figure(group["roc_auc"].mean(), group["roc_auc"]),
            "scoring_cost": round(float(scoring_costs[str(name)]), 1),
        }
        for name, group in cross_validation.groupby("candidate", sort=True)
    }
    eligible = sorted(
        (name for name in figures if name != BASELINE), key=lambda name: (losses[name].mean(), name)
    )
    best = eligible[0]
    as_good = [
        name
        for name in eligible[1:]
        if _comparison(name, best, comparisons)["upper_bound"] <= margin
        and scoring_costs[name] * cost_ratio <= scoring_costs[best]
    ]
    champion = min(as_good, key=lambda name: scoring_costs[name], default=best)
    others = [name for name in eligible if name != champion]
    return {
        "champion": champion,
        "best": best,
        "runner_up": others[0] if others else None,
        "criterion": "log_loss",
        "reason": _reason(champion, best, figures, comparisons, margin)
        + _versus_baseline(champion, comparisons),
        "candidates": figures,
        "comparisons": list(comparisons),
    }


def _figure(mean: float, by_fold: pd.Series) -> dict[str, float]:
    return {"mean": round(float(mean), 6), "std": round(float(by_fold.std(ddof=1)), 6)}


def _comparison(
    name: str, other: str, comparisons: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    return next(c for c in comparisons if {c["candidate"], c["other"]} == {name, other})


def _versus_baseline(champion: str, comparisons: Sequence[Mapping[str, Any]]) -> str:
    """Return a sentence if the champion does not beat the baseline significantly."""
    pairs = ({c["candidate"], c["other"]} for c in comparisons)
    if {champion, BASELINE} not in pairs:
        return ""
    comparison = _comparison(champion, BASELINE, comparisons)
    if comparison["significant"] and comparison["candidate"] == BASELINE:
        return ""
    return (
        f" {champion} is not significantly better than plain logistic regression on the columns of "
        "the file."
    )


def _reason(
    champion: str,
    best: str,
    figures: Mapping[str, Mapping[str, Any]],
    comparisons: Sequence[Mapping[str, Any]],
    margin: float,
) -> str:
    lowest = f"{best} has the lowest mean log loss ({figures[best]['log_loss']['mean']:.4f})"
    others = [name for name in figures if name not in (best, BASELINE)]
    if not others:
        return f"{lowest}, and it is the only candidate."
    if champion == best:
        if all(_comparison(name, best, comparisons)["significant"] for name in others):
            return f"{lowest}, and all others are significantly worse."
        return f"{lowest}, and no candidate that is much cheaper to score is as good."
    comparison = _comparison(champion, best, comparisons)
    # a linear model may have no coefficient left
    saved = figures[best]["scoring_cost"] / max(figures[champion]["scoring_cost"], 1.0)
    return (
        f"{lowest}; {champion} loses {comparison['difference']:.4f} more, with confidence at most "
        f"{comparison['upper_bound']:.4f} (limit {margin:g}), and scores a customer in "
        f"{figures[champion]['scoring_cost']:,.0f} operations instead of "
        f"{figures[best]['scoring_cost']:,.0f}, {saved:.1f} times as cheap."
    )
